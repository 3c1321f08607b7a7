"""Pictures at other sizes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resized(picture: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Pictures [V, C, H, W] at size² or (height, width): means over areas when smaller, bilinear when larger."""
    height, width = (size, size) if isinstance(size, int) else size
    if width <= picture.shape[-1]:
        return F.interpolate(picture, size=(height, width), mode="area")
    return F.interpolate(picture, size=(height, width), mode="bilinear", align_corners=False)
