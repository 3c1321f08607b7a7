"""The training loop."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from offline.clip import Clip
from offline.perceptual import Lpips
from offline.training.devices import bfloat16, peak_memory, readers_for
from offline.training.loop import Budget, NowAndThen, run_steps
from offline.training.optimiser import restore_optimiser
from offline.training.stepping import MovingAverage, descend
from offline.training.workers import ALONE, Workers
from offline.tri2plane.checkpoint import Run, save
from offline.tri2plane.dataset import Batch, batches
from offline.tri2plane.preview import write_preview
from offline.tri2plane.terms import loss_terms
from runtime.errors import BadInput

PREVIEW_SECONDS, FIRST_PREVIEW = 180.0, 100
"""Time between previews, and the step after which there is one already."""
ADVICE = "train anew in another folder, slower (--set learning_rate=...) or in float32 (--set autocast=no)"


def make_optimiser(run: Run) -> torch.optim.Adam:
    """Adam over the networks, the still planes (faster) and the latents; `lr` is set each step."""
    still = [p for name, p in run.model.named_parameters() if name.endswith(".still")]
    rest = [p for name, p in run.model.named_parameters() if not name.endswith(".still")]
    groups = [{"params": rest, "scale": 1.0}, {"params": still, "scale": run.config.still_rate},
              {"params": [run.latents], "scale": 1.0}]  # fmt: skip
    fused = run.device.type == "cuda"
    return torch.optim.Adam(groups, lr=run.config.learning_rate, betas=(0.9, 0.99), fused=fused)


def train(
    run: Run,
    clip: Clip,
    budget: Budget,
    optimiser_tensors: dict[str, Tensor] | None = None,
    workers: Workers = ALONE,
) -> torch.optim.Adam:
    """Train until the budget is spent, saving on the way; Ctrl-C saves and ends as well. Returns the optimiser.

    What a step draws depends on seed and number alone, also across a resume, and with a budget of steps its learning
    rate does too: the same seed then gives the same weights. Of several `workers` each takes its part of a step's
    frames. Raises BadInput where a step's frames cannot be shared evenly, where LPIPS is asked for and its weights
    cannot be read, and where a loss is not finite.
    """
    if run.config.batch % workers.count:
        raise BadInput(f"--batch {run.config.batch} cannot be shared by {workers.count} workers; make it a multiple")
    if run.config.perceptual == "lpips":
        run.judge = Lpips.load(Path(run.config.lpips)).to(run.device)
    optimiser = make_optimiser(run)
    if optimiser_tensors:
        restore_optimiser(optimiser, optimiser_tensors)
    run.folder.mkdir(parents=True, exist_ok=True)
    coming = batches(
        clip, run.config.seed, run.step, run.config.batch, workers, readers_for(run.device), run.device.type == "cuda"
    )
    waited = computed = 0.0

    def advance(progress: float) -> dict[str, float]:
        nonlocal waited, computed
        asked = time.perf_counter()
        batch = next(coming).to(run.device)
        started = time.perf_counter()
        losses = step(run, optimiser, batch, progress, workers)
        run.polishing = None
        waited, computed = started - asked, time.perf_counter() - started
        return losses

    def preview() -> None:
        write_preview(run, clip)

    first = workers.rank == 0
    with closing(coming), (run.folder / "log.jsonl" if first else Path(os.devnull)).open("a", buffering=1) as log:

        def noted(losses: Mapping[str, float]) -> None:
            log.write(json.dumps(_record(run, computed, waited, losses)) + "\n")
            if run.step == FIRST_PREVIEW:
                preview()

        run_steps(
            run, budget, advance, lambda: save(run, optimiser), f"train {run.clip}", workers, run.device, noted,
            [NowAndThen(PREVIEW_SECONDS, preview)],
        )  # fmt: skip
    if first:
        preview()
    return optimiser


def _record(run: Run, step_s: float, wait_s: float, losses: Mapping[str, float]) -> dict[str, float]:
    """A step's line in the log: seconds for the step, seconds that it waited for its frames, peak memory in MB."""
    record = {"step": run.step, "seconds": round(run.seconds, 2), "step_s": round(step_s, 3),
              "wait_s": round(wait_s, 3), "memory_mb": round(peak_memory(run.device))}  # fmt: skip
    return record | {k: round(v, 5) for k, v in losses.items()}


