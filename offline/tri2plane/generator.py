"""From the style to the levels of tri-planes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.tri2plane.layers import ModulatedConv, leaky, upsample
from offline.tri2plane.presets import Preset
from offline.tri2plane.to_planes import MixedTriPlane, StillTriPlane


class Block(nn.Module):
    """Convolves under the style, doubles the size (but for the first), and convolves again.

    The wide convolution comes before the doubling, where it costs a quarter.
    """

    def __init__(self, inputs: int, outputs: int, style: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.one = ModulatedConv(inputs, outputs, style)
        self.two = ModulatedConv(outputs, outputs, style)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = leaky(self.one(x, style))
        if not self.first:
            x = upsample(x)
        return leaky(self.two(x, style))


class ResidualBlock(nn.Module):
    """Doubles the size (but for the first), then three convolutions under the style; what the first gives is added
    before the last activation. The paper's block."""

    def __init__(self, inputs: int, outputs: int, style: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.convolutions = nn.ModuleList(
            ModulatedConv(inputs if n == 0 else outputs, outputs, style) for n in range(3)
        )

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        one, two, three = self.convolutions
        if not self.first:
            x = upsample(x)
        begun = one(x, style)
        return leaky(three(leaky(two(leaky(begun), style)), style) + begun)


class StyleGenerator(nn.Module):
    """Style → the levels of tri-planes (paper 3.2).

    Lateral connections go from the top down, as in a feature pyramid. With `lateral` "planes" a level is the level
    before it at twice the size plus what its own block adds, so that one fetch of the sum stands for one fetch a level;
    with "features" a level is only what its own block adds, and the fetched features are summed, as the authors' code
    does. The two agree at the texels' centres of the finer plane. Between these a piecewise linear function keeps its
    corners in one and has them cut by the doubling in the other: by an eighth of its second difference at most.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        trunk = preset.blocks
        self.summed = preset.lateral == "planes"
        self.constant = nn.Parameter(torch.randn(1, trunk[0], preset.trunk_size, preset.trunk_size))
        inputs = (trunk[0], *trunk[:-1])
        block = ResidualBlock if preset.residual_trunk else Block
        self.blocks = nn.ModuleList(
            block(i, o, preset.style, first=n == 0) for n, (i, o) in enumerate(zip(inputs, trunk, strict=True))
        )
        self.to_planes = nn.ModuleList(
            self._to_planes(width, size, preset)
            for width, size in zip(trunk[-preset.levels :], preset.plane_sizes, strict=True)
        )

    @staticmethod
    def _to_planes(width: int, size: int, preset: Preset) -> nn.Module:
        if preset.mixing:
            return MixedTriPlane(width, preset.plane_channels, preset.style, preset.mixing)
        return StillTriPlane(width, preset.plane_channels, size, preset.style)

    def forward(self, style: Tensor) -> list[Tensor]:
        """[B, style] → planes of the levels, [B, 3, C, H, W] each, coarse to fine."""
        return [level.unflatten(1, (3, -1)) for level in self.side_by_side(style)]

    def side_by_side(self, style: Tensor) -> list[Tensor]:
        """The same with the planes' channels one after the other, [B, 3·C, H, W]."""
        x = self.constant.expand(style.shape[0], -1, -1, -1)
        levels: list[Tensor] = []
        lead = len(self.blocks) - len(self.to_planes)
        for n, block in enumerate(self.blocks):
            x = block(x, style)
            if n >= lead:
                planes = self.to_planes[n - lead](x, style)
                levels.append(planes + upsample(levels[-1]) if levels and self.summed else planes)
        return levels
