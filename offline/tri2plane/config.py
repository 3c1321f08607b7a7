"""How a run trains, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from offline.config import from_mapping
from offline.tri2plane.losses import LOSSES, LossWeights
from runtime.errors import BadInput
from runtime.naming import unknown

PERCEPTUAL = ("sharpness", "lpips")


@dataclass(frozen=True)
class TrainConfig:
    """How a run trains; saved beside its checkpoints."""

    seed: int = 0
    batch: int = 4
    """Frames a step."""
    learning_rate: float = 2.5e-3
    """Of Adam, at the start; falls along a cosine to a fiftieth."""
    warm_up: int = 200
    """Steps in which the learning rate rises to its value."""
    still_rate: float = 5.0
    """Learning rate of the still planes, as a multiple of `learning_rate`."""
    window: float = 0.5
    """Width of the full-scale window, as a share of the picture: a quarter of the patches is active a step."""
    whole_every: int = 8
    """Every so many steps the full-scale window is the whole picture, so that super-resolution sees its edges."""
    face_windows: float = 0.75
    """Share of windows laid over the face."""
    slide: float = 0.05
    """Largest move of the sliding window, as a share of the picture."""
    slide_share: float = 0.3
    """Share of the frames that slide."""
    map_noise: float = 0.02
    """Standard deviation of the noise on motion maps."""
    latent_share: float = 0.5
    """Share of the frames that see their own latent γ; the others see zero, which is what inference sees."""
    feature_strength: float = 10.0
    """Extra weight of eyes and mouth."""
    level_weight: float = 0.5
    opacity_weight: float = 0.5
    sharpness_weight: float = 0.5
    latent_weight: float = 1e-2
    losses: str = "mien"
    """Which weights the losses have: "mien" (the values above), "paper" or "released" (`losses.LOSSES`)."""
    perceptual: str = "sharpness"
    """What stands for the paper's perceptual loss (eq. 11): "lpips", or "sharpness", which needs no weights."""
    lpips: str = ""
    """Folder of the weights of "lpips" (`offline.perceptual`)."""
    active: int = 4
    """Of a preset that renders in patches, how many of them carry a gradient in a step."""
    average: float = 0.999
    """Decay of the moving average of the weights, which is what gets baked."""
    autocast: bool = True
    """Convolutions and linear layers in bfloat16."""
    recompute: bool = False
    """Whether samples along the rays are computed again for the gradient instead of being kept: a third more work, and
    memory for one patch's samples instead of all active patches'."""

    def __post_init__(self) -> None:
        if self.losses not in LOSSES:
            raise BadInput(unknown("set of losses", self.losses, LOSSES))
        if self.perceptual not in PERCEPTUAL:
            raise BadInput(unknown("perceptual loss", self.perceptual, PERCEPTUAL))

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
