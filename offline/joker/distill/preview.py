"""Pictures of a head while it is distilled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from offline.files import write_png
from offline.joker.distill.targets import display_values

SHOWN = 9
"""Views in a preview, at most."""


def write_preview(path: Path, targets: Tensor, shown: Tensor) -> None:
    """Some of the targets [V, 3, P, P], uint8, above, the renderings of the same views below, as PNG."""
    chosen = np.unique(np.linspace(0, len(targets) - 1, min(SHOWN, len(targets))).astype(int))
    pictures = display_values(targets[chosen]), shown[chosen].float()
    rows = [torch.cat(list(row.cpu().clamp(0, 1)), 2) for row in pictures]
    pixels = (torch.cat(rows, 1).permute(1, 2, 0).numpy()[..., ::-1] * 255 + 0.5).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, pixels)
