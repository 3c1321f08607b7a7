"""Sizes of the networks and of the rendering, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from offline.config import from_mapping
from runtime.errors import BadInput

LEVELS = 3


@dataclass(frozen=True)
class Preset:
    """Everything that shapes a `Tri2Plane`; saved beside each checkpoint, which it rebuilds."""

    name: str
    picture: int = 512
    """Width and height of the final picture, pixels."""
    motion_map: int = 64
    """Width and height of the motion map, pixels."""
    latent: int = 32
    """Length of the per-frame latent γ (paper 3.2)."""
    style: int = 128
    """Length of the style vector."""
    trunk: tuple[int, ...] = (96, 96, 64, 48, 24)
    """Channels of the generator's blocks; the first works at `trunk_size`, each next one at twice the size."""
    trunk_size: int = 8
    plane_channels: int = 16
    """Channels of one plane; three planes a level, the last three blocks of the trunk carry one level each."""
    levels: int = 3
    """How many of the three levels there are, from the coarsest on; the blocks of the others are left out. What is
    rendered is the last that there is."""
    features: int = 32
    """Channels that volume rendering composes and super-resolution reads; the first three are the colour."""
    hidden: int = 64
    """Width of the decoder's hidden layer."""
    direction_bands: int = 2
    """Frequencies of the view direction's positional encoding."""
    rays: int = 128
    """Width and height of the rendered feature map."""
    samples: int = 4
    """Samples along a ray, placed where the guide saw something."""
    guide_rays: int = 32
    """Width and height of the guide: density of the first level alone, which tells the fine samples where to be."""
    guide_samples: int = 16
    """Samples along a ray of the guide, evenly from near to far."""
    cells: int = 608
    """How many of the guide's cells a baked renderer fills, the most opaque first; the rest of the picture is empty."""
    sr_channels: int = 32
    sr_blocks: int = 3
    """Width, and number of 3×3 convolutions, of the super-resolution."""

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= LEVELS:
            raise BadInput(f"a preset has 1 to {LEVELS} levels, got {self.levels}")

    @property
    def blocks(self) -> tuple[int, ...]:
        """Channels of the blocks that the levels need, the first of `trunk`."""
        return self.trunk[: len(self.trunk) - LEVELS + self.levels]

    @property
    def plane_sizes(self) -> tuple[int, ...]:
        """Width of the planes at each level."""
        last = self.trunk_size * 2 ** (len(self.trunk) - 1)
        return (last // 4, last // 2, last)[: self.levels]

    def for_picture(self, size: int) -> Preset:
        """The preset with pictures of another size. Raises BadInput where super-resolution cannot make that size."""
        if size % self.rays:
            near = max(size // self.rays, 1) * self.rays
            raise BadInput(
                f"the clip's frames are {size}² pixels, preset '{self.name}' needs a multiple of {self.rays}; "
                f"track again with --size {near}"
            )
        return replace(self, picture=size)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preset:
        """Raises BadInput, naming the nearest known key, on an unknown one."""
        return from_mapping(cls, values)


PRESETS: dict[str, Preset] = {preset.name: preset for preset in (Preset("lite"),)}
"""`lite`: for laptops without a GPU."""
