"""What a face does over time, read with MediaPipe alone, and how far two faces do the same."""

from __future__ import annotations

from collections.abc import Iterable

import mediapipe as mp
import numpy as np

NAMES = ("mouth", "yaw", "pitch", "roll", "left eye", "right eye")
"""Mouth opening, head angles in degrees, closing of the subject's eyes."""
RATE = 30.0
NEAR = 4
"""Frames by which one signal's best lag may differ from that of all together."""
RIGHT_TO_LEFT = (33, 263)
"""Landmarks of the outer eye corners."""
NOSE_TO_FOREHEAD = (2, 10)
"""Landmarks under the nose and at the hairline."""


def face_signals(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """[N, 6] in the order of `NAMES`; NaN where no face is seen."""
    with mp.solutions.face_mesh.FaceMesh(refine_landmarks=True) as mesh:
        return np.array([_signals(mesh, picture) for picture in pictures])


def _signals(mesh: mp.solutions.face_mesh.FaceMesh, picture: np.ndarray) -> np.ndarray:
    found = mesh.process(picture).multi_face_landmarks
    if not found:
        return np.full(len(NAMES), np.nan)
    height, width = picture.shape[:2]
    points = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark])

    def gap(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a, :2] - points[b, :2]))

    mouth = gap(13, 14) / gap(10, 152)
    left = (gap(385, 380) + gap(387, 373)) / (2 * gap(362, 263))
    right = (gap(160, 144) + gap(158, 153)) / (2 * gap(33, 133))
    return np.array([mouth, *_angles(points), -left, -right])


def _angles(points: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll (degrees, signs of the contract) from landmarks [478, 3] in pixels that expressions leave."""
    across = points[RIGHT_TO_LEFT[1]] - points[RIGHT_TO_LEFT[0]]
    along = points[NOSE_TO_FOREHEAD[1]] - points[NOSE_TO_FOREHEAD[0]]
    x, y = across / np.linalg.norm(across), along / np.linalg.norm(along)
    z = np.cross(x, y)
    yaw = np.degrees(np.arctan2(z[0], abs(z[2])))
    pitch = np.degrees(np.arctan2(-y[2], -y[1]))
    roll = np.degrees(np.arctan2(-x[1], x[0]))
    return float(yaw), float(pitch), float(roll)


def compare(driver: np.ndarray, times: np.ndarray, avatar: np.ndarray) -> dict[str, dict[str, float]]:
    """Correlation of an avatar's signals [N, 6] at `times` (seconds) with those of its driver [M, 6] at 30 Hz.

    The driver's video repeats, so lags are taken around it. One lag is found for all signals together, then each
    signal's own within `NEAR` frames of it. Returns ``{name: {"correlation", "range", "lag_ms"}}``; `range` is the
    driver's, from the 2nd to the 98th percentile.
    """
    grid = np.arange(int(times[-1] * RATE)) / RATE
    heard = np.stack([np.interp(grid, times, _filled(column)) for column in avatar.T], 1)
    said = np.stack([_filled(column) for column in driver.T], 1)
    lags = range(len(said))
    scores = np.array([_correlations(_shifted(said, lag, len(grid)), heard) for lag in lags])
    best = int(np.nanmean(scores, 1).argmax())
    near = [(best + d) % len(said) for d in range(-NEAR, NEAR + 1)]
    result = {}
    for k, name in enumerate(NAMES):
        low, high = np.percentile(said[:, k], [2, 98])
        own = int(np.nanargmax(scores[near, k])) if np.isfinite(scores[near, k]).any() else NEAR
        result[name] = {
            "correlation": round(float(scores[near[own], k]), 3),
            "range": round(float(high - low), 3),
            "lag_ms": round((NEAR - own) * 1000 / RATE),
        }
    return result


def _shifted(said: np.ndarray, lag: int, length: int) -> np.ndarray:
    return said[(np.arange(length) + lag) % len(said)]


def _filled(column: np.ndarray) -> np.ndarray:
    """A signal with its gaps bridged in straight lines; zeros where it is all gap."""
    known = np.isfinite(column)
    if not known.any():
        return np.zeros_like(column)
    return np.interp(np.arange(len(column)), np.flatnonzero(known), column[known])


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's, column by column; NaN where one does not move."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = np.sqrt((a * a).sum(0) * (b * b).sum(0))
    return np.where(scale > 1e-9, (a * b).sum(0) / np.maximum(scale, 1e-9), np.nan)
