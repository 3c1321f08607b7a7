"""The neck's warp (`runtime.contract.axes.Neck`) for torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runtime.contract.axes import Neck


class NeckWarp(nn.Module):
    """World points to head space, shoulders held; the same mixture as `Neck.to_head`."""

    pivot: Tensor

    def __init__(self, neck: Neck | None = None) -> None:
        super().__init__()
        self.neck = neck or Neck()
        self.register_buffer("pivot", torch.from_numpy(self.neck.pivot.copy()), persistent=False)

    @torch.autocast("cpu", enabled=False)
    def forward(self, points: Tensor, pose: Tensor) -> Tensor:
        """[B, N, 3] under head poses [B, 3, 4] → [B, N, 3]; always in float32, where half precision is on elsewhere."""
        rotation, translation = pose[:, :, :3], pose[:, :, 3]
        shift = (rotation @ self.pivot) + translation - self.pivot
        torso = points - shift[:, None]
        head = (points - translation[:, None]) @ rotation
        neck = self.neck
        s = ((torso[..., 1:2] + neck.lean * torso[..., 2:3] - neck.low) / (neck.high - neck.low)).clamp(0, 1)
        w = s * s * (3 - 2 * s)
        return torso + w * (head - torso)
