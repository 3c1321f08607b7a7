"""Image and landmark metrics. Pictures are float [H, W, 3] in 0..1, already over white."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Picture = NDArray[np.floating]


def psnr(prediction: Picture, truth: Picture) -> float:
    """Peak signal-to-noise ratio, dB: ``10 log10(1 / mean square error)``; at most 100."""
    error = float(np.mean((np.asarray(prediction, np.float64) - truth) ** 2))
    return float(10 * np.log10(1 / max(error, 1e-10)))


def ssim(prediction: Picture, truth: Picture) -> float:
    """Structural similarity (Wang et al. 2004: Gaussian window of σ 1.5, K1 0.01, K2 0.03), mean over the channels."""
    return float(
        structural_similarity(
            np.asarray(truth, np.float64), np.asarray(prediction, np.float64), data_range=1.0, channel_axis=2,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
    )  # fmt: skip


def landmark_error(prediction: NDArray[np.floating], truth: NDArray[np.floating], size: int = 512) -> float:
    """Mean distance of landmarks [N, 2 or more] (u, v in 0..1), pixels of a picture of `size`."""
    return float(np.linalg.norm((prediction[:, :2] - truth[:, :2]) * size, axis=1).mean())
