"""A clip on disk: the frames of one subject, each with the drive state that it shows.

    clip.json            format, version, size, fps, frames, source, subject, consent, camera; margin, if there is one
    frames/000000.png    RGBA, straight alpha, 8 bit, size × size and the margin around it
    drive.npz            expression [N, 52], detail [N, 8], rotation [N, 4] (x, y, z, w), translation [N, 3] (dm),
                         timestamp [N] (s); a tracked clip adds landmarks [N, 478, 3], identity [K] and torso [N, 3]
                         (dm, how far the shoulders are from where the head's pose puts them)
    head_model.npz       the head model that it was tracked with, where that is not the shipped one

Axes and units are those of `runtime.contract.axes`. The first 80 % of the frames are for training, the rest for
testing. Frames are written one by one under a temporary name and renamed, so that several processes may fill one clip
and an interrupted writer can go on where it stopped.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.files import replaced, write_png, write_text
from runtime.contract.axes import Camera
from runtime.contract.drive import DETAIL, EXPRESSIONS, DriveState
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.naming import shown

FORMAT = "mien-clip"
VERSION = 1
TRAIN_SHARE = 0.8
SOURCES = ("studio", "video")
HEAD_MODEL = "head_model.npz"
Margin = tuple[int, int, int, int]
"""Pixels that a frame's file holds beyond the picture: left, top, right, bottom."""
NO_MARGIN: Margin = (0, 0, 0, 0)

_PER_FRAME = {"expression": (len(EXPRESSIONS),), "detail": (DETAIL,), "rotation": (4,), "translation": (3,),
              "timestamp": (), "landmarks": (478, 3), "torso": (3,)}  # fmt: skip
_OPTIONAL = ("landmarks", "identity", "torso")


@dataclass(frozen=True)
class ClipInfo:
    """What `clip.json` holds."""

    size: int
    fps: float
    frames: int
    source: str
    subject: str
    consent: str
    camera: Camera
    margin: Margin = NO_MARGIN

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a frame's file: height, width, channels."""
        left, top, right, bottom = self.margin
        return (self.size + top + bottom, self.size + left + right, 4)

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in ("size", "fps", "frames", "source", "subject", "consent")}
        camera = {"intrinsics": self.camera.intrinsics.tolist(), "extrinsics": self.camera.extrinsics.tolist()}
        margin = {"margin": list(self.margin)} if any(self.margin) else {}
        return {"format": FORMAT, "version": VERSION, **values, "camera": camera, **margin}


