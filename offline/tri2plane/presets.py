"""Sizes of the networks and of the rendering, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from offline.config import from_mapping
from runtime.errors import BadInput

LEVELS = 3
LATERAL = ("planes", "features")
SUPER_RESOLUTION = ("light", "unet")


@dataclass(frozen=True)
class Preset:
    """Everything that shapes a `Tri2Plane`; saved beside each checkpoint, which it rebuilds. The defaults are `lite`.

    Raises BadInput where the values do not fit each other.
    """

    name: str
    picture: int = 512
    """Width and height of the final picture, pixels."""
    motion_map: int = 64
    """Width and height of the motion map, pixels."""
    encoder: tuple[int, ...] = (16, 32, 64, 64)
    """Channels of the motion encoder's convolutions, each of which halves the map."""
    encoder_norm: bool = False
    """Whether an InstanceNorm follows each of them."""
    embedding: int = 0
    """Length of what the encoder gives; 0 for that of the style."""
    mapping: tuple[int, ...] = ()
    """Hidden widths of the mapping network; none for one as wide as the style."""
    latent: int = 32
    """Length of the per-frame latent γ (paper 3.2)."""
    style: int = 128
    """Length of the style vector."""
    trunk: tuple[int, ...] = (96, 96, 64, 48, 24)
    """Channels of the generator's blocks; the first works at `trunk_size`, each next one at twice the size."""
    trunk_size: int = 8
    residual_trunk: bool = False
    """Whether a block is the paper's (three convolutions, all at the block's size) or a lighter one of two."""
    plane_channels: int = 16
    """Channels of one plane; three planes a level, the last three blocks of the trunk carry one level each."""
    levels: int = 3
    """How many of the three levels there are, from the coarsest on; the blocks of the others are left out. What is
    rendered is the last that there is."""
    mixing: int = 0
    """Rounds of 3D-aware mixing between the planes of a level; 0 for planes that hold a learned still part instead."""
    lateral: str = "planes"
    """What a lateral connection sums: the "planes" (one fetch a point) or the fetched "features" (one a level)."""
    features: int = 32
    """Channels that volume rendering composes and super-resolution reads; the first three are the colour."""
    hidden: int = 64
    """Width of the decoder's hidden layer for colour."""
    density_hidden: int = 0
    """Width of that for density; 0 for half of `hidden`."""
    direction_bands: int = 2
    """Frequencies of the view direction's positional encoding."""
    rays: int = 128
    """Width and height of the rendered feature map."""
    patches: int = 1
    """The whole feature map is rendered in `patches`² squares, one after the other, which bounds the memory."""
    samples: int = 4
    """Samples along a ray, placed where the guide saw something."""
    guide_rays: int = 32
    """Width and height of the guide: density of the first level alone, which tells the fine samples where to be."""
    guide_samples: int = 16
    """Samples along a ray of the guide, evenly from near to far; 0 for no guide: the fine samples then are even too."""
    cells: int = 608
    """How many of the guide's cells a baked renderer fills, the most opaque first; the rest of the picture is empty."""
    super_resolution: str = "light"
    """Which network: "light" works at the rendered size, "unet" is the paper's."""
    sr_channels: int = 32
    sr_blocks: int = 3
    """Width of the super-resolution, and number of 3×3 convolutions of the light one."""

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= LEVELS:
            raise BadInput(f"a preset has 1 to {LEVELS} levels, got {self.levels}")
        for name, value, known in (
            ("lateral", self.lateral, LATERAL),
            ("super_resolution", self.super_resolution, SUPER_RESOLUTION),
        ):
            if value not in known:
                raise BadInput(f"'{name}' of a preset is {' or '.join(known)}, got '{value}'")
        if self.picture % self.rays:
            raise BadInput(f"'picture' ({self.picture}) must be a multiple of 'rays' ({self.rays})")
        if self.rays % self.patches or (self.guide_samples and self.rays % self.guide_rays):
            raise BadInput(f"'rays' ({self.rays}) must be a multiple of 'patches' and 'guide_rays'")

    @property
    def embedded(self) -> int:
        """Length of what the motion encoder gives."""
        return self.embedding or self.style

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


def decoder_work(preset: Preset) -> int:
    """Points at which one picture asks the decoder, the guide's included."""
    return preset.rays**2 * preset.samples + preset.guide_rays**2 * preset.guide_samples


LITE = Preset("lite")
LIVE = Preset(
    "live", motion_map=128, encoder=(32, 64, 128, 128), trunk=(256, 256, 192, 128, 96, 64, 32), plane_channels=16,
    rays=512, patches=4, samples=7, guide_rays=64, guide_samples=16, cells=2432,
)  # fmt: skip
PAPER = Preset(
    "paper", motion_map=128, encoder=(32, 64, 128, 256), encoder_norm=True, embedding=256, mapping=(256, 256),
    trunk=(256, 256, 256, 256, 256, 192, 96, 48), trunk_size=4, residual_trunk=True, plane_channels=32, mixing=2,
    lateral="features", hidden=128, density_hidden=128, direction_bands=4, rays=512, patches=4, samples=64,
    guide_rays=1, guide_samples=0, super_resolution="unet",
)  # fmt: skip

PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (LITE, LIVE, PAPER, replace(PAPER, name="paper-1024", picture=1024))
}
"""`lite`: for laptops without a GPU. `live`: for a GPU, every pixel a ray. `paper`, `paper-1024`: the networks of the
paper and its released code at full size, for reproduction and ablations."""
