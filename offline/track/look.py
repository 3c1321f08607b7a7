"""The first pass over a video: what each decoded frame shows, measured while the frames stream by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from runtime.contract.axes import Array
from runtime.contract.head_model import FACE_VERTICES, VERTICES
from runtime.media.reading import VideoReader
from runtime.tracking.mesh import FaceMesh
from runtime.tracking.reader import CoefficientReader

LONGEST, MOST = 600.0, 36_000
"""Seconds and frames that are looked at: 8 kB a frame stay in memory, and more brings an avatar little."""
OTHERS_EVERY = 0.2
"""Seconds between looks for other faces. The detector takes half as long as the landmarks do."""
NEAR = 1.2
"""Distance to another face, in face heights, within which it stands inside the clip's square (which is 2.3 high)."""
THUMBNAIL, FACE_THUMBNAIL = 96, 48
"""Pixels to a side of what is compared between frames, whole picture and face; noise averages out."""
SHARP_HEIGHT = 128
"""Pixels that a face is scaled to before its sharpness is measured, so that size does not count."""
BRIGHTNESS = 64
"""The face's box as it is sampled for brightness: coarse, so that landmarks may be off by a little."""
SAME_SHAPE = 0.02
"""Logarithm of the ratio of two pictures' aspects below which they are the same shape; sizes are rounded to even."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Looks:
    """What is measured of every decoded frame; NaN where there is no face."""

    times: NDArray[np.float64]
    """[M], seconds."""
    change: Array
    """[M], mean difference of the thumbnail from the frame before, 8-bit levels; infinite for the first."""
    stir: Array
    """[M], the same of the face alone, where the frame before shows one."""
    landmarks: Array
    """[M, 478, 3], u and v as fractions of the whole picture, z relative to its width."""
    seen: Array
    """[M, n], what the tracker's network made of the face (`CoefficientReader.look`)."""
    sharpness: Array
    """[M], variance of the Laplacian of the face, at one size for all."""
    brightness: Array
    """[M, 468], levels 0..255 at the face's landmarks."""
    other: Array
    """[M], height of the largest other face near by, relative to the face's own; 0 for none, NaN between the looks."""
    width: int
    height: int
    """Pixels: the largest of the sizes in the shape that most frames have."""
    scale: Array
    """[M], each frame's size as filmed over that one; NaN where its shape is another."""
    limited: bool
    """Whether the video goes on beyond what is looked at."""

    def __len__(self) -> int:
        return len(self.times)


class _Row(NamedTuple):
    """One frame's part of `Looks`."""

    time: float
    change: float
    stir: float
    landmarks: Array | None
    seen: Array | None
    sharpness: float
    brightness: Array | None
    other: float
    width: int
    height: int


def look_at(video: Path, progress: bool = True) -> Looks:
    """Looks at each frame of a video once. Raises BadInput where it cannot be read."""
    rows: list[_Row] = []
    before: tuple[Picture, Array | None] | None = None
    next_look, limited = -np.inf, False
    coefficients = CoefficientReader.load()
    with FaceMesh() as mesh, VideoReader(video) as reader:
        for seconds, rgb in tqdm(reader, "landmarks", reader.frames, unit="frame", disable=not progress):
            if len(rows) == MOST or (rows and seconds - rows[0].time > LONGEST):
                limited = True
                break
            height, width = rgb.shape[:2]
            found = mesh.detect(rgb, seconds)
            other = np.nan
            if found is not None and seconds >= next_look:
                next_look = seconds + OTHERS_EVERY
                other = _other(mesh.faces(rgb), found, width / height)
            change, stir = (np.inf, np.inf) if before is None else _changes(rgb, *before)
            seen = None if found is None else coefficients.look(rgb, found)
            rows.append(_Row(seconds, change, stir, found, seen, *_texture(rgb, found), other, width, height))
            before = rgb, found
    return _stacked(rows, limited)


def _stacked(rows: list[_Row], limited: bool) -> Looks:
    times, change, stir, landmarks, seen, sharpness, brightness, other, widths, heights = zip(*rows, strict=True)
    width, height, scale = common_size(widths, heights)
    no_face, no_light = np.full((VERTICES, 3), np.nan), np.full(FACE_VERTICES, np.nan)
    unseen = np.full(next((len(each) for each in seen if each is not None), 0), np.nan)
    return Looks(
        np.array(times, np.float64),
        np.array(change, np.float32),
        np.array(stir, np.float32),
        np.array([no_face if each is None else each for each in landmarks], np.float32),
        np.array([unseen if each is None else each for each in seen], np.float32),
        np.array(sharpness, np.float32),
        np.array([no_light if each is None else each for each in brightness], np.float32),
        np.array(other, np.float32),
        width,
        height,
        scale,
        limited,
    )


