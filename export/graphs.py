"""The three graphs of a bundle, as torch modules ready to be traced.

Each holds the modules of a trained `Tri2Plane` and differs from them only in layout: planes are handed on channel-last
and fetched by row gathers, because that is what CPU engines run best.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import onnx
import torch
from torch import Tensor, nn

from export.onnx_export import scope
from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.motion import MotionMaps
from offline.tri2plane.planes import gather_planes


class GeneratorGraph(nn.Module):
    """expression [B, 52], detail [B, 8], latent γ → planes of the three levels, [B, 3, H, W, C] each."""

    outputs = ("coarse", "middle", "fine")

    def __init__(self, model: Tri2Plane, motion_maps: MotionMaps) -> None:
        super().__init__()
        self.model, self.motion_maps = model, motion_maps

    def forward(self, expression: Tensor, detail: Tensor, latent: Tensor) -> tuple[Tensor, ...]:
        levels = self.model.planes(self.motion_maps(expression, detail), expression, detail, latent)
        return tuple(level.permute(0, 1, 3, 4, 2).contiguous() for level in levels)

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """The rasteriser: a triangle's edge is decided in small differences."""
        return "motion_maps" in scope(node)


class RendererGraph(nn.Module):
    """Planes of the first and the last level, head pose [B, 3, 4], camera → features [B, F, R, R], alpha and depth
    [B, 1, R, R]. The first level guides the samples, the last (which holds the sum of all) fills them."""

    outputs = ("features", "alpha", "depth")

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        self.model = deepcopy(model)
        self.model.sample = gather_planes

    def forward(
        self, coarse: Tensor, fine: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        rendered = self.model.render([coarse, fine], 1, pose, intrinsics, extrinsics, self.model.preset.rays)
        return rendered.features, rendered.alpha, rendered.depth

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """All that is not a feature: points, depths and indices. A feature's last axis holds its channels."""
        channels = any(8 <= shapes[o][-1] <= 256 for o in node.output if shapes.get(o))
        return not (channels or node.op_type in ("MatMul", "Gemm", "Gather"))


class SuperResolutionGraph(nn.Module):
    """Features and alpha → premultiplied RGBA, uint8 [B, P, P, 4]."""

    outputs = ("rgba",)

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        self.super_resolution = model.super_resolution

    def forward(self, features: Tensor, alpha: Tensor) -> Tensor:
        picture = self.super_resolution(features, alpha).clamp(0, 1)
        return (picture * 255 + 0.5).permute(0, 2, 3, 1).to(torch.uint8)

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        return False
