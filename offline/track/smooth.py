"""Fitted frames made smooth in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from runtime.contract.drive import EXPRESSIONS
from runtime.tracking.bounded import Floats
from runtime.tracking.eyes import BLINKS

POSE_SECONDS = 0.035
EXPRESSION_SECONDS = 0.02
"""Standard deviations of the smoothing kernels. Blinks are quicker than either and stay as they are."""


def smooth_poses(rotations: Floats, translations: Floats, fps: float) -> tuple[Floats, Floats]:
    """Rotations [N, 3, 3] and translations [N, 3] without the landmarks' tremble."""
    sigma = POSE_SECONDS * fps
    quaternions = Rotation.from_matrix(rotations).as_quat()
    flips = np.cumprod(np.sign((quaternions[1:] * quaternions[:-1]).sum(1)))
    quaternions[1:] *= flips[:, None]
    blurred = gaussian_filter1d(quaternions, sigma, axis=0, mode="nearest")
    smooth = Rotation.from_quat(blurred).as_matrix()
    return smooth, gaussian_filter1d(translations, sigma, axis=0, mode="nearest")


def smooth_coefficients(coefficients: Floats, fps: float) -> Floats:
    """[N, 60] likewise; blinks are kept."""
    smooth = gaussian_filter1d(coefficients, EXPRESSION_SECONDS * fps, axis=0, mode="nearest")
    blinks = list(BLINKS.values())
    smooth[:, blinks] = coefficients[:, blinks]
    return smooth


def split(coefficients: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Expression [N, 52] and detail [N, 8]."""
    return coefficients[:, : len(EXPRESSIONS)], coefficients[:, len(EXPRESSIONS) :]
