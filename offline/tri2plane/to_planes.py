"""From a block's features to three planes of one level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.tri2plane.layers import ModulatedConv, leaky
from runtime.contract.axes import PLANE_AXES


class StillTriPlane(nn.Module):
    """Features of the trunk → what this level adds to the three planes.

    A learned plane that no style moves holds what never changes (skin, hair, clothes); the trunk only adds what the
    expression does to it.
    """

    def __init__(self, inputs: int, channels: int, size: int, style: int) -> None:
        super().__init__()
        self.still = nn.Parameter(torch.randn(3, channels, size, size) * 0.1)
        self.moving = ModulatedConv(inputs, 3 * channels, style, kernel=1)
        self.gain = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, I, H, W] → the three planes side by side, [B, 3·C, H, W]."""
        return self.still.flatten(0, 1) + self.moving(x, style) * self.gain


class MixedTriPlane(nn.Module):
    """Features of the trunk → three planes that know of each other: the paper's.

    A convolution makes the planes; then, `rounds` times, each plane is joined with what the other two hold at the
    coordinate that it shares with them (`mix_planes`), and one convolution, the same for all three, reads the result.
    """

    def __init__(self, inputs: int, channels: int, style: int, rounds: int) -> None:
        super().__init__()
        self.first = ModulatedConv(inputs, 3 * channels, style)
        self.rounds = nn.ModuleList(ModulatedConv(3 * channels, channels, style) for _ in range(rounds))
        self.gain = nn.Parameter(torch.tensor(0.1))  # the sum over planes and levels would begin with glaring colours

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, I, H, W] → the three planes side by side, [B, 3·C, H, W]."""
        planes = leaky(self.first(x, style)).unflatten(1, (3, -1))
        each = style.repeat_interleave(3, 0)
        for convolution in self.rounds:
            mixed = convolution(mix_planes(planes).flatten(0, 1), each)
            planes = leaky(mixed).unflatten(0, (-1, 3))
        return planes.flatten(1, 2) * self.gain


def mix_planes(planes: Tensor) -> Tensor:
    """Planes [B, 3, C, N, N] → each beside the other two as it sees them, [B, 3, 3·C, N, N] (RODIN, Wang et al. 2023).

    Two planes share one axis. The other plane's mean over its own second axis is a row along the shared one, and stands
    wherever this plane has that coordinate. The order is: this plane, then the others as they are numbered.
    """
    results = []
    for own, (across, down) in enumerate(PLANE_AXES):
        parts = [planes[:, own]]
        for other, axes in enumerate(PLANE_AXES):
            if other == own:
                continue
            shared = axes[0] if axes[0] in (across, down) else axes[1]
            row = planes[:, other].mean(-2 if shared == axes[0] else -1)  # [B, C, N] along the shared axis
            line = row[:, :, None, :] if shared == across else row[:, :, :, None]
            parts.append(line.expand_as(parts[0]))
        results.append(torch.cat(parts, 1))
    return torch.stack(results, 1)
