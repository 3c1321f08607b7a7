"""What the networks share: a style-modulated convolution, an activation, an enlargement."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def leaky(x: Tensor) -> Tensor:
    """LeakyReLU with slope 0.2, scaled to keep the variance of a Gaussian input about the same."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2 / 1.04)


class ModulatedConv(nn.Module):
    """A convolution whose input channels a style scales and whose output is brought back to unit variance.

    In activation form, ``d ⊙ conv(W, s ⊙ x)`` with ``s = 1 + A·style`` and ``d = rsqrt(Σ_k W² @ s²)``: equal to
    StyleGAN2's per-sample weights, but W stays constant, which every engine can prepare ahead of time.
    """

    def __init__(self, inputs: int, outputs: int, style: int, kernel: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = nn.Linear(style, inputs)
        nn.init.normal_(self.affine.weight, std=0.5 / math.sqrt(style))
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, I, H, W], [B, style] → [B, O, H, W]."""
        s = 1 + self.affine(style)
        d = torch.rsqrt(s.square() @ self.weight.square().sum((2, 3)).t() + 1e-8)
        y = F.conv2d(x * s[:, :, None, None], self.weight, padding=self.weight.shape[-1] // 2)
        return y * d[:, :, None, None] + self.bias[:, None, None]


def upsample(x: Tensor) -> Tensor:
    """Bilinear, to twice the size; texels are cells, as in `planes`."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
