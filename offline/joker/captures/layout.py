"""Captures: pictures of people under many expressions and views, with captions; what a prior is trained on.

    DATA/captures.json              {"format": "mien-captures", "version": 1, "size": 128, "source": "studio",
                                     "head": "fitted"}
    DATA/PERSON/person.json         {"frames": [{"name", "caption", "expression": [52], "yaw", "pitch", "look"}, …]}
    DATA/PERSON/NAME.png            the picture, RGBA with straight alpha, framed by `head_camera`
    DATA/PERSON/NAME.normals.png    the head model's normals as the same camera sees them (`normals.normal_map`)

`head` says whose head the normals show: "fitted", the person's own, or "mean", which the studio's world once had.
A person is finished, and is read, when their `person.json` is there. Their first frame is the frontal one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.config import from_mapping
from offline.files import write_png, write_text
from runtime.contract.drive import EXPRESSIONS
from runtime.documents import read_bounded
from runtime.errors import BadInput
from runtime.naming import unknown

FORMAT, VERSION = "mien-captures", 1
MAX_BYTES = 16 * 1024 * 1024
"""Of a JSON file."""
LARGEST = 4096
"""Pixels along a side of a picture."""
TONGUE = 1.0
"""What "tongue" in a caption adds to a frame's rank (Joker's released code)."""
MEAN, FITTED = "mean", "fitted"
HEADS = (MEAN, FITTED)
"""Whose head normals show."""
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One picture of a person; angles in radians, as `head_camera` takes them."""

    name: str
    caption: str
    expression: tuple[float, ...]
    """[52], by ARKit's names in the order of `EXPRESSIONS`."""
    yaw: float = 0.0
    pitch: float = 0.0
    look: str = ""
    """What the studio calls the expression; empty elsewhere."""


@dataclass(frozen=True)
class Person:
    """Somebody's finished pictures."""

    folder: Path
    frames: tuple[Frame, ...]

    def picture(self, index: int) -> Picture:
        """RGBA [P, P, 4], straight alpha. Raises BadInput where it cannot be read."""
        rgba = _read(self.folder / f"{self.frames[index].name}.png")
        if rgba.shape[2] != 4:
            raise BadInput(f"'{self.folder}/{self.frames[index].name}.png' has no alpha; write the captures again")
        return np.ascontiguousarray(rgba[..., [2, 1, 0, 3]])

    def normals(self, index: int) -> Picture:
        """RGB [P, P, 3]. Raises BadInput where it cannot be read."""
        return np.ascontiguousarray(_read(self.folder / f"{self.frames[index].name}.normals.png")[..., 2::-1])


@dataclass(frozen=True)
class Captures:
    """A folder of people."""

    folder: Path
    size: int
    """Width and height of the pictures, pixels."""
    source: str
    head: str
    """One of `HEADS`."""
    people: tuple[Person, ...]


def create(folder: Path, size: int, source: str, head: str = FITTED) -> None:
    """Begin a folder, or go on with one of the same size, source and head. Raises BadInput where it is another's."""
    meta = {"format": FORMAT, "version": VERSION, "size": size, "source": source, "head": head}
    path = folder / "captures.json"
    if path.exists():
        found = _json(path)
        if found | {"head": _head(path, found)} != meta:
            raise BadInput(f"'{folder}' holds other captures ({found}); give another folder")
        return
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(path, meta)


def write_frame(folder: Path, name: str, rgba: Picture, normals: Picture) -> None:
    """Write one frame's two pictures into a person's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / f"{name}.png", rgba[..., [2, 1, 0, 3]])
    write_png(folder / f"{name}.normals.png", np.ascontiguousarray(normals[..., ::-1]))


def finish(folder: Path, frames: Sequence[Frame]) -> None:
    """Say that all of a person's frames are there."""
    _write_json(folder / "person.json", {"frames": [asdict(frame) for frame in frames]})


def finished(folder: Path) -> bool:
    """Whether a person's frames are all there."""
    return (folder / "person.json").is_file()


def read(folder: Path) -> Captures:
    """The finished people of a folder, by name. Raises BadInput that says what is wrong."""
    path = folder / "captures.json"
    if not path.is_file():
        raise BadInput(f"'{folder}' holds no captures; make some with: mien prior world -o {folder}")
    meta = _json(path)
    if meta.get("format") != FORMAT or meta.get("version") != VERSION:
        raise BadInput(f"'{path}' is version {meta.get('version')} of {meta.get('format')}, this Mien reads {VERSION}")
    people = tuple(_person(p.parent) for p in sorted(folder.glob("*/person.json")))
    if not people:
        raise BadInput(f"'{folder}' holds nobody that is finished; run the command that made it again")
    size, source = meta.get("size"), meta.get("source")
    if not isinstance(size, int) or not 1 <= size <= LARGEST or not isinstance(source, str):
        raise BadInput(f"'{path}' needs a size of 1 to {LARGEST} pixels and a source; write the captures again")
    return Captures(folder, size, source, _head(path, meta), people)


def _head(path: Path, meta: dict[str, Any]) -> str:
    """Whose head the normals show; old captures do not say."""
    head = meta.get("head", MEAN if meta.get("source") == "studio" else FITTED)
    if head not in HEADS:
        raise BadInput(f"'{path}': {unknown('head', str(head), HEADS)}")
    return str(head)


def _person(folder: Path) -> Person:
    values = _json(folder / "person.json")
    frames = values.get("frames")
    if not isinstance(frames, list) or len(frames) < 2:
        raise BadInput(f"'{folder}/person.json' lists fewer than two frames; a pair needs two")
    if not all(isinstance(frame, dict) for frame in frames):
        raise BadInput(f"'{folder}/person.json' lists a frame that is no mapping; write the captures again")
    try:
        made = tuple(from_mapping(Frame, frame) for frame in frames)
    except (BadInput, TypeError) as error:
        raise BadInput(f"'{folder}/person.json' has a frame that cannot be read ({error})") from error
    if any(len(frame.expression) != len(EXPRESSIONS) or not np.isfinite(frame.expression).all() for frame in made):
        raise BadInput(f"'{folder}/person.json' needs {len(EXPRESSIONS)} finite coefficients for every frame")
    if any(Path(frame.name).name != frame.name or frame.name.startswith(".") for frame in made):
        raise BadInput(f"'{folder}/person.json' names a frame outside its folder")
    return Person(folder, made)


def _read(path: Path) -> NDArray[Any]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3:
        raise BadInput(f"'{path}' is missing or no colour picture; write the captures again")
    return np.asarray(picture)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(read_bounded(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"'{path}' cannot be read ({error})") from error
    if not isinstance(values, dict):
        raise BadInput(f"'{path}' is not a mapping")
    return values


def _write_json(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values))
