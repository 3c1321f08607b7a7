"""The last minutes of a training: super-resolution alone, on what the finished renderer gives it.

While all networks train together, super-resolution sees renderings that still change, samples that are jittered along
their rays, and mostly windows over the face. Here the renderings are those that will be served, made once and kept, and
every part of the picture counts alike; silhouettes gain most.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from offline.clip import Clip
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.losses import sharpness_loss, weighted_l1
from offline.tri2plane.train import BAR

FRAMES = 240
"""Training frames, evenly spread, which are kept with their renderings; 3.2 MB each for `lite`."""
BATCH = 12
PART = 4
"""A step sees a square of one `PART`-th of the rendering's width from each frame."""
LEAST = 16
"""Rays that such a square is wide at least; `EDGE` of them on each side do not count."""
EDGE = 4
"""Rays to a square's edge within which the convolutions lack what lies beyond."""
RATE = 2e-3
SHARPNESS = 0.25


def polish(run: Run, clip: Clip, minutes: float) -> None:
    """Train the averaged model's super-resolution for some minutes; the model that goes on training gets it too."""
    model = run.averaged.eval()
    preset, network = model.preset, model.super_resolution
    kept = [_pair(run, clip, i) for i in _spread(clip)]
    network.requires_grad_(True)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    side, factor = max(preset.rays // PART, LEAST), preset.picture // preset.rays
    random, began, spent = np.random.default_rng(run.config.seed), time.perf_counter(), 0.0
    with tqdm(total=100.0, desc="polish", bar_format=BAR) as bar:
        while spent < 1:
            for group in optimiser.param_groups:
                group["lr"] = RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent)))
            inputs, targets, counted = [], [], []
            for k in random.integers(len(kept), size=BATCH):
                # drawn from beyond the picture and brought back, so that its own edges come up often
                y, x = random.integers(-side, preset.rays, size=2).clip(0, preset.rays - side)
                features, picture = kept[k]
                inputs.append(features[..., y : y + side, x : x + side])
                rows, columns = (slice(v * factor, (v + side) * factor) for v in (y, x))
                targets.append(picture[..., rows, columns])
                counted.append(_known(y, x, side, preset.rays, factor))
            read, target = torch.cat(inputs).float(), torch.cat(targets).float()
            with torch.autocast("cpu", torch.bfloat16, enabled=run.config.autocast):
                made = network(read[:, :-1], read[:, -1:])
            known = torch.cat(counted)
            loss = weighted_l1(made, target, known) + SHARPNESS * sharpness_loss(made, target, known)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            spent = (time.perf_counter() - began) / 60 / minutes
            bar.n = 100 * min(spent, 1.0)
            bar.set_postfix({"sr": f"{loss.item():.4f}"})
    network.requires_grad_(False)
    run.model.super_resolution.load_state_dict(network.state_dict())


def _spread(clip: Clip) -> list[int]:
    places = np.linspace(0, len(clip.train) - 1, min(FRAMES, len(clip.train)))
    return [clip.train[int(i)] for i in places]


@torch.no_grad()
def _pair(run: Run, clip: Clip, frame: int) -> tuple[Tensor, Tensor]:
    """What super-resolution reads of a frame [1, F + 1, R, R], bfloat16, and the picture [1, 4, P, P], float16."""
    model, batch = run.averaged, load_batch(clip, np.array([frame]))
    maps = run.maps(batch.expression, batch.detail)
    levels = model.planes(maps, batch.expression, batch.detail, model.resting_latent(1))
    made = model.whole(levels, batch.pose, batch.intrinsics, batch.extrinsics)
    return torch.cat([made.features, made.alpha], 1).bfloat16(), batch.picture.half()


def _known(y: int, x: int, side: int, rays: int, factor: int) -> Tensor:
    """[1, 1, P, P], 0 where a square at (y, x) lacks its surroundings; the picture's own edges have none."""
    known = torch.ones(1, 1, side * factor, side * factor)
    edge = EDGE * factor
    for axis, start in ((2, y), (3, x)):
        if start > 0:
            known.narrow(axis, 0, edge).zero_()
        if start + side < rays:
            known.narrow(axis, side * factor - edge, edge).zero_()
    return known
