"""The training loop."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from offline.clip import Clip
from offline.perceptual import Lpips
from offline.training.devices import peak_memory, readers_for
from offline.training.optimiser import restore_optimiser
from offline.training.progress import BAR
from offline.training.workers import ALONE, Workers
from offline.tri2plane.checkpoint import Polishing, Run, save
from offline.tri2plane.dataset import Batch, batches
from offline.tri2plane.preview import write_preview
from offline.tri2plane.terms import loss_terms
from runtime.errors import BadInput

SAVE_SECONDS = 50.0
"""A killed run loses at most this much work, and the time a save takes."""
PREVIEW_SECONDS = 180.0


@dataclass(frozen=True)
class Budget:
    """How long to train: until `minutes` of training time or `steps` are spent, whichever is given."""

    minutes: float | None = None
    steps: int | None = None
    call: float | None = None
    """Seconds after which training pauses though the budget is not spent; called again it goes on."""

    def progress(self, run: Run | Polishing) -> float:
        """0 at the start, 1 when spent."""
        parts = [run.seconds / 60 / self.minutes] if self.minutes else []
        parts += [run.step / self.steps] if self.steps else []
        return min(max(parts), 1.0)


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
    """Train until the budget is spent, saving on the way; Ctrl-C saves and ends. Returns the optimiser.

    The same seed gives the same steps, also across a resume: what a step draws depends on its number alone. Of several
    `workers` each takes its part of a step's frames. Raises BadInput where a step's frames cannot be shared evenly, and
    where LPIPS is asked for and its weights cannot be read.
    """
    if run.config.batch % workers.count:
        raise BadInput(f"--batch {run.config.batch} cannot be shared by {workers.count} workers; make it a multiple")
    if run.config.perceptual == "lpips":
        run.judge = Lpips.load(Path(run.config.lpips)).to(run.device)
    optimiser = make_optimiser(run)
    if optimiser_tensors:
        restore_optimiser(optimiser, optimiser_tensors)
    run.folder.mkdir(parents=True, exist_ok=True)
    writes = workers.rank == 0
    bar = tqdm(total=100.0, initial=100 * budget.progress(run), unit="%", bar_format=BAR, desc=f"train {run.clip}",
               disable=not writes)  # fmt: skip
    saved = previewed = began = time.perf_counter()
    coming = batches(
        clip, run.config.seed, run.step, run.config.batch, workers, readers_for(run.device), run.device.type == "cuda"
    )
    try:
        with closing(coming), (run.folder / "log.jsonl" if writes else Path(os.devnull)).open("a", buffering=1) as log:
            while (progress := workers.agree(_due(budget, run, began), run.device)) < 1:
                asked = time.perf_counter()
                batch = next(coming).to(run.device)
                started = time.perf_counter()
                losses = step(run, optimiser, batch, progress, workers)
                now = time.perf_counter()
                run.step += 1
                run.seconds += now - asked
                run.polishing = None
                log.write(json.dumps(_record(run, now - started, started - asked, losses)) + "\n")
                bar.n = 100 * budget.progress(run)
                bar.set_postfix({"step": run.step} | {k: f"{v:.3f}" for k, v in losses.items()})
                if writes and now - saved > SAVE_SECONDS:
                    saved = _timed(lambda: save(run, optimiser))
                if writes and (now - previewed > PREVIEW_SECONDS or run.step == 100):
                    previewed = _timed(lambda: write_preview(run, clip))
    except KeyboardInterrupt:
        tqdm.write(f"stopped at step {run.step}; the same command goes on from here")
    finally:
        bar.close()
        if writes:
            save(run, optimiser)
    if writes and time.perf_counter() > began:
        write_preview(run, clip)
    return optimiser


def _due(budget: Budget, run: Run, began: float) -> float:
    """The budget's progress, or 1 where this call's own time is over."""
    over = budget.call is not None and time.perf_counter() - began > budget.call
    return 1.0 if over else budget.progress(run)


def _record(run: Run, step_s: float, wait_s: float, losses: dict[str, float]) -> dict[str, float]:
    """A step's line in the log: seconds for the step, seconds that it waited for its frames, peak memory in MB."""
    record = {"step": run.step, "seconds": round(run.seconds, 2), "step_s": round(step_s, 3),
              "wait_s": round(wait_s, 3), "memory_mb": round(peak_memory(run.device))}  # fmt: skip
    return record | {k: round(v, 5) for k, v in losses.items()}


def _timed(action: Callable[[], object]) -> float:
    action()
    return time.perf_counter()


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
    with torch.autocast(run.device.type, torch.bfloat16, enabled=config.autocast):
        terms = loss_terms(run, batch)
    total = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    workers.average([*run.model.parameters(), run.latents])
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    optimiser.step()
    _average(run)
    return dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))


@torch.no_grad()
def _average(run: Run) -> None:
    decay = min(run.config.average, (1 + run.step) / (10 + run.step))
    for mean, current in zip(run.averaged.parameters(), run.model.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)


def subject_box(clip: Clip, samples: int = 40) -> np.ndarray:
    """The part of head space [2, 3] (dm) that the subject takes up, from the mattes of some training frames.

    x and y are where the matte's pixels meet the plane through the head's origin, taken back through the head pose;
    z is that of a human head, and shoulders, with some room.
    """
    size, camera = clip.info.size, clip.info.camera
    origin, directions = camera.rays(size)
    points = []
    for index in np.linspace(0, len(clip.train) - 1, samples).astype(int):
        opaque = clip.frame(int(index))[..., 3] > 127
        if not opaque.any():
            continue
        depth = camera.extrinsics[2, :3] @ clip.translation[index] + camera.extrinsics[2, 3]
        world = origin + directions[opaque] * depth
        shift = clip.translation[index]
        points.append(np.quantile(world[:, :2] - shift[:2], (0.002, 0.998), axis=0))
    low, high = np.min([p[0] for p in points], 0) - 0.15, np.max([p[1] for p in points], 0) + 0.15
    return np.array([[low[0], low[1], -1.35], [high[0], high[1], 1.0]], np.float32)
