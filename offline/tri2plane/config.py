"""How a run trains, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from offline.config import Count, NotNegative, OneOf, Positive, Share, Whole, Within, checked, from_mapping
from offline.tri2plane.losses import LOSSES, LossWeights
from runtime.errors import BadInput

PERCEPTUAL = ("sharpness", "lpips")


@dataclass(frozen=True)
class TrainConfig:
    """How a run trains; saved beside its checkpoints."""

    seed: Whole = 0
    """What everything random is drawn from."""
    batch: Count = 4
    """Frames a step."""
    learning_rate: Positive = 2.5e-3
    """Of Adam, at the start; falls along a cosine to a fiftieth."""
    warm_up: Count = 200
    """Steps in which the learning rate rises to its value."""
    still_rate: NotNegative = 5.0
    """Learning rate of the still planes, as a multiple of `learning_rate`."""
    window: Annotated[float, Within(1 / 16, 1)] = 0.5
    """Width of the full-scale window, as a share of the picture: a quarter of the patches is active a step."""
    whole_every: Count = 8
    """Every so many steps the full-scale window is the whole picture, so that super-resolution sees its edges."""
    face_windows: Share = 0.75
    """Share of windows laid over the face."""
    slide: Annotated[float, Within(0, 0.5)] = 0.05
    """Largest move of the sliding window, as a share of the picture."""
    slide_share: Share = 0.3
    """Share of the frames that slide."""
    margin: bool = True
    """Whether the window slides into the clip's margin; else what comes in from beyond the picture is masked."""
    map_noise: NotNegative = 0.02
    """Standard deviation of the noise on motion maps."""
    latent_share: Share = 0.5
    """Share of the frames that see their own latent γ; the others see zero, which is what inference sees."""
    feature_strength: NotNegative = 10.0
    """Extra weight of eyes and mouth."""
    level_weight: NotNegative = 0.5
    """Weight of the L1 of each level's rendering."""
    opacity_weight: NotNegative = 0.5
    """Weight of the mean square of opacity against matte."""
    sharpness_weight: NotNegative = 0.5
    """Weight of the sharpness loss."""
    latent_weight: NotNegative = 1e-2
    """Weight of the mean square of the latents γ."""
    losses: Annotated[str, OneOf(tuple(LOSSES))] = "mien"
    """Which weights the losses have: "mien" (the values above), "paper" or "released" (`losses.LOSSES`)."""
    perceptual: Annotated[str, OneOf(PERCEPTUAL)] = "sharpness"
    """What stands for the paper's perceptual loss (eq. 11): "lpips", or "sharpness", which needs no weights."""
    lpips: str = ""
    """Folder of the weights of "lpips" (`offline.perceptual`)."""
    active: Count = 4
    """Of a preset that renders in patches, how many of them carry a gradient in a step."""
    average: Share = 0.999
    """Decay of the moving average of the weights, which is what gets baked."""
    autocast: bool = True
    """Convolutions and linear layers in bfloat16, where the device is quick at it."""
    recompute: bool = False
    """Whether samples along the rays are computed again for the gradient instead of being kept: a third more work, and
    memory for one patch's samples instead of all active patches'."""

    def __post_init__(self) -> None:
        checked(self)
        if self.window * 16 % 1:
            raise BadInput(f"'window' must be a multiple of 1/16 (0.0625), got {self.window}")

    def weights(self) -> LossWeights:
        """The weights of the losses."""
        if self.losses != "mien":
            return LOSSES[self.losses]
        level = self.level_weight
        return replace(
            LOSSES["mien"], levels=(level, level, level), mask=self.opacity_weight, sharpness=self.sharpness_weight,
            features=self.feature_strength,
        )  # fmt: skip

    def says(self) -> str:
        """What the losses are, in a few words."""
        judge = f"LPIPS from {self.lpips}" if self.perceptual == "lpips" else "the sharpness loss in place of LPIPS"
        return f"losses '{self.losses}' with {judge}"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        return from_mapping(cls, values)


TRAINING: dict[str, dict[str, Any]] = {
    "paper": {
        "learning_rate": 1e-4,
        "losses": "paper",
        "slide": 112 / 512,
        "slide_share": 1.0,
        "recompute": True,
    },
}
TRAINING["paper-1024"] = TRAINING["paper"]
"""What a new run of a preset sets other than the defaults. `paper` slides every frame, by as much as the paper does."""
