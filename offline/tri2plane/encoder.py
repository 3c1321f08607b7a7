"""From what drives a frame to the style that the generator works under."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from offline.tri2plane.presets import Preset


class MotionEncoder(nn.Module):
    """Motion map [B, 6, M, M] in 0..1 → embedding [B, `preset.embedded`] (paper 3.2).

    Each convolution halves the size; `preset.encoder_norm` puts an InstanceNorm after each, as the paper's code has it.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        dims = (6, *preset.encoder)
        layers: list[nn.Module] = []
        for i, o in pairwise(dims):
            layers.append(nn.Conv2d(i, o, 3, 2, 1))
            if preset.encoder_norm:
                layers.append(nn.InstanceNorm2d(o))
            layers.append(nn.LeakyReLU(0.2))
        self.convolutions = nn.Sequential(*layers)
        left = preset.motion_map // 2 ** len(preset.encoder)
        self.linear = nn.Linear(dims[-1] * left**2, preset.embedded)

    def forward(self, motion_map: Tensor) -> Tensor:
        return self.linear(self.convolutions(motion_map - 0.5).flatten(1))


class StyleMapping(nn.Module):
    """Embedding, expression, detail and latent γ → style [B, style] of mean square 1 (paper 3.2).

    Left free, the style grows in the first hundreds of steps until its own scale hides what the expression does to it.
    """

    def __init__(self, inputs: int, style: int, hidden: tuple[int, ...] = ()) -> None:
        """`hidden` are the hidden layers' widths; none given means one as wide as the style."""
        super().__init__()
        *dims, last = (inputs, *(hidden or (style,)))
        layers: list[nn.Module] = []
        for i, o in pairwise((*dims, last)):
            layers += [nn.Linear(i, o), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(last, style))

    def forward(self, *parts: Tensor) -> Tensor:
        style = self.layers(torch.cat(parts, 1))
        return style * torch.rsqrt(style.square().mean(1, keepdim=True) + 1e-8)
