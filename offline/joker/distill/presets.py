"""How a head is distilled, as values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any

from offline.config import (
    Count,
    Fixed,
    NotNegative,
    OneOf,
    Positive,
    Share,
    Within,
    checked,
    from_mapping,
    setting_text,
)
from offline.tri2plane.presets import PRESETS as SIZES
from runtime.errors import BadInput
from runtime.naming import unknown


@dataclass(frozen=True)
class DistillPreset:
    """Views, noise levels, iterations and losses. Raises BadInput where the values do not fit each other."""

    name: Annotated[str, Fixed]
    """What it is called."""
    size: Annotated[int, Fixed, Within(1)]
    """Width in pixels of the largest pictures that a prior for it draws; see `preset_for`."""
    networks: Annotated[str, OneOf(tuple(SIZES))]
    """Sizes of decoder, planes and super-resolution of a head without an avatar (`offline.tri2plane.presets`)."""
    azimuths: Annotated[int, Within(1, 100)]
    """Target views from left to right, evenly over ±45°."""
    elevations: Annotated[int, Within(1, 100)]
    """Target views from top to bottom, evenly over ±20°."""
    levels: Annotated[int, Within(2)]
    """Noise levels from the schedule's last time step down."""
    single: Count
    """Levels of Stage 1, each predicted in one step from a rendering; Stage 2 runs through the others at once."""
    iterations: Count
    """Of the optimiser at each level of Stage 1."""
    after: Count
    """Iterations of the optimiser in Stage 2."""
    views: Count
    """Views that an iteration renders."""
    resolutions: Annotated[tuple[tuple[int, int], ...], Within(0)]
    """(iteration from which on, width in pixels): at what size pictures are compared. At most the prior's size."""
    patch: Count
    """Width in pixels of what is compared of a picture, at one place in all views of an iteration."""
    guidance: NotNegative
    """Scale of the prior's classifier-free guidance."""
    plane_rate: Positive
    """Learning rate of Adam for the planes."""
    network_rate: Positive
    """Learning rate of Adam for the networks."""
    falling: Share
    """Share of all iterations from which on the learning rates fall along a cosine, to a twentieth; 1 for never."""
    l1: NotNegative
    """Weight of the absolute difference from the targets."""
    perceptual: NotNegative
    """Weight of LPIPS."""
    sharpness: NotNegative
    """Weight of `sharpness_loss`, which stands for LPIPS where its weights are not given."""
    sparsity: NotNegative
    """Weight of ``mean √(α² + 0.01)`` over the opacities."""
    guide: NotNegative
    """L1 of the coarse level's own picture, which has to know where the surface is."""
    pull: NotNegative
    """Mean square of what is added to the starting planes."""
    skipped: Share = 0.0
    """Share of the levels, the noisiest, that a head leaves out which starts from an avatar's planes."""
    batch: Count = 16
    """Views that the prior denoises at once, to begin with."""
    autocast: bool = True
    """Whether the head's networks run in bfloat16 where the device is quick at it, and on a GPU the prior's in float16
    (guidance enlarges rounding)."""

    def __post_init__(self) -> None:
        checked(self)
        if not 0 < self.single < self.levels:
            raise BadInput(f"of {self.levels} levels 1 to {self.levels - 1} belong to Stage 1, got {self.single}")
        if not 0 <= self.skipped < self.single / self.levels:
            raise BadInput(f"'skipped' must leave a level of Stage 1, got {self.skipped:g}")
        starts = [start for start, _ in self.resolutions]
        if not starts or starts[0] != 0 or starts != sorted(starts) or any(width < 1 for _, width in self.resolutions):
            raise BadInput("'resolutions' must begin at iteration 0 and rise, each with a width of at least 1")

    @property
    def label(self) -> str:
        """Its name and what differs from the preset of that name, as `--set` takes it."""
        named = PRESETS.get(self.name, self)
        changed = [
            f"{f.name}={setting_text(getattr(self, f.name))}"
            for f in fields(self)
            if getattr(self, f.name) != getattr(named, f.name)
        ]
        return " ".join([self.name, *changed])

    def resolution(self, iteration: int, largest: int) -> int:
        """Width in pixels at which pictures are compared, never more than the prior's."""
        return min([size for start, size in self.resolutions if start <= iteration][-1], largest)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DistillPreset:
        """Raises BadInput, naming the nearest known key, on an unknown one."""
        return from_mapping(cls, values)


PAPER = DistillPreset(
    "paper", size=512, networks="live", azimuths=20, elevations=20, levels=100, single=60, iterations=130,
    after=12_200, views=64, resolutions=((0, 64), (200, 128), (3000, 256), (4500, 384), (7000, 512)), patch=64,
    guidance=19.0, plane_rate=1e-2, network_rate=1e-3, falling=1.0, l1=1.0, perceptual=1.0, sharpness=1.0,
    sparsity=1e-6, guide=0.1, pull=0.0,
)  # fmt: skip
STUDIO = DistillPreset(
    "studio", size=64, networks="lite", azimuths=9, elevations=5, levels=20, single=12, iterations=48, after=800,
    views=1, resolutions=((0, 64),), patch=64, guidance=1.5, plane_rate=1e-2, network_rate=2.5e-3, falling=0.5,
    l1=1.0, perceptual=1.0, sharpness=0.5, sparsity=1e-3, guide=0.5, pull=1e-3, skipped=0.25, batch=45,
)  # fmt: skip
PRESETS = {preset.name: preset for preset in (PAPER, STUDIO)}
"""`paper`: the values of the authors' code. `studio`: for a prior with pictures of 64 pixels, on two CPU cores."""


def preset_for(size: int, name: str | None = None) -> DistillPreset:
    """The preset for a prior whose pictures are `size` pixels wide: the smallest that reaches them.

    `name` is the user's own choice. Raises BadInput where it is another, or there is none for such pictures.
    """
    if name is not None and name not in PRESETS:
        raise BadInput(unknown("preset", name, PRESETS))
    fitting = sorted((p for p in PRESETS.values() if p.size >= size), key=lambda preset: preset.size)
    if not fitting:
        most = max(preset.size for preset in PRESETS.values())
        raise BadInput(f"the prior draws pictures of {size} pixels, and heads are distilled from {most} at most")
    if name is not None and name != fitting[0].name:
        raise BadInput(
            f"preset '{name}' is for pictures of {PRESETS[name].size} pixels, and the prior draws {size}; leave out "
            f"--preset, which is then '{fitting[0].name}', and change single values with --set"
        )
    return fitting[0]