def step(
    run: Run, optimiser: torch.optim.Adam, batch: Batch, progress: float, workers: Workers = ALONE
) -> dict[str, float]:
    """One optimisation step on a batch; returns the losses by name, those of this worker's frames."""
    config = run.config
    torch.manual_seed(config.seed * 1_000_003 + run.step + workers.rank * 500_009)
    falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
    rate = config.learning_rate * falling * min(1, (run.step + 1) / config.warm_up)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]
    run.model.train()
    run.model.recompute = config.recompute
    with bfloat16(run.device, config.autocast):
        terms = loss_terms(run, batch)
    total = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    losses = descend(optimiser, run.model.parameters(), terms, run.step, ADVICE, workers, 1.0, [run.latents])
    MovingAverage(run.model.parameters(), config.average, list(run.averaged.parameters())).update(run.step)
    return losses


CUT_PIXELS, CUT_FRAMES = 0.02, 0.5
"""A side of the picture cuts the subject where so many of its pixels are opaque, in so many of the frames."""
SELDOM = 0.1
"""Share of the frames that see as far as the box goes on a side that cuts."""


def subject_box(clip: Clip, slide: float = 0.0, samples: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """The part of head space [2, 3] (dm) that the subject takes up, from the mattes of some training frames, with as
    much of their margin as a `slide` brings in, a share of the picture; and which of its sides in x and y are `cut`
    [2, 2]: there the camera's picture ends before the subject does.

    x and y are where the matte's pixels meet the plane through the head's origin, taken back through the head pose;
    z is that of a human head, and shoulders, with some room. A cut side has none: nothing is known beyond.
    """
    size, camera = clip.info.size, clip.info.camera
    left, top, right, bottom = (min(side, int(slide * size)) for side in clip.info.margin)
    origin, directions = camera.rays(size)
    if left or top or right or bottom:  # a ray's direction is linear in its pixel
        corner, edge = directions[0, 0], size - 1
        across, down = (directions[0, edge] - corner) / edge, (directions[edge, 0] - corner) / edge
        x, y = np.arange(-left, size + right)[None, :, None], np.arange(-top, size + bottom)[:, None, None]
        directions = corner + x * across + y * down
    first_row, first_column = clip.info.margin[1] - top, clip.info.margin[0] - left
    height, width = directions.shape[:2]
    points, ends, cutting = [], [], []
    for index in np.linspace(0, len(clip.train) - 1, samples).astype(int):
        wide = clip.wide_frame(int(index))[first_row : first_row + height, first_column : first_column + width]
        opaque = wide[..., 3] > 127
        if not opaque.any():
            continue
        depth = camera.extrinsics[2, :3] @ clip.translation[index] + camera.extrinsics[2, 3]
        world = origin + directions[opaque] * depth
        shift = clip.translation[index]
        points.append(np.quantile(world[:, :2] - shift[:2], (0.002, 0.998), axis=0))
        corners = directions[[-1, 0], [0, -1]]  # below on the left, above on the right
        ends.append((origin + corners * depth)[:, :2] - shift[:2])
        edges = opaque[:, 0], opaque[-1], opaque[:, -1], opaque[0]
        cutting.append(np.reshape([edge.mean() > CUT_PIXELS for edge in edges], (2, 2)))
    low, high = np.min([p[0] for p in points], 0) - 0.15, np.max([p[1] for p in points], 0) + 0.15
    cut = np.mean(cutting, 0) >= CUT_FRAMES
    known = np.stack([np.quantile([e[side] for e in ends], q, 0) for side, q in enumerate((SELDOM, 1 - SELDOM))])
    sides = np.where(cut, known, [low, high])
    return np.array([[*sides[0], -1.35], [*sides[1], 1.0]], np.float32), cut
