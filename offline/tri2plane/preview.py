"""Pictures of a run while it trains."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from offline.clip import Clip
from offline.files import write_png
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.dataset import Batch, load_batch


@torch.no_grad()
def predict(run: Run, batch: Batch) -> Tensor:
    """Premultiplied RGBA [B, 4, P, P] from the averaged weights, with γ as at inference, where the batch is.

    Frame by frame, so that a batch takes no more of the memory than one picture does.
    """
    pictures = []
    for n in range(len(batch.index)):
        one = batch.one(n).to(run.device)
        maps, latent = run.motion_maps(one.expression, one.detail), run.averaged.resting_latent(1)
        picture = run.averaged(maps, one.expression, one.detail, latent, one.pose, one.intrinsics, one.extrinsics)
        pictures.append(picture.to(batch.picture.device))
    return torch.cat(pictures)


def on_white(picture: Tensor) -> Tensor:
    """Premultiplied RGBA [B, 4, P, P] over white → [B, 3, P, P]."""
    return picture[:, :3] + 1 - picture[:, 3:]


def write_preview(run: Run, clip: Clip, count: int = 6) -> None:
    """Held-out frames above, the run's pictures of them below, as preview/STEP.png."""
    indices = np.linspace(clip.test[0], clip.test[-1], count).astype(int)
    batch = load_batch(clip, indices)
    rows = [on_white(p).clamp(0, 1) for p in (batch.picture, predict(run, batch))]
    sheet = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    pixels = (sheet.permute(1, 2, 0).numpy()[..., ::-1] * 255 + 0.5).astype(np.uint8)
    folder = run.folder / "preview"
    folder.mkdir(exist_ok=True)
    small = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    write_png(folder / f"{run.step:06d}.png", np.asarray(small, np.uint8))
