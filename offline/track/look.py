"""The first pass over a video: what each decoded frame shows, measured while the frames stream by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.track.reading import read_frames, stated
from runtime.contract.axes import Array
from runtime.contract.head_model import FACE_VERTICES, VERTICES
from runtime.tracking.mesh import FaceMesh

LONGEST = 600.0
"""Seconds that are looked at; what comes later is not needed for an avatar, and landmarks are kept in memory."""
OTHERS_EVERY = 0.2
"""Seconds between looks for other faces. The detector takes half as long as the landmarks do."""
NEAR = 1.2
"""Distance to another face, in face heights, within which it stands inside the clip's square (which is 2.3 high)."""
THUMBNAIL = 96
SHARP_HEIGHT = 128
"""Pixels that a face is scaled to before its sharpness is measured, so that size does not count."""
BRIGHTNESS = 64
"""The face's box as it is sampled for brightness: coarse, so that landmarks may be off by a little."""


@dataclass(frozen=True)
class Looks:
    """What is measured of every decoded frame; NaN where there is no face."""

    times: NDArray[np.float64]
    """[M], seconds."""
    change: Array
    """[M], mean difference of the thumbnail from the frame before, 8-bit levels; infinite for the first."""
    landmarks: Array
    """[M, 478, 3], u and v as fractions of the whole picture, z relative to its width."""
    sharpness: Array
    """[M], variance of the Laplacian of the face, at one size for all."""
    brightness: Array
    """[M, 468], levels 0..255 at the face's landmarks."""
    other: Array
    """[M], height of the largest other face near by, relative to the face's own; 0 for none, NaN between the looks."""
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.times)


def look_at(video: Path, progress: bool = True) -> Looks:
    """Looks at each frame of a video once. Raises BadInput where it cannot be read."""
    rows: list[tuple[float, float, Array | None, float, Array | None, float]] = []
    last: NDArray[np.int16] | None = None
    next_look = -np.inf
    shape: tuple[int, ...] = (0, 0, 3)
    total = stated(video).frames
    with FaceMesh() as mesh:
        for seconds, rgb in tqdm(read_frames(video), "landmarks", total, unit="frame", disable=not progress):
            if rows and seconds - rows[0][0] > LONGEST:
                break
            shape = rgb.shape
            thumbnail = cv2.resize(rgb, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.int16)
            change = np.inf if last is None else float(np.abs(thumbnail - last).mean())
            last = thumbnail
            found = mesh.detect(rgb, seconds)
            other = np.nan
            if found is not None and seconds >= next_look:
                next_look = seconds + OTHERS_EVERY
                other = _other(mesh.faces(rgb), found, rgb.shape[1] / rgb.shape[0])
            sharpness, brightness = _texture(rgb, found)
            rows.append((seconds, change, found, sharpness, brightness, other))
    return _stacked(rows, shape)


def _stacked(
    rows: list[tuple[float, float, Array | None, float, Array | None, float]], shape: tuple[int, ...]
) -> Looks:
    times, change, landmarks, sharpness, brightness, other = zip(*rows, strict=True)
    no_face, no_light = np.full((VERTICES, 3), np.nan), np.full(FACE_VERTICES, np.nan)
    return Looks(
        np.array(times, np.float64),
        np.array(change, np.float32),
        np.array([no_face if each is None else each for each in landmarks], np.float32),
        np.array(sharpness, np.float32),
        np.array([no_light if each is None else each for each in brightness], np.float32),
        np.array(other, np.float32),
        width=shape[1],
        height=shape[0],
    )


def _texture(rgb: NDArray[np.uint8], landmarks: Array | None) -> tuple[float, Array | None]:
    """A face's sharpness, and its brightness [468] at the landmarks; NaN and None where none of it is visible."""
    if landmarks is None:
        return np.nan, None
    size = np.array([rgb.shape[1], rgb.shape[0]])
    pixels = landmarks[:FACE_VERTICES, :2] * size
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int)
    left, top = np.clip(low, 0, size)
    right, bottom = np.clip(high, 0, size)
    if min(right - left, bottom - top) < 2:
        return np.nan, None
    face = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    scale = SHARP_HEIGHT / (high[1] - low[1])
    even = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(face, (BRIGHTNESS, BRIGHTNESS), interpolation=cv2.INTER_AREA)
    places = (pixels - [left, top]) / [right - left, bottom - top] * BRIGHTNESS
    u, v = np.clip(places.astype(int), 0, BRIGHTNESS - 1).T
    return float(cv2.Laplacian(even, cv2.CV_32F).var()), coarse[v, u].astype(np.float32)


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
