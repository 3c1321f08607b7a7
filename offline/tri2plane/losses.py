"""What training minimises (paper 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms (eq. 13). Pictures are premultiplied RGBA; all means are over pixels and channels."""

    levels: tuple[float, float, float]
    """L1 of the rendering of each level, coarse to fine: the whole picture, a quarter of it, active patches (eq. 10).
    With fewer levels the last one has the last weight."""
    composite: float
    """L1 of the rendering of the whole picture, patch by patch. Without patches, of the last level's window."""
    super_resolution: float
    """L1 of the final picture."""
    lpips: float
    """LPIPS of the final picture over white (eq. 11), where its weights are at hand."""
    sharpness: float
    """`sharpness_loss` of the final picture, where they are not."""
    mask: float
    """Mean square of opacity against matte (eq. 12)."""
    mask_all_levels: bool
    """Whether `mask` counts at each level, or at the last only."""
    features: float
    """Extra weight of eyes and mouth in all L1 terms (`feature_weight`)."""

    def of_level(self, level: int, levels: int) -> float:
        """Weight of the L1 of `level`, 0 being the coarsest, where there are `levels` of them."""
        return self.levels[-1] if level == levels - 1 else self.levels[level]


LOSSES = {
    "mien": LossWeights((0.5, 0.5, 0.5), 0.0, 1.0, 0.1, 0.5, 0.5, True, 10.0),
    "paper": LossWeights((1.0, 1.0, 1.0), 0.0, 0.0, 1.0, 1.0, 0.1, False, 0.0),
    "released": LossWeights((10.0, 1.0, 1.0), 1.0, 1.0, 0.1, 0.1, 0.1, False, 0.0),
}
"""The defaults; the text of the paper (3.4); the authors' released code. Neither of the latter two knows the sharpness
loss; it stands in for LPIPS under the same weight. The paper's text has no L1 on the final picture, whose colours LPIPS
holds; without LPIPS it gets one of weight 1."""


def weighted_l1(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of |prediction - target| [B, C, H, W] under the weights [B, 1, H, W] (eq. 10)."""
    return ((prediction - target).abs() * weight).sum() / (weight.sum() * prediction.shape[1]).clamp(min=1)


def opacity_loss(alpha: Tensor, target: Tensor) -> Tensor:
    """Mean square of the difference between opacity and matte, both [B, 1, H, W] (eq. 12)."""
    return (alpha - target).square().mean()


def sharpness_loss(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Difference of neighbouring-pixel differences at full, half and quarter size, weighted.

    Stands where the paper has LPIPS (eq. 11), whose weights Mien does not ship: it asks for the same edges, which L1
    alone trades for blur.
    """
    total = prediction.new_zeros(())
    for halved in range(3):
        if halved:
            prediction, target, weight = (F.avg_pool2d(t, 2) for t in (prediction, target, weight))
        for axis in (2, 3):
            error = (prediction.diff(dim=axis) - target.diff(dim=axis)).abs()
            w = weight.narrow(axis, 1, weight.shape[axis] - 1)
            total = total + (error * w).sum() / (w.sum() * prediction.shape[1]).clamp(min=1)
    return total


def feature_weight(pose: Tensor, intrinsics: Tensor, extrinsics: Tensor, size: int, strength: float) -> Tensor:
    """1 everywhere and up to 1 + strength over the eyes and the mouth, [B, 1, size, size].

    These few pixels carry the expression; a plain mean would leave them to the end.
    """
    points = pose.new_tensor([[0.315, 0.265, 0.38], [-0.315, 0.265, 0.38], [0.0, -0.45, 0.5]])
    reach = pose.new_tensor([[0.2, 0.13], [0.2, 0.13], [0.32, 0.24]])
    world = points @ pose[:, :, :3].transpose(1, 2) + pose[:, None, :, 3]
    camera = world @ extrinsics[:, :, :3].transpose(1, 2) + extrinsics[:, None, :, 3]
    focal = intrinsics[:, None, :2]
    at = camera[..., :2] / camera[..., 2:] * focal + intrinsics[:, None, 2:]  # [B, 3, 2]
    scale = reach * focal / camera[..., 2:]
    centres = (torch.arange(size, dtype=pose.dtype, device=pose.device) + 0.5) / size
    x = (centres - at[..., :1]) / scale[..., :1]  # [B, 3, size]
    y = (centres - at[..., 1:]) / scale[..., 1:]
    bump = torch.exp(-(x[:, :, None, :] ** 2 + y[:, :, :, None] ** 2))
    return 1 + strength * bump.amax(1, keepdim=True)
