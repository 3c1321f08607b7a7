"""A head of coloured balls, whose picture from any side is known exactly, and a denoiser that knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from offline.joker.captures.layout import FITTED
from offline.joker.captures.views import BACKGROUND, View, grid
from runtime.contract.axes import Camera

HEAD = ((0.0, 0.05, -0.1), 0.95, (0.85, 0.6, 0.45))
EYES = (((0.33, 0.28, 0.68), 0.18, (0.1, 0.25, 0.6)), ((-0.33, 0.28, 0.68), 0.18, (0.1, 0.25, 0.6)))
TONGUE = ((0.0, -0.38, 0.85), 0.24, (0.8, 0.15, 0.2))
PLAIN, TONGUE_OUT = (HEAD, *EYES), (HEAD, *EYES, TONGUE)
SUBPIXELS = 4


def picture(balls: Sequence[tuple], camera: Camera, size: int) -> Tensor:
    """The balls, each of one colour, over the background, [3, size, size]; a pixel is a mean over 4 × 4 rays."""
    n = size * SUBPIXELS
    origin, directions = camera.rays(n)
    nearest, colour = np.full((n, n), np.inf), np.full((n, n, 3), BACKGROUND)
    for centre, radius, paint in balls:
        offset = origin - np.array(centre)
        a, b = (directions**2).sum(-1), directions @ offset
        root = b**2 - a * (offset @ offset - radius**2)
        depth = np.where(root > 0, (-b - np.sqrt(root.clip(0))) / a, np.inf)
        colour[depth < nearest] = paint
        nearest = np.minimum(nearest, depth)
    mean = colour.reshape(size, SUBPIXELS, size, SUBPIXELS, 3).mean((1, 3))
    return torch.from_numpy(mean).permute(2, 0, 1).float()


def pictures(balls: Sequence[tuple], views: Sequence[View], size: int) -> Tensor:
    return torch.stack([picture(balls, view.camera, size) for view in views])


@dataclass
class Oracle:
    """Sees through all noise: its prediction is the true picture. Latents are pictures in -1..1."""

    truth: Tensor
    asked: list[tuple[int, int]] = field(default_factory=list)
    """(time step, views) of each call."""
    most: int = 1000
    """Views that fit into its memory at once."""

    def __post_init__(self) -> None:
        self.size = self.truth.shape[-1]
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
        self.alphas = torch.cumprod(1 - betas, 0)

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures * 2 - 1

    def decode(self, latents: Tensor) -> Tensor:
        return (latents + 1) / 2

    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        if len(views) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.asked.append((step, len(views)))
        return self.truth[views] * 2 - 1


def psnr(a: Tensor, b: Tensor) -> float:
    """Mean over the pictures, dB."""
    return float(-10 * (a - b).square().flatten(1).mean(1).log10().mean())


@dataclass
class BallPrior:
    """A prior whose sentence says whether the tongue is out; it keeps what it is bound to."""

    views: list[View] = field(default_factory=lambda: grid(3, 2))
    size: int = 16
    head: str = FITTED
    bound: list[str] = field(default_factory=list)
    normals: list[Tensor] = field(default_factory=list)

    def bind(self, reference: Tensor, normals: Tensor, prompt: str, guidance: float) -> Oracle:
        assert reference.shape == (3, self.size, self.size) and normals.shape == (len(self.views), 3, 16, 16)
        self.bound.append(prompt)
        self.normals.append(normals)
        return Oracle(pictures(TONGUE_OUT if "tongue" in prompt else PLAIN, self.views, self.size))
