"""The three graphs of a bundle, as torch modules ready to be traced.

Each holds the modules of a trained `Tri2Plane` and differs from them only in layout: planes are handed on channel-last,
and fetched by row gathers, because that is what CPU engines run best.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.planes import gather_planes


class GeneratorGraph(nn.Module):
    """expression [B, 52], detail [B, 8], latent γ → guide and fine planes [B, 3, H, W, C]."""

    def __init__(self, model: Tri2Plane, motion_maps: nn.Module) -> None:
        super().__init__()
        self.model, self.motion_maps = model, motion_maps

    def forward(self, expression: Tensor, detail: Tensor, latent: Tensor) -> tuple[Tensor, ...]:
        levels = self.model.planes(self.motion_maps(expression, detail), expression, detail, latent)
        return tuple(level.permute(0, 1, 3, 4, 2).contiguous() for level in levels)


class RendererGraph(nn.Module):
    """Planes of three levels, head pose [B, 3, 4], camera → features [B, F, R, R], alpha and depth [B, 1, R, R]."""

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, coarse: Tensor, fine: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        rendered = self.model.render([coarse, fine], 1, pose, intrinsics, extrinsics, self.model.preset.rays)
        return rendered.features, rendered.alpha, rendered.depth


class SuperResolutionGraph(nn.Module):
    """Features and alpha → premultiplied RGBA, uint8 [B, P, P, 4]."""

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        self.super_resolution = model.super_resolution

    def forward(self, features: Tensor, alpha: Tensor) -> Tensor:
        picture = self.super_resolution(features, alpha).clamp(0, 1)
        return (picture * 255 + 0.5).permute(0, 2, 3, 1).to(torch.uint8)
