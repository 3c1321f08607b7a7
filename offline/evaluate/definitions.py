"""What each figure of the report is called, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A figure of the headline table."""

    key: str
    """Its name in report.json."""
    label: str
    unit: str
    digits: int
    better: Literal["higher", "lower", "zero"]
    definition: str

    @property
    def arrow(self) -> str:
        """The way to the better."""
        return {"higher": "↑", "lower": "↓", "zero": "→ 0"}[self.better]


METRICS: tuple[Metric, ...] = (
    Metric("psnr", "PSNR", "dB", 2, "higher", "Peak signal-to-noise ratio over white, mean over the frames."),
    Metric("psnr_5th", "PSNR, 5th percentile", "dB", 2, "higher", "Nineteen frames in twenty are better than this."),
    Metric(
        "ssim", "SSIM", "", 4, "higher",
        "Structural similarity (Wang et al. 2004), Gaussian window of σ 1.5, mean over the channels.",
    ),
    Metric(
        "flip", "FLIP", "", 4, "lower",
        "LDR-FLIP (Andersson et al. 2020), 0 to 1: the difference that is seen when flipping between the pictures, at "
        "67 pixels a degree.",
    ),
    Metric(
        "lpips", "LPIPS", "", 4, "lower",
        "Distance of deep features (Zhang et al. 2018), version 0.1 with VGG16. Times 100 to compare with the paper.",
    ),
    Metric(
        "f_lmd_px", "F-LMD", "px at 512²", 2, "lower",
        "Mean Euclidean distance of the 68 iBUG points, taken from MediaPipe's 478 landmarks on frame and rendering. "
        "The paper gives no unit for its own.",
    ),
    Metric(
        "f_lmd_percent", "F-LMD, relative", "% of eye distance", 2, "lower",
        "The same over the distance between the outer corners of the eyes.",
    ),
    Metric("landmark_px", "All landmarks", "px at 512²", 2, "lower", "The same mean over all 478 landmarks."),
    Metric(
        "sharpness_difference", "Sharpness difference", "8-bit levels", 2, "lower",
        "Mean over pixels of | g(rendering) − g(frame) |, where g is the grey's |step down| + |step right|: edges that "
        "are missing, added or moved. The paper's equation 15 is a ratio in decibels that grows with likeness, while "
        "its tables mark lower as better, so that the one cannot have given the other; its SD is not given here.",
    ),
    Metric(
        "sharpness_balance", "Sharpness balance", "%", 1, "zero",
        "Sum over pixels of the grey's |step down| + |step right| on the rendering, against that on the frame: below 0 "
        "the avatar is softer than the person, above it harsher.",
    ),
    Metric(
        "flicker", "Flicker", "8-bit levels", 3, "lower",
        "Mean over pixels of what the change from one frame to the next exceeds the true change by, between "
        "neighbouring held-out frames.",
    ),
    Metric(
        "still_flicker", "Flicker of a still state", "8-bit levels", 3, "lower",
        "Largest change of any pixel when one drive state is rendered again, another frame in between. Must be 0.",
    ),
    Metric(
        "identity_distance", "Identity", "distance", 3, "lower",
        "Distance of dlib's face descriptors of rendering and frame; under 0.6 it takes both for one person's.",
    ),
)  # fmt: skip

LOSSES: dict[str, str] = {
    "rgb1": "colour, level 1", "rgb2": "colour, level 2", "rgb3": "colour, level 3",
    "composite": "colour, composite", "mask": "opacity", "sr": "final picture", "sharp": "sharpness", "lpips": "LPIPS",
}  # fmt: skip
"""The terms of the training's log that are drawn, and what they are called."""
