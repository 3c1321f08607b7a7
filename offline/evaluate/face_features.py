"""What a face does in a picture, in numbers that a viewer would name: how wide the mouth, how high the brows.

All lengths are over the distance between the eyes' outer corners and along the head's own axes, so that neither the
size of the head nor its turning changes them much.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.contract.head_model import CHIN, EYE_CORNERS, FOREHEAD, IRIS, MOUTH_CORNERS


@dataclass(frozen=True)
class Feature:
    """One number of a face."""

    name: str
    span: float
    """What a driver must at least do (5th to 95th percentile), for following it to mean anything."""
    correlation: float
    """The goal."""
    what: str


FEATURES: tuple[Feature, ...] = (
    Feature("mouth width", 0.08, 0.8, "between the corners of the mouth"),
    Feature("mouth corners", 0.04, 0.8, "height of the corners over the middle of the lips"),
    Feature("lips apart", 0.08, 0.8, "between the inner lips"),
    Feature("upper lip", 0.04, 0.8, "height of the upper lip, from below the nose"),
    Feature("lower lip", 0.06, 0.8, "height of the lower lip, from below the nose"),
    Feature("inner brows", 0.03, 0.7, "height over the bridge of the nose"),
    Feature("outer brows", 0.03, 0.7, "height over the bridge of the nose"),
    Feature("lids", 0.05, 0.8, "opening of the eyes"),
    Feature("gaze", 0.05, 0.7, "the irises' place across the eyes, over the eyes' width"),
    Feature("yaw", 5.0, 0.8, "degrees"),
    Feature("pitch", 5.0, 0.8, "degrees"),
    Feature("roll", 5.0, 0.8, "degrees"),
    Feature("teeth", 0.02, 0.6, "area of bright, pale pixels between the inner lips"),
)

_LEFT_FACE, _RIGHT_FACE, _BRIDGE, _NOSE_BASE = 454, 234, 168, 2
_UPPER_OUTER, _LOWER_OUTER, _UPPER_INNER, _LOWER_INNER = 0, 17, 13, 14
_INNER_BROWS, _OUTER_BROWS = (55, 285), (46, 276)
_LIDS = ((159, 145), (386, 374))
_INNER_LIPS = (78, 81, 13, 311, 308, 402, 14, 178)
_CHEEKS = (116, 205, 425, 345, 6)
_FEWEST = 12
"""Pixels between the lips from which teeth can be told."""


def face_features(rgb: NDArray[np.uint8], landmarks: Array | None) -> NDArray[np.float64]:
    """The `FEATURES` [13] of a face on a picture [H, W, 3]; NaN without one.

    `landmarks` [478, 3] as `FaceMesh.detect` gives them.
    """
    if landmarks is None:
        return np.full(len(FEATURES), np.nan)
    height, width = rgb.shape[:2]
    points = landmarks.astype(np.float64) * (width, height, width)
    outer_right, outer_left = EYE_CORNERS["right"][0], EYE_CORNERS["left"][0]
    across = points[outer_left] - points[outer_right]
    scale = float(np.linalg.norm(across))
    x_axis = across / scale
    up = points[FOREHEAD] - points[CHIN]
    up -= x_axis * (up @ x_axis)
    y_axis = up / np.linalg.norm(up)
    head = points - points[_BRIDGE]
    x, y = head @ x_axis / scale, head @ y_axis / scale

    def apart(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a] - points[b])) / scale

    def mean_y(indices: tuple[int, int]) -> float:
        return float(y[list(indices)].mean())

    right, left = MOUTH_CORNERS
    middle = (y[_UPPER_OUTER] + y[_LOWER_OUTER]) / 2
    sideways, downwards = points[_LEFT_FACE] - points[_RIGHT_FACE], points[CHIN] - points[FOREHEAD]
    angles = [
        np.degrees(np.arctan2(*pair))
        for pair in ((sideways[2], sideways[0]), (downwards[2], downwards[1]), (sideways[1], sideways[0]))
    ]
    return np.array(
        [
            x[left] - x[right],
            (y[left] + y[right]) / 2 - middle,
            apart(_UPPER_INNER, _LOWER_INNER),
            y[_UPPER_OUTER] - y[_NOSE_BASE],
            y[_LOWER_OUTER] - y[_NOSE_BASE],
            mean_y(_INNER_BROWS),
            mean_y(_OUTER_BROWS),
            np.mean([apart(*pair) for pair in _LIDS]),
            _gaze(x),
            *angles,
            _teeth(rgb, points, scale),
        ]
    )


def _gaze(x: NDArray[np.float64]) -> float:
    """Where the irises are between the corners of the eyes, mean of both; 0 is the middle."""
    places = []
    for side in ("right", "left"):
        low, high = sorted(x[list(EYE_CORNERS[side])])
        places.append((x[IRIS[side][0]] - (low + high) / 2) / (high - low))
    return float(np.mean(places))


def _teeth(rgb: NDArray[np.uint8], points: NDArray[np.float64], scale: float) -> float:
    height, width = rgb.shape[:2]

    def inside(indices: tuple[int, ...]) -> NDArray[np.bool_]:
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [points[list(indices), :2].astype(np.int32)], (1,))
        return mask > 0

    mouth, skin = inside(_INNER_LIPS), inside(_CHEEKS)
    if mouth.sum() <= _FEWEST or not skin.any():
        return 0.0
    _, saturation, value = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    pale = (saturation < 110) & (value > 0.62 * np.median(value[skin]))
    return float((pale & mouth).sum()) / scale**2
