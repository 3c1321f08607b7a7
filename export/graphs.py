"""The three graphs of a bundle, as torch modules ready to be traced.

Each computes what the modules of a trained `Tri2Plane` compute, in the order and layout that CPU engines run best; the
parity check of `mien bake` compares the two on every export.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.fast_rendering import HALF, FastRenderer
from export.fast_warp import FACE
from export.onnx_export import scope
from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.motion import MotionMaps
from offline.tri2plane.super_resolution import SuperResolution


class GeneratorGraph(nn.Module):
    """expression [B, 52], detail [B, 8], latent γ → planes of the levels, [B, 3, H, W, C] each.

    The first is "coarse", the last "fine"; a single level is both. An avatar in the face's own space adds the
    expression's part of its warp (`FACE`), as `export.fast_warp` takes it.
    """

    def __init__(self, model: Tri2Plane, motion_maps: MotionMaps | None) -> None:
        super().__init__()
        self.model, self.motion_maps = model, motion_maps
        self.outputs: tuple[str, ...] = ("coarse", "middle", "fine") if model.preset.levels == 3 else ("coarse", "fine")
        self.outputs += FACE if model.face else ()

    def forward(self, expression: Tensor, detail: Tensor, latent: Tensor) -> tuple[Tensor, ...]:
        planes = tuple(_channels_last(level) for level in self.levels(expression, detail, latent))
        return planes + self.warped(expression)

    def warped(self, expression: Tensor) -> tuple[Tensor, ...]:
        """What `FACE` names, of expressions [B, 52]."""
        made = self.model.warped(expression)
        return (made.maps.permute(0, 2, 3, 1), made.carried) if made else ()

    def levels(self, expression: Tensor, detail: Tensor, latent: Tensor) -> list[Tensor]:
        """The same as the generator makes them, [B, 3·C, H, W], two at least."""
        motion = self.motion_maps(expression, detail) if self.motion_maps else None
        style = self.model.style(motion, expression, detail, latent)
        levels = self.model.generator.side_by_side(style)
        return levels * 2 if len(levels) == 1 else levels

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """The rasteriser, where a triangle's edge is decided in small differences, and the warp, which is places."""
        return "motion_maps" in scope(node) or "face" in scope(node)


class BankedGeneratorGraph(GeneratorGraph):
    """The same with a bank: takes for each level what is added to it, int8 [B, 3, H, W·C], and what a step of that is
    worth, the same for each row of a plane, [B, 3, 1, W·C]: long rows are what engines multiply fastest."""

    def forward(  # type: ignore[override]
        self,
        expression: Tensor,
        detail: Tensor,
        latent: Tensor,
        bank_coarse: Tensor,
        bank_coarse_scale: Tensor,
        bank_fine: Tensor,
        bank_fine_scale: Tensor,
    ) -> tuple[Tensor, ...]:
        coarse, *middle, fine = (_channels_last(level) for level in self.levels(expression, detail, latent))
        coarse = coarse + _unpacked(bank_coarse, bank_coarse_scale, coarse)
        fine = fine + _unpacked(bank_fine, bank_fine_scale, fine)
        return (coarse, *middle, fine, *self.warped(expression))


class BankGraph(nn.Module):
    """The generator of an avatar that is a bank alone: its neutral planes and what the bank adds. The live
    coefficients have done their work in the weights that the bank comes with (`runtime.avatar.follow`)."""

    outputs = ("coarse", "fine")

    def __init__(self, coarse: Tensor, fine: Tensor) -> None:
        """The neutral head's planes, [3, C, H, W]."""
        super().__init__()
        self.register_buffer("neutral_coarse", _channels_last(coarse.flatten(0, 1)[None]).contiguous())
        self.register_buffer("neutral_fine", _channels_last(fine.flatten(0, 1)[None]).contiguous())

    neutral_coarse: Tensor
    neutral_fine: Tensor

    def forward(
        self, bank_coarse: Tensor, bank_coarse_scale: Tensor, bank_fine: Tensor, bank_fine_scale: Tensor
    ) -> tuple[Tensor, ...]:
        coarse = self.neutral_coarse + _unpacked(bank_coarse, bank_coarse_scale, self.neutral_coarse)
        return coarse, self.neutral_fine + _unpacked(bank_fine, bank_fine_scale, self.neutral_fine)

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        return False


def _unpacked(steps: Tensor, scale: Tensor, like: Tensor) -> Tensor:
    """int8 [B, 3, H, W·C] and the worth of a step [B, 3, 1, W·C] → float32 [B, 3, H, W, C], as `like`."""
    return (steps.to(torch.float32) * scale).unflatten(3, (-1, like.shape[4]))


def _channels_last(level: Tensor) -> Tensor:
    """[B, 3·C, H, W] → [B, 3, H, W, C]."""
    return level.permute(0, 2, 3, 1).unflatten(3, (3, -1)).permute(0, 3, 1, 2, 4)


class RendererGraph(FastRenderer):
    """Planes of the first and the last level, pose, camera → features, alpha, depth. The first level guides the
    samples, the last (which holds the sum of all) fills them."""

    outputs = ("features", "alpha", "depth")

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """All that is not a feature: points, depths, indices."""
        return not any(name in scope(node) for name in HALF)


class SuperResolutionGraph(nn.Module):
    """Features and alpha → premultiplied RGBA, uint8 [B, P, P, 4].

    Bilinear enlargement by a whole factor is a fixed 3×3 convolution before a pixel shuffle, so it adds to the last
    convolution's result.
    """

    outputs = ("rgba",)

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        if not isinstance(model.super_resolution, SuperResolution):
            raise TypeError("only the light super-resolution has a graph")
        self.learned = model.super_resolution
        self.lens = model.lens
        self.register_buffer("enlarge", enlarging_kernel(self.learned.factor))

    enlarge: Tensor

    def forward(self, features: Tensor, alpha: Tensor) -> Tensor:
        base = F.pad(torch.cat([features[:, :3], alpha], 1), (1, 1, 1, 1), mode="replicate")
        small = F.conv2d(base, self.enlarge) + self.learned.tail(self.learned.hidden(features, alpha))
        picture = F.pixel_shuffle(small.clamp(0, 1) * 255 + 0.5, self.learned.factor)
        if self.lens:
            picture = self.lens.laid_out(picture)
        return picture.permute(0, 2, 3, 1).to(torch.uint8)

    @staticmethod
    def float32(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        return False


def enlarging_kernel(factor: int) -> Tensor:
    """Weights [4·factor², 4, 3, 3] of a convolution whose pixel shuffle enlarges four channels bilinearly."""
    place = (torch.arange(factor) + 0.5) / factor - 0.5  # of each fine pixel, in coarse ones from the middle
    taps = torch.stack([(-place).clamp(min=0), 1 - place.abs(), place.clamp(min=0)], 1)  # [factor, 3]
    kernel = torch.einsum("ai,bj->abij", taps, taps).reshape(factor**2, 3, 3)
    weight = torch.zeros(4, factor**2, 4, 3, 3)
    for channel in range(4):
        weight[channel, :, channel] = kernel
    return weight.reshape(4 * factor**2, 4, 3, 3)
