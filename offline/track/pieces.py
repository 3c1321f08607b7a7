"""Where a video breaks: cuts between shots, jumps of the face, gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.track.look import Looks
from runtime.contract.head_model import FACE_VERTICES

CUT_PICTURE, CUT_FACE = 2.3, 2.0
"""How often the changes of picture and of landmarks exceed their neighbours', both at once, where two shots meet. On
clean video at most 2.06 with 3.7 (2.07 with 2.1 elsewhere). Of cuts to another moment of the same shot 80 to 98 % are
found; the others join two moments so alike that they hardly show."""
LEAST_PICTURE, LEAST_FACE = 0.5, 0.01
"""Least change, in 8-bit levels and in face heights, that neighbours count as."""
AROUND = 3
"""Frames on either side that a cut stands out from."""
JUMP = 0.5
"""Face heights from one frame to the next that no head moves; clean video: 0.06."""
GAP = 0.25
"""Seconds without a usable frame after which nothing is carried on, but three frames' time at least."""


def faces(looks: Looks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre [M, 2] and height [M] of each frame's face, pixels; NaN where there is none."""
    pixels = _pixels(looks)
    low, high = pixels.min(1), pixels.max(1)
    return (low + high) / 2, (high - low)[:, 1]


def pieces(looks: Looks, kept: NDArray[np.bool_], fresh: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The unbroken piece [M] that each kept frame belongs to, counted from 0 in the order of time; -1 for the others.

    `fresh` are the frames [M] that do not repeat the one before.
    """
    found = np.full(len(looks), -1, np.intp)
    chosen = np.flatnonzero(kept)
    if len(chosen) == 0:
        return found
    centres, heights = faces(looks)
    moved = np.linalg.norm(np.diff(centres[chosen], axis=0), axis=1) / heights[chosen[1:]]
    elapsed = np.diff(looks.times[chosen])
    usual = float(np.median(np.diff(looks.times))) if len(looks) > 1 else 0.0
    cuts = np.cumsum(_cuts(looks, fresh, heights))
    broken = (np.diff(cuts[chosen]) > 0) | (moved > JUMP) | (elapsed > max(GAP, 3 * usual + 1e-6))
    found[chosen] = np.concatenate([[0], np.cumsum(broken)])
    return found


def _cuts(looks: Looks, fresh: NDArray[np.bool_], heights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each frame [M] begins another shot."""
    chosen = np.flatnonzero(fresh)
    cuts = np.zeros(len(looks), bool)
    pixels = _pixels(looks)[chosen]
    steps = np.linalg.norm(np.diff(pixels, axis=0), axis=2).mean(1) / heights[chosen[1:]]
    face = np.nan_to_num(np.concatenate([[0.0], steps]))
    picture = np.where(np.isfinite(looks.change[chosen]), looks.change[chosen], 0.0)
    cuts[chosen] = (_standing_out(picture, LEAST_PICTURE) > CUT_PICTURE) & (_standing_out(face, LEAST_FACE) > CUT_FACE)
    return cuts


def _standing_out(values: NDArray[np.floating], least: float) -> NDArray[np.float64]:
    """Each value's ratio to the largest of its neighbours, or to `least` where they are less."""
    padded = np.pad(np.asarray(values, np.float64), AROUND)
    neighbours = [padded[k : k + len(values)] for k in range(2 * AROUND + 1) if k != AROUND]
    return np.asarray(values / np.maximum(np.max(neighbours, axis=0), least))


def _pixels(looks: Looks) -> NDArray[np.float64]:
    return looks.landmarks[:, :FACE_VERTICES, :2].astype(np.float64) * [looks.width, looks.height]
