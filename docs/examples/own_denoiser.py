"""Distil a head from a denoiser of your own: python docs/examples/own_denoiser.py FOLDER

The distillation asks for no more than the members of `Denoiser`. This one needs no training: it "sees" a red ball
through any noise. Put a diffusion model in its place. Writes targets and renderings to FOLDER/preview.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from offline.joker.captures.views import View, grid
from offline.joker.distill.distill import Distillation
from offline.joker.distill.nerf import HEAD_BOX, DistilledHead, HeadRenderer, fresh_planes
from offline.joker.distill.presets import STUDIO
from offline.joker.distill.targets import stream
from offline.tri2plane.presets import PRESETS


class BallDenoiser:
    """Predicts the same clean pictures at every noise level. Its latents are the pictures themselves, in -1..1."""

    def __init__(self, views: list[View], size: int) -> None:
        self.size = size
        self.alphas = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
        self._truth = torch.stack([red_ball(view, size) for view in views])

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures * 2 - 1

    def decode(self, latents: Tensor) -> Tensor:
        return (latents + 1) / 2

    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        return self.encode(self._truth[views])


def red_ball(view: View, size: int, radius: float = 0.9) -> Tensor:
    """A ball of 9 cm around the head's origin over white, [3, size, size]."""
    origin, directions = view.camera.rays(size)  # dm; [3] and [size, size, 3]
    along = -(directions @ origin) / (directions**2).sum(-1)
    hit = np.linalg.norm(origin + along[..., None] * directions, axis=-1) < radius
    return torch.from_numpy(np.where(hit, [[[0.8]], [[0.1]], [[0.1]]], 1.0)).float()


def main(folder: Path, iterations: int = 20) -> DistilledHead:
    preset = replace(
        STUDIO, azimuths=3, elevations=2, levels=4, single=2, iterations=iterations, after=iterations, views=2,
        resolutions=((0, 16),), patch=16, skipped=0.0, autocast=False,
    )  # fmt: skip
    networks = replace(
        PRESETS["lite"], trunk=(8, 8, 8), plane_channels=8, features=8, hidden=16, rays=16, picture=64, guide_rays=8,
        narrow_rays=16, sr_channels=8, sr_blocks=2,
    )  # fmt: skip
    views = list(grid(preset.azimuths, preset.elevations))
    head = DistilledHead(HeadRenderer(networks, torch.tensor(HEAD_BOX)), fresh_planes(networks, stream(0)))
    Distillation(head, BallDenoiser(views, 16), preset, folder, learn_networks=True).run()
    return head


if __name__ == "__main__":
    main(Path(sys.argv[1]))
