"""The last minutes of a training: super-resolution alone, on what the finished renderer gives it.

While all networks train together, super-resolution sees renderings that still change, samples that are jittered along
their rays, and mostly windows over the face. Here the renderings are those that will be served, made once and kept, and
every part of the picture counts alike; silhouettes gain most.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from offline.clip import Clip
from offline.training.devices import bfloat16
from offline.training.loop import Budget, run_steps
from offline.training.optimiser import optimiser_tensors, restore_optimiser
from offline.training.stepping import descend
from offline.tri2plane.checkpoint import Polishing, Run, save
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.losses import sharpness_loss, weighted_l1

FRAMES = 240
"""Training frames, evenly spread, which are kept with their renderings; 3.2 MB each for `lite`."""
KEPT = 2**30
"""Bytes that these may take; there are fewer of a larger preset's."""
BATCH = 12
PART = 4
"""A step sees a square of one `PART`-th of the rendering's width from each frame."""
LEAST = 16
"""Rays that such a square is wide at least; `EDGE` of them on each side do not count."""
EDGE = 4
"""Rays to a square's edge within which the convolutions lack what lies beyond."""
RATE = 2e-3
SHARPNESS = 0.25
ADVICE = "the run is usable as it is; polish for less, or train anew with --set autocast=no"

Pair = tuple[Tensor, Tensor]


def polish(run: Run, clip: Clip, budget: Budget, optimiser: torch.optim.Optimizer | None = None) -> None:
    """Train the averaged model's super-resolution until the budget is spent, and give it to the model that goes on.

    Saves the run on the way, with the `optimiser` of its training, where one is given; a polishing that was cut short
    goes on from there. One whose budget is spent does nothing.
    """
    network = run.averaged.eval().super_resolution
    if run.polishing and budget.progress(run.polishing) >= 1:
        return
    kept = [_pair(run, clip, i) for i in _spread(run, clip)]
    network.requires_grad_(True)
    adam = torch.optim.Adam(network.parameters(), lr=RATE)
    random = np.random.default_rng(run.config.seed)
    state = Polishing(0.0, 0, dict(random.bit_generator.state), {})
    if run.polishing:
        state = run.polishing
        restore_optimiser(adam, state.optimiser)
        random.bit_generator.state = state.random

    def keep() -> None:
        if not state.step:
            return
        state.random, state.optimiser = dict(random.bit_generator.state), optimiser_tensors(adam)
        run.polishing = state
        run.model.super_resolution.load_state_dict(network.state_dict())
        if optimiser:
            save(run, optimiser)

    def advance(share: float) -> dict[str, float]:
        return {"sr": _polishing_step(run, adam, kept, random, state.step, share)}

    try:
        run_steps(state, budget, advance, keep, "polish")
    finally:
        network.requires_grad_(False)


def _polishing_step(
    run: Run, adam: torch.optim.Adam, kept: list[Pair], random: np.random.Generator, step: int, spent: float
) -> float:
    """One step on a square of each of some kept frames; `spent` is the share of the budget that is gone."""
    preset, network = run.averaged.preset, run.averaged.super_resolution
    side, factor = min(max(preset.rays // PART, LEAST), preset.rays), preset.picture // preset.rays
    for group in adam.param_groups:
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
    read, target, known = (torch.cat(parts).to(run.device).float() for parts in (inputs, targets, counted))
    with bfloat16(run.device, run.config.autocast):
        made = network(read[:, :-1], read[:, -1:])
    loss = weighted_l1(made, target, known) + SHARPNESS * sharpness_loss(made, target, known)
    adam.zero_grad(set_to_none=True)
    loss.backward()
    return descend(adam, network.parameters(), {"sr": loss}, step, ADVICE)["sr"]


def _spread(run: Run, clip: Clip) -> list[int]:
    preset = run.averaged.preset
    pair = 2 * ((preset.features + 1) * preset.rays**2 + 4 * preset.picture**2)  # bytes
    places = np.linspace(0, len(clip.train) - 1, min(FRAMES, max(KEPT // pair, 1), len(clip.train)))
    return [clip.train[int(i)] for i in places]


@torch.no_grad()
def _pair(run: Run, clip: Clip, frame: int) -> Pair:
    """What super-resolution reads of a frame [1, F + 1, R, R], bfloat16, and the picture [1, 4, P, P], float16."""
    model, batch = run.averaged, load_batch(clip, np.array([frame])).to(run.device)
    maps = run.motion_maps(batch.expression, batch.detail)
    levels = model.planes(maps, batch.expression, batch.detail, model.resting_latent(1))
    made = model.whole(levels, batch.pose, batch.intrinsics, batch.extrinsics, face=model.warped(batch.expression))
    picture = model.lens.looked_at(batch.picture) if model.lens else batch.picture
    return torch.cat([made.features, made.alpha], 1).bfloat16().cpu(), picture.half().cpu()


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
