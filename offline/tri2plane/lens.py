"""The lens: rays closer to each other over the face, which is where people look, than over shoulders and background.

Along either axis the picture has a stretch, its `frame`, in which `ratio` times as many rays fall on a pixel as far
from it, with a soft change between. Networks and losses see pictures through the lens; the finished picture is laid out
evenly again. So a laptop's 128² rays are as close over the eyes and the mouth as 200² would be.

Places in a picture are fractions of it, 0..1 from left to right and from top to bottom, before the lens ("picture") or
behind it ("seen").
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from runtime.contract.axes import Camera

SOFT = 0.5
"""Over how much of the frame's half width the rays grow sparse."""
FACE, REACH = (0.0, -0.1, 0.45), 0.62
"""Middle of the face in head space, and how far from it rays are close, dm: both eyes, brows, mouth and chin."""
OFTEN = 0.25
"""Share of the frames, on either side, whose faces may be out of the frame."""
HALVINGS = 26
"""Of the search for a seen place's own: the last bit of a float32."""


def pixel_centres(size: int, like: Tensor) -> Tensor:
    """The middles of `size` pixels, [size]."""
    return (torch.arange(size, dtype=like.dtype, device=like.device) + 0.5) / size


def face_frame(camera: Camera, translations: NDArray[np.floating]) -> Tensor:
    """`Lens.frame` for heads at translations [N, 3], dm, before a camera."""
    world = np.asarray(translations, np.float64) + FACE
    x, y, depth = (world @ camera.extrinsics[:, :3].T + camera.extrinsics[:, 3]).T
    focal, middle = camera.intrinsics[:2, None], camera.intrinsics[2:, None]
    first, last = np.quantile(np.stack([x, y]) / depth * focal + middle, (OFTEN, 1 - OFTEN), axis=1)
    half = (last - first) / 2 + REACH * focal[:, 0] / depth.mean()
    return torch.from_numpy(np.stack([(first + last) / 2, half], 1)).float()


class Lens(nn.Module):
    """One lens for all frames and cameras of an avatar."""

    frame: Tensor
    """[2, 2], across and down: the middle of the stretch where rays are close, and half its width."""

    def __init__(self, ratio: float, frame: Tensor) -> None:
        super().__init__()
        self.ratio = ratio
        self.register_buffer("frame", frame.float())

    def seen(self, places: Tensor) -> Tensor:
        """Where places [..., 2, N] of the picture, across and down, are seen."""
        low, high = (self._crowded(torch.full_like(places[..., :1], end)) for end in (0.0, 1.0))
        return (self._crowded(places) - low) / (high - low)

    def picture(self, seen: Tensor) -> Tensor:
        """Where seen places [..., 2, N] are in the picture: the inverse of `seen`, by bisection. Beyond the picture
        its edge."""
        low, high = torch.zeros_like(seen), torch.ones_like(seen)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            before = self.seen(middle) < seen
            low, high = torch.where(before, middle, low), torch.where(before, high, middle)
        return (low + high) / 2

    def looked_at(self, pictures: Tensor) -> Tensor:
        """Pictures [B, C, P, P] as they are seen, the same size. Where they shrink, two points of each pixel count."""
        size = pictures.shape[-1]
        places = self.picture(pixel_centres(2 * size, pictures).expand(2, -1)) * size - 0.5
        low = places.floor().clamp(0, size - 2)
        share, low = (places - low).clamp(0, 1)[..., None], low.long()[..., None]
        points = pictures.new_zeros(2, 2 * size, size).scatter(2, low, 1 - share).scatter(2, low + 1, share)
        across, down = points.unflatten(1, (size, 2)).mean(2)
        return down @ pictures @ across.t()

    def laid_out(self, seen: Tensor) -> Tensor:
        """Seen pictures [B, C, P, P] as pictures: what undoes `looked_at`."""
        layout = self.layout(seen).expand(seen.shape[0], -1, -1, -1)
        return F.grid_sample(seen, layout, padding_mode="border", align_corners=False)

    def layout(self, like: Tensor) -> Tensor:
        """[1, P, P, 2], where each pixel of a picture of `like`'s size is seen, -1..1 as `grid_sample` wants it."""
        size = like.shape[-1]
        across, down = (self.seen(pixel_centres(size, like).expand(2, -1)) * 2 - 1).unbind(0)
        return torch.stack([across.expand(size, -1), down[:, None].expand(-1, size)], -1)[None]

    def _crowded(self, places: Tensor) -> Tensor:
        """The integral of how close rays are, up to places [..., 2, N]: 1, and `ratio` in the frame."""
        middle, half = (self.frame[:, k, None] for k in (0, 1))
        turn = (places - middle) / half
        reached = torch.sqrt((turn + 1) ** 2 + SOFT**2) - torch.sqrt((turn - 1) ** 2 + SOFT**2)
        return places + (self.ratio - 1) * half / 2 * reached
