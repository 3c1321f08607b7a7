"""From the rendered features to the picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from offline.tri2plane.layers import upsample
from offline.tri2plane.presets import Preset


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


class UNet(nn.Module):
    """The same by a U-Net: the paper's, of some 7 million parameters with 32 `sr_channels`.

    Three times down to an eighth and back, with the features of the way down beside those of the way up. As in
    `SuperResolution` the result adds to the enlarged rendering, where the released code ends in a sigmoid.
    """

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.factor = preset.picture // preset.rays
        a, b, c, d = (preset.sr_channels * times for times in (4, 8, 4, 4))
        self.down = nn.ModuleList(_stage(i, o) for i, o in ((preset.features + 1, a), (a, b), (b, c), (c, d)))
        ups = tuple(preset.sr_channels * times for times in (4, 2, 1))
        self.up = nn.ModuleList(_stage(i, o) for i, o in ((d + c, ups[0]), (ups[0] + b, ups[1]), (ups[1] + a, ups[2])))
        self.tail = nn.Conv2d(ups[2], 4 * self.factor**2, 1)
        nn.init.zeros_(self.tail.weight)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

    def forward(self, features: Tensor, alpha: Tensor) -> Tensor:
        """[B, F, R, R], [B, 1, R, R] → [B, 4, P, P], not clipped; R is a multiple of 8."""
        x, passed = torch.cat([features, alpha], 1), []
        for n, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if n else x)
            passed.append(x)
        for stage, beside in zip(self.up, passed[-2::-1], strict=True):
            x = stage(torch.cat([upsample(x), beside], 1))
        base = torch.cat([features[:, :3], alpha], 1)
        fine = F.pixel_shuffle(self.tail(x), self.factor)
        return F.interpolate(base, scale_factor=float(self.factor), mode="bilinear", align_corners=False) + fine


class ResidualPair(nn.Module):
    """Two 3×3 convolutions, each with InstanceNorm and ReLU, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pair = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.InstanceNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.InstanceNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(x) + self.shortcut(x)


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ResidualPair(inputs, outputs), *(ResidualPair(outputs, outputs) for _ in range(2)))
