"""Image and landmark metrics. Pictures are float [H, W, 3] in 0..1, already over white."""

from __future__ import annotations

import cv2
import flip_evaluator
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


def flip(prediction: Picture, truth: Picture) -> tuple[float, NDArray[np.float32]]:
    """LDR-FLIP (Andersson et al. 2020) at 67 pixels a degree: its mean, and the map [H, W] of it, both 0..1.

    What a viewer sees who flips between the pictures on a screen 0.7 m away.
    """
    reference, test = (np.ascontiguousarray(p, np.float32) for p in (truth, prediction))
    error = np.asarray(flip_evaluator.evaluate(reference, test, "LDR", applyMagma=False)[0], np.float32)[..., 0]
    return float(error.mean()), error


def gradient(picture: Picture) -> NDArray[np.float64]:
    """Sharpness of each pixel [H - 1, W - 1]: |difference to the row below| + |to the column right|, of the grey, in
    8-bit levels."""
    grey = np.asarray(picture, np.float64).mean(-1) * 255
    return np.abs(np.diff(grey, axis=0)[:, :-1]) + np.abs(np.diff(grey, axis=1)[:-1])


def sharpness(prediction: Picture, truth: Picture) -> tuple[float, float]:
    """Sharpness difference and balance.

    The difference is the mean of ``|g(prediction) - g(truth)|`` with `gradient` g, 8-bit levels: edges that are
    missing, added or elsewhere. The balance is ``sum(g(prediction)) / sum(g(truth)) - 1``, %: below 0 the prediction is
    softer than the truth, above it is harsher.
    """
    ours, theirs = gradient(prediction), gradient(truth)
    return float(np.abs(ours - theirs).mean()), 100 * (float(ours.sum()) / max(float(theirs.sum()), 1e-6) - 1)


SMOOTH = 1 / 64
"""Radius of the disc that `frayed` rolls along an outline, as a share of the picture."""


def frayed(alpha: NDArray[np.floating]) -> float:
    """Pixels of a silhouette's outline that lie off a smooth contour, as many as a picture of 512² had.

    Of an opacity [P, P], 0..1, what is over a half is the silhouette. A disc (`SMOOTH`) that rolls along it inside and
    outside (morphological opening and closing) leaves out spikes, specks, notches and holes: those pixels count. A
    smooth head has next to none; hair has what its strands and tips are.
    """
    size = alpha.shape[0]
    radius = max(round(size * SMOOTH), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    silhouette = np.pad((alpha > 0.5).astype(np.uint8), 2 * radius, "edge")
    off = sum(
        int((cv2.morphologyEx(silhouette, way, disc) != silhouette).sum()) for way in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE)
    )
    return off * (512 / size) ** 2


def flicker(predictions: tuple[Picture, Picture], truths: tuple[Picture, Picture]) -> float:
    """How much more two neighbouring frames change than the truth does, 8-bit levels.

    Mean over pixels and channels of ``max(|p2 - p1| - |t2 - t1|, 0)``: motion that the truth shows costs nothing, a
    still pixel that shimmers does.
    """
    ours, theirs = (np.abs(np.asarray(b, np.float64) - a) for a, b in (predictions, truths))
    return float(np.maximum(ours - theirs, 0).mean()) * 255


def landmark_error(prediction: NDArray[np.floating], truth: NDArray[np.floating], size: int = 512) -> float:
    """Mean distance of landmarks [N, 2 or more] (u, v in 0..1), pixels of a picture of `size`."""
    return float(np.linalg.norm((prediction[:, :2] - truth[:, :2]) * size, axis=1).mean())
