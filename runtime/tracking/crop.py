"""The face's crop: what landmarks do not show, such as a tongue, puffed cheeks and wrinkles."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.contract.head_model import LIPS, HeadModel
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import STABLE, similarity

HEIGHT, WIDTH = 96, 64
PIXEL = 0.019
"""dm."""
LIPS_AT = 62.0
"""Row of the lips at rest: brows above them, and room for a jaw and a tongue below."""


def face_crop(rgb: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Brows to chin [96, 64, 3] of a picture [H, W, 3] in which a face has these landmarks [478, 3] (u, v in 0..1).

    It lies as the plane of the lips does, seen from far away: a head that turns or an open jaw leave lips at rest where
    they are in it. What is outside the picture is as its edge.
    """
    mean, middle, weights = _mean_face()
    height, width = rgb.shape[:2]
    seen = landmarks[list(STABLE)] * np.array([width, -height, -width], np.float64)
    rotation, scale, shift = similarity(mean, seen, weights)
    steps = scale * PIXEL * rotation[:2, :2] * [1.0, -1.0]  # per column and row of the crop, picture's y up
    corner = (scale * rotation @ middle + shift)[:2] - steps @ [(WIDTH - 1) / 2, LIPS_AT]
    back = np.column_stack([steps, corner]) * np.array([[1.0], [-1.0]]) - [[0, 0, 0.5], [0, 0, 0.5]]
    flags = (cv2.INTER_AREA if abs(np.linalg.det(steps)) > 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(rgb, back, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


@cache
def _mean_face() -> tuple[Floats, Floats, Floats]:
    """Of the average face: landmarks that expressions move least [n, 3], the middle of the lips [3], weights [n]."""
    mean = HeadModel.load().mean.astype(np.float64)
    return mean[list(STABLE)], mean[list(LIPS)].mean(0), np.full(len(STABLE), 1 / len(STABLE))
