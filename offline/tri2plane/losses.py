"""What training minimises (paper 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


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