def common_size(widths: Sequence[int], heights: Sequence[int]) -> tuple[int, int, Array]:
    """The largest size in the shape that most of the frames [M] have, pixels, and `Looks.scale`."""
    sizes = np.array([widths, heights], np.float64).T
    shapes = np.log(sizes[:, 0] / sizes[:, 1])
    alike = [np.abs(shapes - shape) < SAME_SHAPE for shape in np.unique(shapes)]
    chosen = max(alike, key=lambda same: int(same.sum()))
    largest = sizes[chosen][sizes[chosen][:, 1].argmax()]
    return int(largest[0]), int(largest[1]), np.where(chosen, sizes[:, 1] / largest[1], np.nan).astype(np.float32)


def _changes(rgb: Picture, last: Picture, landmarks: Array | None) -> tuple[float, float]:
    """Mean differences of two pictures, and of the face that the last one's landmarks say."""
    whole = _difference(rgb, last, THUMBNAIL)
    if landmarks is None:
        return whole, whole
    face, before = (_cut(each, landmarks) for each in (rgb, last))
    return whole, _difference(face, before, FACE_THUMBNAIL) if face.size and before.size else whole


def _difference(a: Picture, b: Picture, side: int) -> float:
    """Mean difference of thumbnails, 8-bit levels."""
    small = (cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA).astype(np.int16) for each in (a, b))
    return float(np.abs(next(small) - next(small)).mean())


def _box(landmarks: Array, rgb: Picture) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the visible part of a face, pixels."""
    size = np.array([rgb.shape[1], rgb.shape[0]])
    pixels = landmarks[:FACE_VERTICES, :2] * size
    low, high = np.clip(np.floor(pixels.min(0)), 0, size), np.clip(np.ceil(pixels.max(0)), 0, size)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _cut(rgb: Picture, landmarks: Array) -> Picture:
    """The visible part of a face."""
    left, top, right, bottom = _box(landmarks, rgb)
    return rgb[top:bottom, left:right]


def sharpness(rgb: Picture, landmarks: Array) -> float:
    """Variance of the Laplacian of a face scaled to `SHARP_HEIGHT`; NaN where none of it is visible."""
    left, top, right, bottom = _box(landmarks, rgb)
    if min(right - left, bottom - top) < 2:
        return np.nan
    face = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    scale = SHARP_HEIGHT / float(np.ptp(landmarks[:FACE_VERTICES, 1]) * rgb.shape[0])
    even = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(even, cv2.CV_32F).var())


def _texture(rgb: Picture, landmarks: Array | None) -> tuple[float, Array | None]:
    """A face's sharpness, and its brightness [468] at the landmarks; NaN and None where none of it is visible."""
    if landmarks is None or not np.isfinite(sharp := sharpness(rgb, landmarks)):
        return np.nan, None
    left, top, right, bottom = _box(landmarks, rgb)
    face = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    coarse = cv2.resize(face, (BRIGHTNESS, BRIGHTNESS), interpolation=cv2.INTER_AREA)
    pixels = landmarks[:FACE_VERTICES, :2] * [rgb.shape[1], rgb.shape[0]]
    places = (pixels - [left, top]) / [right - left, bottom - top] * BRIGHTNESS
    u, v = np.clip(places.astype(int), 0, BRIGHTNESS - 1).T
    return sharp, coarse[v, u].astype(np.float32)


def _other(faces: list[NDArray[np.float64]], landmarks: Array, aspect: float) -> float:
    """Relative height of the largest face that is near the one with the landmarks but not it; 0 where there is none."""
    low, high = landmarks[:FACE_VERTICES, :2].min(0), landmarks[:FACE_VERTICES, :2].max(0)
    height = float(high[1] - low[1])
    centre = (low + high) / 2
    heights = [0.0]
    for face in faces:
        inside = (low < face[:2]).all() and (face[:2] < high).all()
        reach = NEAR * height
        near = np.abs((face[:2] - centre) * [aspect, 1.0]).max() < reach + face[2] / 2
        if near and not inside:
            heights.append(float(face[2]) / height)
    return max(heights)
