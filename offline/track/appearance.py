"""How a face looks at its landmarks, compared between frames.

The brightness at 468 landmarks is a picture of the face in its own coordinates: the same person's correlates whatever
the pose, while something before the face, or someone else's face, does not.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.contract.head_model import BROW, FACE_VERTICES, LIPS, LOWER_LID, OVAL, HeadModel

MIDLINE, MARGIN, MOUTH_HALF = 0.08, 0.15, 0.45
"""dm: what an eye's region leaves out at the nose, how far regions reach beyond lids and lips, half the mouth's."""
TURNED = 0.55
"""Sine of the yaw from which the far side of the face is not judged."""
CHEEKS = (234, 454)
"""The outermost landmarks, the subject's right first."""
FLOOR = 2.0
"""Levels of contrast below which a region is noise."""


def correlation(brightness: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.float64]:
    """Normalised cross-correlation of brightness [..., n] with a reference [n]: 1 for the same but for gain and
    offset, about 0 for something else."""
    a = brightness - brightness.mean(-1, keepdims=True)
    b = reference - reference.mean()
    noise = len(reference) * FLOOR**2
    return np.asarray((a * b).sum(-1) / np.sqrt((np.square(a).sum(-1) + noise) * (np.square(b).sum() + noise)))


def least_agreement(brightness: Array, landmarks: Array, reference: Array) -> NDArray[np.float64]:
    """The lowest correlation [M] among the face's regions (each eye with its brow, the mouth) with a reference [468].

    `brightness` is [M, 468], `landmarks` [M, 478, 3]. An eye that is turned away does not count.
    """
    right, left, mouth = (correlation(brightness[:, each], reference[each]) for each in _regions())
    turned = turn(landmarks)
    right = np.where(turned < -TURNED, 1.0, right)
    left = np.where(turned > TURNED, 1.0, left)
    return np.minimum(np.minimum(right, left), mouth)


def turn(landmarks: Array) -> NDArray[np.float64]:
    """About the sine of the yaw [M] of landmarks [M, 478, 3]; positive where the subject's left side is farther."""
    across = landmarks[:, CHEEKS[1]] - landmarks[:, CHEEKS[0]]
    return np.asarray(across[:, 2] / np.maximum(np.linalg.norm(across, axis=1), 1e-9))


@cache
def _regions() -> tuple[NDArray[np.intp], ...]:
    """Landmarks of the right eye, the left eye and the mouth."""
    x, y, _ = HeadModel.load().mean[:FACE_VERTICES].T
    inner = np.ones(FACE_VERTICES, bool)
    inner[list(OVAL)] = False
    lids = y[[*BROW["left"], *LOWER_LID["left"]]].min() - MARGIN
    lips = y[list(LIPS)].max() + MARGIN
    chosen = (x < -MIDLINE) & (y > lids), (x > MIDLINE) & (y > lids), (y < lips) & (np.abs(x) < MOUTH_HALF)
    return tuple(np.flatnonzero(each & inner) for each in chosen)
