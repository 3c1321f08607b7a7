"""Parts of pictures: the sliding window and the windows of the finer levels.

What is random is drawn on the processor, so that a seed means the same on every device.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from offline.clip import NO_MARGIN
from offline.precision import in_float32
from offline.tri2plane.dataset import Batch
from offline.tri2plane.lens import Lens
from offline.tri2plane.window import slide_translation


@in_float32  # in bfloat16 a slide of 25 pixels misses by about a tenth of one
def slide(batch: Batch, largest: float, share: float, into_margin: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """The sliding window: poses [B, 3, 4], what of each picture is known [B, 1, P, P] as 0 or 1, moved pictures.

    What comes in from beyond the picture is known as far as the clip's margin goes (paper 3.3: 512² inside 736²), if it
    is to count.
    """
    b, _, p, _ = batch.picture.shape
    pixels = torch.randint(-int(largest * p), int(largest * p) + 1, (b, 2)) * (torch.rand(b, 1) < share)
    by = pixels.to(batch.pose.device).float() / p
    pose = slide_translation(batch.pose, batch.intrinsics, batch.extrinsics, by[:, 0], by[:, 1])
    moved, known = torch.zeros_like(batch.picture), torch.zeros_like(batch.picture[:, :1])
    left, top, right, bottom = batch.margin if into_margin else NO_MARGIN
    for i, (dx, dy) in enumerate(pixels.tolist()):
        rows, columns = _known(dy, p, top, bottom), _known(dx, p, left, right)
        source = (_moved(rows, batch.margin[1] - dy), _moved(columns, batch.margin[0] - dx))
        moved[i, :, rows, columns] = batch.wide[i, :, source[0], source[1]]
        known[i, :, rows, columns] = 1
    return pose, known, moved


def _known(by: int, size: int, before: int, after: int) -> slice:
    """Of `size` pixels that moved `by`, those that come from the picture or its margin, `before` and `after` it."""
    return slice(max(by - before, 0), size + min(by + after, 0))


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def window_corner(batch: Batch, pose: Tensor, share: float, face: float, lens: Lens | None = None) -> Tensor:
    """(left, top) [B, 2] of a random window, fractions of what is seen on a grid of sixteenths; some over the face."""
    b, device = len(pose), pose.device
    anywhere = torch.rand(b, 2).to(device)
    world = pose[:, :, :4] @ pose.new_tensor([0.0, -0.1, 0.4, 1.0])
    camera = (batch.extrinsics[:, :, :3] @ world[:, :, None])[:, :, 0] + batch.extrinsics[:, :, 3]
    centre = camera[:, :2] / camera[:, 2:] * batch.intrinsics[:, :2] + batch.intrinsics[:, 2:]
    if lens:
        centre = lens.seen(centre[:, :, None])[:, :, 0]
    over_face = (centre + 0.2 * (torch.rand(b, 2).to(device) - 0.5) - share / 2) / max(1 - share, 1e-6)
    corner = torch.where(torch.rand(b, 1).to(device) < face, over_face, anywhere).clamp(0, 1) * (1 - share)
    return (corner * 16).round() / 16


def cut(pictures: Tensor, corner: Tensor, share: float) -> Tensor:
    """The windows of pictures [B, C, P, P] at corners [B, 2]."""
    size = pictures.shape[-1]
    width = round(size * share)
    starts = (corner * size).round().long().tolist()
    return torch.stack(
        [picture[:, y : y + width, x : x + width] for picture, (x, y) in zip(pictures, starts, strict=True)]
    )


def without_edge(weight: Tensor, margin: int) -> Tensor:
    """Weights [B, 1, H, W], 0 within `margin` pixels of the edge."""
    inner = weight[:, :, margin:-margin, margin:-margin]
    return F.pad(inner, (margin,) * 4)


def area(picture: Tensor, size: int) -> Tensor:
    """Pictures [B, C, H, W] as means over the pixels of size²."""
    return F.interpolate(picture, size=(size, size), mode="area")
