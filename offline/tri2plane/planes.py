"""Sampling features from three axis-aligned planes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime.contract.axes import PLANE_AXES


def plane_coordinates(points: Tensor, box: Tensor) -> Tensor:
    """Head-space points [B, N, 3] to positions on the three planes [B, 3, N, 2], -1..1 from edge to edge of the box.

    `box` [2, 3] holds the low and the high corner, dm.
    """
    unit = (points - box[0]) / (box[1] - box[0]) * 2 - 1
    return torch.stack([unit[..., list(axes)] for axes in PLANE_AXES], 1)


def sample_planes(planes: Tensor, points: Tensor, box: Tensor) -> Tensor:
    """Bilinear features [B, N, C] of planes [B, 3, C, H, W] at head-space points [B, N, 3], summed over the planes.

    A plane's texels are cells: the box's edge is the edge of the outermost texel. Outside the box the nearest edge's
    feature is taken; the renderer gives such points no density. (The paper's code sums over the planes too.)
    """
    b, _, c, h, w = planes.shape
    grid = plane_coordinates(points, box).reshape(b * 3, 1, -1, 2)
    flat = planes.reshape(b * 3, c, h, w)
    sampled = F.grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled.reshape(b, 3, c, -1).sum(1).transpose(1, 2)


def inside_box(points: Tensor, box: Tensor) -> Tensor:
    """Whether points [..., 3] lie in the box, as 0 or 1 of the points' dtype, shape [...]."""
    return ((points >= box[0]) & (points <= box[1])).all(-1).to(points.dtype)
