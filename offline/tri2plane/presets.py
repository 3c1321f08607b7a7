"""Sizes of the networks and of the rendering, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from offline.config import Count, Fixed, OneOf, Whole, Within, checked, from_mapping, with_settings
from runtime.errors import BadInput

LEVELS = 3
ONCE: dict[str, Any] = {"warp": "neck", "encoder": (16, 32, 64, 64), "lens": 1.0, "narrow_samples": 0}
"""What a run has that was begun before these were settings, where that is not their default."""
LATERAL = ("planes", "features")
SUPER_RESOLUTION = ("light", "unet")
WARPS = ("face", "neck")
Widths = Annotated[tuple[int, ...], Within(1)]


@dataclass(frozen=True)
class Preset:
    """Everything that shapes a `Tri2Plane`; saved beside each checkpoint, which it rebuilds. The defaults are `lite`.

    Raises BadInput where the values do not fit each other.
    """

    name: Annotated[str, Fixed]
    picture: Annotated[int, Fixed] = 512
    """Width and height of the final picture, pixels."""
    motion_map: Annotated[int, Within(16, 1024)] = 64
    """Width and height of the motion map, pixels."""
    encoder: Annotated[tuple[int, ...], Within(0)] = ()
    """Channels of the motion encoder's convolutions, each of which halves the map; none for no motion map."""
    encoder_norm: bool = False
    """Whether an InstanceNorm follows each of them."""
    warp: Annotated[str, OneOf(WARPS)] = "face"
    """How a point comes to the planes: by the "neck" and the head pose alone, as in the paper, or by the "face" too,
    back through its expression."""
    embedding: Whole = 0
    """Length of what the encoder gives; 0 for that of the style."""
    mapping: Widths = ()
    """Hidden widths of the mapping network; none for one as wide as the style."""
    latent: Count = 32
    """Length of the per-frame latent γ (paper 3.2)."""
    style: Count = 128
    """Length of the style vector."""
    trunk: Widths = (96, 96, 64, 48, 24)
    """Channels of the generator's blocks; the first works at `trunk_size`, each next one at twice the size."""
    trunk_size: Count = 8
    """Width of the first block of the trunk."""
    residual_trunk: bool = False
    """Whether a block is the paper's (three convolutions, all at the block's size) or a lighter one of two."""
    plane_channels: Count = 16
    """Channels of one plane; three planes a level, the last three blocks of the trunk carry one level each."""
    levels: Annotated[int, Within(1, LEVELS)] = 3
    """How many of the three levels there are, from the coarsest on; the blocks of the others are left out. What is
    rendered is the last that there is."""
    mixing: Whole = 0
    """Rounds of 3D-aware mixing between the planes of a level; 0 for planes that hold a learned still part instead."""
    lateral: Annotated[str, OneOf(LATERAL)] = "planes"
    """What a lateral connection sums: the "planes" (one fetch a point) or the fetched "features" (one a level)."""
    features: Annotated[int, Within(3)] = 32
    """Channels that volume rendering composes and super-resolution reads; the first three are the colour."""
    hidden: Count = 64
    """Width of the decoder's hidden layer for colour."""
    density_hidden: Whole = 0
    """Width of that for density; 0 for half of `hidden`."""
    direction_bands: Whole = 2
    """Frequencies of the view direction's positional encoding."""
    rays: Count = 128
    """Width and height of the rendered feature map."""
    lens: Annotated[float, Within(1, 8)] = 3.0
    """How many times closer rays are over the face than far from it; 1 for evenly spread ones."""
    patches: Count = 1
    """The whole feature map is rendered in `patches`² squares, one after the other, which bounds the memory."""
    samples: Annotated[int, Within(1, 128)] = 4
    """Samples along a ray, placed where the guide saw something."""
    guide_rays: Count = 32
    """Width and height of the guide: density of the first level alone, which tells the fine samples where to be."""
    guide_samples: Annotated[int, Within(0, 128)] = 16
    """Samples along a ray of the guide, evenly from near to far; 0 for no guide: the fine samples then are even too."""
    narrow_rays: Count = 64
    """Width and height of what narrows the guide's intervals: density of all levels, within these."""
    narrow_samples: Annotated[int, Within(0, 128)] = 8
    """Samples along a ray of it; 0 where the guide's intervals stand."""
    cells: Count = 608
    """How many of the guide's cells a baked renderer fills, the most opaque first; the rest of the picture is empty."""
    super_resolution: Annotated[str, OneOf(SUPER_RESOLUTION)] = "light"
    """Which network: "light" works at the rendered size, "unet" is the paper's."""
    sr_channels: Count = 32
    """Width of the super-resolution."""
    sr_blocks: Count = 3
    """Number of 3×3 convolutions of the light super-resolution."""

    def __post_init__(self) -> None:
        checked(self)
        if len(self.trunk) < LEVELS:
            raise BadInput(f"'trunk' needs {LEVELS} blocks or more, one for each level, got {len(self.trunk)}")
        if min(self.encoder, default=1) < 1:
            raise BadInput("'encoder' must hold positive numbers")
        if self.motion_map >> len(self.encoder) < 1:
            raise BadInput(f"'encoder' halves a motion map of {self.motion_map} pixels {len(self.encoder)} times")
        if self.picture % self.rays:
            raise BadInput(f"'picture' ({self.picture}) must be a multiple of 'rays' ({self.rays})")
        if self.rays % self.patches or (self.guide_samples and self.rays % self.guide_rays):
            raise BadInput(f"'rays' ({self.rays}) must be a multiple of 'patches' and 'guide_rays'")
        if self.narrows and (self.rays % self.narrow_rays or self.narrow_rays % self.guide_rays):
            raise BadInput(
                f"'narrow_rays' ({self.narrow_rays}) must divide 'rays' ({self.rays}) and be a multiple of "
                f"'guide_rays' ({self.guide_rays})"
            )

    @property
    def narrows(self) -> bool:
        """Whether the guide's intervals are narrowed."""
        return self.guide_samples > 0 and self.narrow_samples > 0

    @property
    def guides(self) -> tuple[tuple[int, int], ...]:
        """Rays to a side and samples along a ray of what leads the fine samples, one after the other."""
        both = ((self.guide_rays, self.guide_samples), (self.narrow_rays, self.narrow_samples))
        return both[: (self.guide_samples > 0) + self.narrows]

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

    def for_picture(self, size: int, settings: Mapping[str, Any] | None = None) -> Preset:
        """The preset with pictures of another size, and other values of some settings. Raises BadInput where
        super-resolution cannot make that size, or the values do not fit each other."""
        values = dict(settings or {})
        rays = values.get("rays", self.rays)
        if rays > 0 and size % rays:
            near = max(size // rays, 1) * rays
            raise BadInput(
                f"the clip's frames are {size}² pixels, preset '{self.name}' needs a multiple of {rays}; "
                f"track again with --size {near}"
            )
        return with_settings(self, values | {"picture": size})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preset:
        """Raises BadInput, naming the nearest known key, on an unknown one."""
        return from_mapping(cls, ONCE | values)


def decoder_work(preset: Preset) -> int:
    """Points at which one picture asks the decoder, the guides' included."""
    return preset.rays**2 * preset.samples + sum(size**2 * samples for size, samples in preset.guides)


LITE = Preset("lite")
LIVE = Preset(
    "live", trunk=(256, 256, 192, 128, 96, 64, 32), plane_channels=16,
    rays=512, lens=1.0, patches=4, samples=7, guide_rays=64, guide_samples=16, narrow_rays=128, cells=2432,
)  # fmt: skip
PAPER = Preset(
    "paper", warp="neck", motion_map=128, encoder=(32, 64, 128, 256), encoder_norm=True, embedding=256,
    mapping=(256, 256), trunk=(256, 256, 256, 256, 256, 192, 96, 48), trunk_size=4, residual_trunk=True,
    plane_channels=32, mixing=2, lateral="features", hidden=128, density_hidden=128, direction_bands=4, rays=512,
    lens=1.0, patches=4, samples=64,
    guide_rays=1, guide_samples=0, narrow_samples=0, super_resolution="unet",
)  # fmt: skip

PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (LITE, LIVE, PAPER, replace(PAPER, name="paper-1024", picture=1024))
}
"""`lite`: for laptops without a GPU. `live`: for a GPU, every pixel a ray. `paper`, `paper-1024`: the networks of the
paper and its released code at full size, for reproduction and ablations."""