class Clip:
    """An open clip. Arrays are read whole, frames on demand. Use `Clip.open` or `Clip.create`."""

    def __init__(self, folder: Path, info: ClipInfo, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self.folder = folder
        self.info = info
        self.expression = arrays["expression"]
        self.detail = arrays["detail"]
        self.rotation = arrays["rotation"]
        self.translation = arrays["translation"]
        self.timestamp = arrays["timestamp"]
        self.landmarks = arrays.get("landmarks")
        self.identity = arrays.get("identity")
        self.torso = arrays.get("torso")
        self._arrays = dict(arrays)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, allow_missing_frames: bool = False) -> Clip:
        """Read and check a clip. Raises BadInput, naming what is wrong, where it cannot be used."""
        path = Path(folder)
        info = _read_info(path)
        clip = cls(path, info, _read_arrays(path, info.frames))
        missing = [] if allow_missing_frames else clip.missing()
        if missing:
            raise BadInput(
                f"clip '{path}' lacks {len(missing)} of {info.frames} frames, the first is {missing[0]}; "
                "run the command that wrote it again to complete it"
            )
        return clip

    @classmethod
    def create(cls, folder: str | os.PathLike[str], info: ClipInfo, arrays: Mapping[str, NDArray[np.floating]]) -> Clip:
        """Start a clip, or go on with one of the same description and performance.

        `arrays` holds the five per-frame arrays and optionally `landmarks` and `identity`. Raises BadInput where they
        do not fit `info`, or where the folder holds another clip.
        """
        path = Path(folder)
        checked = _checked_arrays({k: np.asarray(v, np.float32) for k, v in arrays.items()}, info.frames, path)
        clip = cls(path, info, checked)
        if (path / "clip.json").exists():
            old = cls.open(path, allow_missing_frames=True)
            if old.info.to_json() != info.to_json() or not np.array_equal(old.expression, clip.expression):
                raise BadInput(f"'{path}' already holds a different clip; choose another folder or delete it")
            return clip
        (path / "frames").mkdir(parents=True, exist_ok=True)
        replaced(path / "drive.npz", lambda temporary: _save_arrays(temporary, checked))
        text = json.dumps(info.to_json(), indent=1)
        write_text(path / "clip.json", text)
        return clip

    def with_torso(self, torso: NDArray[np.floating]) -> Clip:
        """The clip with `torso` [N, 3] among its arrays, on disk as well."""
        given = self._arrays | {"torso": np.asarray(torso, np.float32)}
        checked = _checked_arrays(given, self.info.frames, self.folder)
        replaced(self.folder / "drive.npz", lambda temporary: _save_arrays(temporary, checked))
        return Clip(self.folder, self.info, checked)

    def __len__(self) -> int:
        return self.info.frames

    @property
    def head_model(self) -> HeadModel:
        """The head model that it was tracked with: the folder's own, where it has one, or the shipped one."""
        own = self.folder / HEAD_MODEL
        return HeadModel.load(own if own.exists() else None)

    @property
    def train(self) -> range:
        """Indices of the training frames: the first 80 %."""
        return range(int(len(self) * TRAIN_SHARE))

    @property
    def test(self) -> range:
        """Indices of the held-out frames: the last 20 %."""
        return range(int(len(self) * TRAIN_SHARE), len(self))

    def frame_path(self, index: int) -> Path:
        return self.folder / "frames" / f"{index:06d}.png"

    def missing(self) -> list[int]:
        """Indices of the frames that are not there yet."""
        present = {p.name for p in (self.folder / "frames").glob("*.png")}
        return [i for i in range(len(self)) if f"{i:06d}.png" not in present]

    def frame(self, index: int) -> NDArray[np.uint8]:
        """RGBA with straight alpha, uint8 [size, size, 4]. Raises BadInput where the file is missing or unreadable."""
        left, top, _, _ = self.info.margin
        return self.wide_frame(index)[top : top + self.info.size, left : left + self.info.size]

    def wide_frame(self, index: int) -> NDArray[np.uint8]:
        """`frame` with the margin around it, uint8 [*info.shape]."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of a clip of {len(self)}")
        path = self.frame_path(index)
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        expected = self.info.shape
        if pixels is None or pixels.shape != expected or pixels.dtype != np.uint8:
            found = "unreadable" if pixels is None else f"{pixels.shape} {pixels.dtype}"
            raise BadInput(f"frame '{path}' should be 8-bit RGBA {expected} but is {found}; write the clip again")
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), np.uint8)

    def write_frame(self, index: int, rgba: NDArray[np.uint8]) -> None:
        """Write one frame with its margin, uint8 RGBA [*info.shape], straight alpha; other processes never see half of
        it."""
        if rgba.shape != self.info.shape or rgba.dtype != np.uint8:
            raise ValueError(f"a frame must be uint8 {list(self.info.shape)}, got {rgba.shape}")
        write_png(self.frame_path(index), np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8), 3)

    def state(self, index: int) -> DriveState:
        """The drive state of one frame."""
        return DriveState(
            self.expression[index],
            self.detail[index],
            self.rotation[index],
            self.translation[index],
            float(self.timestamp[index]),
        )


def drive_arrays(states: Sequence[DriveState]) -> dict[str, NDArray[np.float32]]:
    """The five per-frame arrays of a performance, float32, first axis frames."""
    names = ("expression", "detail", "rotation", "translation", "timestamp")
    return {name: np.array([getattr(s, name) for s in states], np.float32) for name in names}


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    with path.open("wb") as file:  # a file object: savez would add ".npz" to the temporary name
        np.savez(file, **arrays)


def _read_info(folder: Path) -> ClipInfo:
    path = folder / "clip.json"
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise BadInput(f"'{folder}' is not a clip: it has no clip.json") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"'{path}' is not valid JSON ({error}); write the clip again") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BadInput(f"'{path}' does not describe a clip: 'format' should be '{FORMAT}'")
    if values.get("version") != VERSION:
        raise BadInput(f"'{path}' is of version {shown(values.get('version'))}, this Mien reads version {VERSION}")
    try:
        camera = Camera(*(np.array(values["camera"][k], np.float32) for k in ("intrinsics", "extrinsics")))
        info = ClipInfo(int(values["size"]), float(values["fps"]), int(values["frames"]), values["source"],
                        values["subject"], values["consent"], camera, _margin(values))  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"'{path}' lacks or misstates {shown(str(error))}; write the clip again") from None
    texts = all(isinstance(text, str) for text in (info.source, info.subject, info.consent))
    sizes = 0 < info.size < 2**16 and 0 < info.frames < 2**31 and 0 < info.fps < 1e6
    if not texts or not sizes or info.source not in SOURCES:
        raise BadInput(f"'{path}': size, frames and fps must be positive and source one of {', '.join(SOURCES)}")
    if camera.intrinsics.shape != (4,) or camera.extrinsics.shape != (3, 4):
        raise BadInput(f"'{path}': the camera needs 4 intrinsics and 3 × 4 extrinsics")
    return info


def _margin(values: Mapping[str, Any]) -> Margin:
    left, top, right, bottom = (int(v) for v in values.get("margin", NO_MARGIN))
    if min(left, top, right, bottom) < 0:
        raise ValueError("'margin'")
    return left, top, right, bottom


def _read_arrays(folder: Path, frames: int) -> dict[str, NDArray[np.float32]]:
    path = folder / "drive.npz"
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: np.asarray(data[name], np.float32) for name in data.files}
    except FileNotFoundError:
        raise BadInput(f"'{folder}' has no drive.npz; write the clip again") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"'{path}' cannot be read ({error}); write the clip again") from None
    return _checked_arrays(arrays, frames, path)


def _checked_arrays(arrays: dict[str, NDArray[np.float32]], frames: int, where: Path) -> dict[str, NDArray[np.float32]]:
    for name, shape in _PER_FRAME.items():
        if name not in arrays:
            if name in _OPTIONAL:
                continue
            raise BadInput(f"'{where}' lacks the array '{name}'")
        if arrays[name].shape != (frames, *shape):
            raise BadInput(f"'{where}': '{name}' should be {(frames, *shape)} but is {arrays[name].shape}")
    unknown = set(arrays) - set(_PER_FRAME) - set(_OPTIONAL)
    if unknown:
        raise BadInput(f"'{where}' holds unknown arrays: {', '.join(sorted(unknown))}")
    for name, value in arrays.items():
        if not np.isfinite(value).all():
            raise BadInput(f"'{where}': '{name}' holds values that are not finite")
    return arrays
