"""The loop that every training runs in: a budget, checkpoints, a progress bar, several workers, Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from tqdm import tqdm

from offline.training.pacing import Pace
from offline.training.workers import ALONE, Workers

BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


class Spent(Protocol):
    """How far a training is; kept in its checkpoints."""

    step: int
    seconds: float
    """Time spent on steps, not on saving."""


@dataclass(frozen=True)
class Budget:
    """How long to train: until `minutes` of training time or `steps` are spent, whichever is given.

    With `steps` alone the same seed on the same machine gives the same weights, to the last bit. With `minutes` the
    number of steps, and what a schedule makes of each, depends on the machine's speed.
    """

    minutes: float | None = None
    steps: int | None = None
    call: float | None = None
    """Seconds after which training pauses though the budget is not spent; called again it goes on."""

    def progress(self, spent: Spent) -> float:
        """0 at the start, 1 when spent."""
        parts = [spent.seconds / 60 / self.minutes] if self.minutes else []
        parts += [spent.step / self.steps] if self.steps else []
        return min(max(parts), 1.0)


@dataclass(frozen=True)
class NowAndThen:
    """What the first worker also does, every so many seconds (`Pace`)."""

    seconds: float
    work: Callable[[], object]


def run_steps(
    spent: Spent,
    budget: Budget,
    advance: Callable[[float], Mapping[str, float]],
    save: Callable[[], object],
    name: str,
    workers: Workers = ALONE,
    device: torch.device | None = None,
    noted: Callable[[Mapping[str, float]], object] | None = None,
    besides: Sequence[NowAndThen] = (),
) -> None:
    """Run `advance` until the budget is spent. It is given the share of the budget that is, makes one step and returns
    what the progress bar shows; `spent` is counted here.

    The first worker calls `noted` with that after each step, and `save` now and then and at the end, however that
    comes: Ctrl-C and errors go on to the caller. All workers take the same number of steps.
    """
    first, clock = workers.rank == 0, time.perf_counter
    began = clock()
    saving = Pace(clock=clock)
    paces = [Pace(each.seconds, clock) for each in besides]
    share = budget.progress(spent)
    bar = tqdm(total=100.0, initial=100 * share, unit="%", bar_format=BAR, desc=name, disable=not first)
    try:
        while (share := workers.agree(_due(budget, spent, clock() - began), device)) < 1:
            asked = clock()
            shown = advance(share)
            spent.step += 1
            spent.seconds += clock() - asked
            if not first:
                continue
            bar.n = 100 * budget.progress(spent)
            bar.set_postfix({"step": spent.step} | {key: f"{value:.4g}" for key, value in shown.items()})
            if noted:
                noted(shown)
            if saving.due:
                saving.timed(save)
            for pace, each in zip(paces, besides, strict=True):
                if pace.due:
                    pace.timed(each.work)
    except KeyboardInterrupt:
        if first:
            tqdm.write(f"{name}: stopped at step {spent.step}; the same command goes on from here")
        raise
    finally:
        bar.close()
        if first:
            save()


def _due(budget: Budget, spent: Spent, seconds: float) -> float:
    """The budget's progress, or 1 where this call's own time is over."""
    over = budget.call is not None and seconds > budget.call
    return 1.0 if over else budget.progress(spent)
