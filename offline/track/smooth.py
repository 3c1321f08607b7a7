"""What the joint fit leaves to be steadied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.tracking.bounded import Floats

GAZE = [i for name, i in INDEX.items() if name.startswith("eyeLook")]
GAZE_SECONDS = 0.02
"""Standard deviation of the kernel. Irises tremble by a pixel; a saccade takes two frames and stays one."""


def steady_gaze(coefficients: Floats, segments: NDArray[np.integer], fps: float) -> Floats:
    """[N, 60] with the gaze, which is measured frame by frame, made smooth within each segment [N]."""
    steady = coefficients.copy()
    steady[:, GAZE] = smooth_within(coefficients[:, GAZE], segments, GAZE_SECONDS * fps)
    return steady


def smooth_within(values: Floats, segments: NDArray[np.integer], frames: float) -> Floats:
    """[N, …] by a Gaussian of so many `frames`' standard deviation, each segment [N] by itself."""
    smooth = np.empty_like(values)
    for segment in np.unique(segments):
        inside = segments == segment
        smooth[inside] = gaussian_filter1d(values[inside], frames, axis=0, mode="nearest")
    return smooth


def split(coefficients: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Expression [N, 52] and detail [N, 8]."""
    return coefficients[:, : len(EXPRESSIONS)], coefficients[:, len(EXPRESSIONS) :]
