"""Windows into a picture, and the geometry-aware sliding window (paper 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor


def window_intrinsics(intrinsics: Tensor, left: Tensor, top: Tensor, share: float) -> Tensor:
    """Intrinsics [B, 4] of a square window whose corner is at (left, top) [B] and whose width is `share`, all as
    fractions of the picture. Exact: rays through the window's pixels are the picture's own."""
    fx, fy, cx, cy = intrinsics.unbind(1)
    return torch.stack([fx / share, fy / share, (cx - left) / share, (cy - top) / share], 1)


def slide_translation(pose: Tensor, intrinsics: Tensor, extrinsics: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Head poses [B, 3, 4 or 5] whose picture is the old one moved by (dx, dy) [B], fractions of the picture (eq. 9).

    The head's origin projects to ``u = fx·X/Z + cx``, so moving it by ``ΔX = dx·Z/fx`` in camera space, at the same
    depth, moves its picture by exactly dx; likewise down. World space follows by the camera's rotation,
    ``ΔT = R_Eᵀ (dx·Z/fx, dy·Z/fy, 0)``, which is the paper's ``R·c_I⁻¹[Δx, Δy]`` for our convention
    ``x_world = R x_head + T``. Points nearer than the origin move further, as they do when a head really moves aside.
    """
    rotation = extrinsics[:, :, :3]
    depth = (rotation @ pose[:, :, 3:4] + extrinsics[:, :, 3:])[:, 2, 0]
    zero = torch.zeros_like(dx)
    camera = torch.stack([dx * depth / intrinsics[:, 0], dy * depth / intrinsics[:, 1], zero], 1)
    moved = pose[:, :, 3] + (camera[:, None] @ rotation)[:, 0]
    return torch.cat([pose[:, :, :3], moved[:, :, None], pose[:, :, 4:]], 2)
