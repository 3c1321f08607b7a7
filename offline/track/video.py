"""Video to clip."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from offline.clip import Clip, ClipInfo
from offline.track.crop import Crop, camera_of, portrait_focal, square_around
from offline.track.matte import Matting
from offline.track.performance import Performance, fit_performance
from offline.track.reading import frame_count, read_frames
from offline.track.refine import refine
from offline.track.smooth import split, steady_gaze
from runtime.contract.axes import Array, Camera
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.tracking.fit import Observation
from runtime.tracking.mesh import FaceMesh

SHORTEST = 2.0
"""Seconds of face that a clip needs."""
SAME = 0.06
"""Mean difference of thumbnails, in 8-bit levels, below which a frame repeats the one before."""
FIRST_FOCAL = 1.2
THUMBNAIL = 96


@dataclass(frozen=True)
class Seen:
    """The frames of a video that show the face, each once."""

    index: list[int]
    """Numbers of the decoded frames."""
    times: Array
    """[N], seconds."""
    landmarks: Array
    """[N, 478, 3], fractions of the whole picture."""
    width: int
    height: int

    def observations(self, focal: float) -> list[Observation]:
        return [Observation.of(each, self.width, self.height, focal) for each in self.landmarks]


def track_video(
    video: Path,
    out: Path,
    size: int = 512,
    focal: float | None = None,
    subject: str = "",
    consent: str = "",
    progress: bool = True,
) -> Clip:
    """Tracks the largest face of `video` and writes the clip folder `out`, whole or not at all.

    `focal` is the focal length over the picture's width where known. Raises BadInput where the video cannot be read,
    shows a face for less than two seconds, or `out` already holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"'{out}' already exists; choose another folder or delete it.")
    seen = see(video, progress)
    model = HeadModel.load()
    focal = focal or usual_focal(seen, model)
    performance = fit_performance(seen.observations(focal), seen.times, model)
    if len(performance.frames) < 2:
        raise BadInput(f"No head fits the face in '{video}'; use a video that shows the whole face.")
    shots = np.zeros(len(performance.frames), np.intp)
    performance = refine(performance, seen.times[performance.frames].astype(np.float64), shots, progress).performance
    crop = square_around(performance.solutions, focal, seen.width, seen.height)
    fps = float(1 / np.median(np.diff(seen.times)))
    camera, arrays = _world(seen, performance, shots, crop, focal, fps)
    info = ClipInfo(size, round(fps, 3), len(performance.frames), "video", subject or video.stem, consent, camera)
    wanted = {seen.index[i]: n for n, i in enumerate(performance.frames)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as unfinished:
        clip = Clip.create(Path(unfinished) / "clip", info, arrays)
        _write_frames(clip, video, wanted, crop, progress)
        if out.exists():
            out.rmdir()
        shutil.move(clip.folder, out)
    return Clip.open(out)


def see(video: Path, progress: bool = True) -> Seen:
    """Landmarks of every frame of a video that shows a face and does not repeat the one before.

    Raises BadInput where there are too few.
    """
    index, times, landmarks = [], [], []
    last: NDArray[np.int16] | None = None
    shape: tuple[int, ...] = (0, 0, 3)
    total = frame_count(video)
    with FaceMesh() as mesh:
        frames = tqdm(read_frames(video), "landmarks", total, unit="frame", disable=not progress)
        for number, (seconds, rgb) in enumerate(frames):
            shape = rgb.shape
            thumbnail = cv2.resize(rgb, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.int16)
            if last is not None and np.abs(thumbnail - last).mean() < SAME:
                continue
            last = thumbnail
            found = mesh.detect(rgb, seconds)
            if found is not None:
                index.append(number)
                times.append(seconds)
                landmarks.append(found)
    if not index:
        raise BadInput(f"'{video}' shows no face; use a video of one person who looks into the camera.")
    duration = len(index) * float(np.median(np.diff(times))) if len(index) > 1 else 0.0
    if duration < SHORTEST:
        raise BadInput(f"'{video}' shows a face for {duration:.1f} s only; {SHORTEST:.0f} s are the least.")
    return Seen(index, np.array(times, np.float32), np.array(landmarks, np.float32), shape[1], shape[0])


def usual_focal(seen: Seen, model: HeadModel) -> float:
    """Focal length over width that puts the head at the portrait's distance (`portrait_focal`)."""
    every = max(len(seen.index) // 60, 1)
    few = fit_performance(seen.observations(FIRST_FOCAL)[::every], seen.times[::every], model)
    if not few.solutions:
        return FIRST_FOCAL
    return portrait_focal(few.solutions, FIRST_FOCAL)


def _world(
    seen: Seen, performance: Performance, shots: NDArray[np.integer], crop: Crop, focal: float, fps: float
) -> tuple[Camera, Mapping[str, NDArray[np.floating]]]:
    """The crop's camera and the clip's arrays, in a world where the head rests at the origin."""
    solutions = performance.solutions
    rotations, translations = np.array([s.rotation for s in solutions]), np.array([s.translation for s in solutions])
    rest = Rotation.from_matrix(rotations).mean().as_matrix()
    place = np.median(translations, 0)
    camera = camera_of(crop, rest, place, focal, seen.width, seen.height)
    expression, detail = split(steady_gaze(np.array([s.coefficients for s in solutions]), shots, fps))
    times = seen.times[performance.frames]
    return camera, {
        "expression": np.clip(expression, 0, 1),
        "detail": detail,
        "rotation": Rotation.from_matrix(rest.T @ rotations).as_quat(canonical=True),
        "translation": (translations - place) @ rest,
        "timestamp": times - times[0],
        "landmarks": crop.landmarks(seen.landmarks[performance.frames], seen.width, seen.height),
        "identity": performance.identity,
    }


def _write_frames(clip: Clip, video: Path, wanted: Mapping[int, int], crop: Crop, progress: bool) -> None:
    """Cuts, mattes and writes the frames, `wanted` mapping decoded frames to the clip's."""
    size = clip.info.size
    with Matting() as matting, tqdm(total=len(wanted), desc="mattes", unit="frame", disable=not progress) as bar:
        for number, (_, rgb) in enumerate(read_frames(video)):
            if number not in wanted:
                continue
            clip.write_frame(wanted[number], matting.cut_out(crop.cut(rgb, size)))
            bar.update()
