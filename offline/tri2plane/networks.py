"""The four networks: motion encoder, style generator, decoder, super-resolution."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from offline.tri2plane.presets import Preset


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


class MotionEncoder(nn.Module):
    """Motion map [B, 6, M, M] in 0..1 → embedding [B, style] (paper 3.2)."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        dims = (6, 16, 32, 64, 64)
        layers: list[nn.Module] = []
        for i, o in pairwise(dims):
            layers += [nn.Conv2d(i, o, 3, 2, 1), nn.LeakyReLU(0.2)]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Linear(dims[-1] * (size // 16) ** 2, out)

    def forward(self, motion_map: Tensor) -> Tensor:
        return self.linear(self.convolutions(motion_map - 0.5).flatten(1))


class StyleMapping(nn.Module):
    """Embedding, expression, detail and latent γ → style [B, style] of mean square 1 (paper eq. 2).

    Left free, the style grows in the first hundreds of steps until its own scale hides what the expression does to it.
    """

    def __init__(self, inputs: int, style: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, style), nn.LeakyReLU(0.2), nn.Linear(style, style))

    def forward(self, *parts: Tensor) -> Tensor:
        style = self.layers(torch.cat(parts, 1))
        return style * torch.rsqrt(style.square().mean(1, keepdim=True) + 1e-8)


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


def upsample(x: Tensor) -> Tensor:
    """Bilinear, to twice the size; texels are cells, as in `planes`."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ToTriPlane(nn.Module):
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


class StyleGenerator(nn.Module):
    """Style → the levels of tri-planes (paper 3.2).

    Lateral connections go from the top down, as in a feature pyramid: a level is the level before it at twice the
    size plus what its own block adds. Bilinear sampling commutes with the sum over levels (eq. 5 to 7), so that one
    fetch of the sum stands for one fetch a level.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        trunk = preset.blocks
        self.constant = nn.Parameter(torch.randn(1, trunk[0], preset.trunk_size, preset.trunk_size))
        inputs = (trunk[0], *trunk[:-1])
        self.blocks = nn.ModuleList(
            Block(i, o, preset.style, first=n == 0) for n, (i, o) in enumerate(zip(inputs, trunk, strict=True))
        )
        self.to_planes = nn.ModuleList(
            ToTriPlane(width, preset.plane_channels, size, preset.style)
            for width, size in zip(trunk[-preset.levels :], preset.plane_sizes, strict=True)
        )

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
                levels.append(planes + upsample(levels[-1]) if levels else planes)
        return levels


def encode_direction(direction: Tensor, bands: int) -> Tensor:
    """Unit vectors [..., 3] → [..., 3 + 6·bands]: the vector, and sine and cosine of it times 1, 2, 4, …."""
    parts = [direction]
    for band in range(bands):
        parts += [torch.sin(direction * 2**band), torch.cos(direction * 2**band)]
    return torch.cat(parts, -1)


class Decoder(nn.Module):
    """Plane feature and view direction → density and colour feature; one for all levels (paper eq. 3).

    The direction enters as a bias of the hidden layer: concatenation, written so that it is computed once a ray.
    It does not reach the density.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.bands = preset.direction_bands
        half = preset.hidden // 2
        self.density_in = nn.Linear(preset.plane_channels, half)
        self.density_out = nn.Linear(half, 1)
        self.colour_in = nn.Linear(preset.plane_channels, preset.hidden)
        self.colour_direction = nn.Linear(3 + 6 * self.bands, preset.hidden, bias=False)
        self.colour_out = nn.Linear(preset.hidden, preset.features)

    def density(self, feature: Tensor) -> Tensor:
        """[..., C] → σ [...], per dm, ≥ 0."""
        return F.softplus(self.density_out(F.relu(self.density_in(feature)))[..., 0] * 4 - 1)

    def direction_bias(self, direction: Tensor) -> Tensor:
        """What unit directions [..., 3] add to the hidden layer, [..., H]."""
        return self.colour_direction(encode_direction(direction, self.bands))

    def colour(self, feature: Tensor, bias: Tensor) -> Tensor:
        """Features [B, S, N, C] and `direction_bias` [B, N, H] → [B, S, N, F]; the first three are RGB, about 0..1."""
        return self.colour_out(self._hidden(feature, bias))

    def composed_colour(self, weights: Tensor, feature: Tensor, bias: Tensor) -> Tensor:
        """``Σ_s w_s · colour_s`` [B, N, F] for weights [B, S, N]: equal to composing `colour`.

        The last layer is linear, so the hidden layer is composed and the last layer runs once a ray, not once a sample.
        """
        hidden = (weights[..., None] * self._hidden(feature, bias)).sum(1)
        opacity = weights.sum(1)[..., None]
        return F.linear(hidden, self.colour_out.weight) + self.colour_out.bias * opacity

    def _hidden(self, feature: Tensor, bias: Tensor) -> Tensor:
        return F.relu(self.colour_in(feature) + bias[:, None])


class SuperResolution(nn.Module):
    """Rendered features and opacity → premultiplied RGBA at the full size.

    Works at the rendered size and leaves enlarging to one sub-pixel convolution (Shi et al. 2016); the result adds
    to the enlarged rendering, so that training starts from a picture.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.factor = preset.picture // preset.rays
        width = preset.sr_channels
        self.head = nn.Conv2d(preset.features + 1, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(preset.sr_blocks - 1))
        self.tail = nn.Conv2d(width, 4 * self.factor**2, 1)
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    def forward(self, features: Tensor, alpha: Tensor) -> Tensor:
        """[B, F, R, R], [B, 1, R, R] → [B, 4, P, P], not clipped."""
        base = torch.cat([features[:, :3], alpha], 1)
        fine = F.pixel_shuffle(self.tail(self.hidden(features, alpha)), self.factor)
        return F.interpolate(base, scale_factor=float(self.factor), mode="bilinear", align_corners=False) + fine

    def hidden(self, features: Tensor, alpha: Tensor) -> Tensor:
        """What the last convolution reads, [B, sr_channels, R, R]."""
        x = F.leaky_relu(self.head(torch.cat([features, alpha], 1)), 0.2)
        for convolution in self.body:
            x = x + F.leaky_relu(convolution(x), 0.2)
        return x
