"""The neck's warp (`runtime.contract.axes.Neck`) for torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.precision import in_float32
from runtime.contract.axes import Neck


def head_share(neck: Neck, y: Tensor, z: Tensor) -> Tensor:
    """How far torso-space points go with the head, 0..1 in the shape of their coordinates `y` and `z`, dm."""
    s = ((y + neck.lean * z - neck.low) / (neck.high - neck.low)).clamp(0, 1)
    return s * s * (3 - 2 * s)


class NeckWarp(nn.Module):
    """World points to head space, shoulders held; the same mixture as `Neck.to_head`."""

    pivot: Tensor

    def __init__(self, neck: Neck | None = None) -> None:
        super().__init__()
        self.neck = neck or Neck()
        self.register_buffer("pivot", torch.from_numpy(self.neck.pivot.copy()), persistent=False)

    @in_float32
    def forward(self, points: Tensor, pose: Tensor) -> Tensor:
        """[B, N, 3] under head poses [B, 3, 4] → [B, N, 3]; always in float32, where half precision is on elsewhere.

        A fifth column, where there is one, is the torso's own shift, dm in world space.
        """
        rotation, translation = pose[:, :, :3], pose[:, :, 3]
        shift = (rotation @ self.pivot) + translation - self.pivot + pose[:, :, 4:].sum(2)
        torso = points - shift[:, None]
        head = (points - translation[:, None]) @ rotation
        return torso + head_share(self.neck, torso[..., 1:2], torso[..., 2:3]) * (head - torso)
