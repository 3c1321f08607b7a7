"""What every training does with its gradients, and with its weights after a step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from offline.training.workers import ALONE, Workers
from runtime.errors import BadInput


def descend(
    optimiser: torch.optim.Optimizer,
    weights: Iterable[Tensor],
    losses: Mapping[str, Tensor],
    step: int,
    advice: str,
    workers: Workers = ALONE,
    clip: float = math.inf,
    unclipped: Iterable[Tensor] = (),
) -> dict[str, float]:
    """Move `weights` and `unclipped` by the gradients that are there, their mean over all workers; those of `weights`
    have a norm of `clip` at most. Returns this worker's losses, scalars, by name.

    Raises BadInput, with the step, the loss and `advice`, before anything moves, where a loss or a gradient of any
    worker is not finite: weights and optimiser stay those of the step before.
    """
    clipped, free = ([p for p in some if p.grad is not None] for some in (weights, unclipped))
    workers.average([*clipped, *free])
    norms = [torch.nn.utils.clip_grad_norm_(some, clip if some is clipped else math.inf) for some in (clipped, free)]
    names = [*(f"the loss '{name}'" for name in losses), *("the gradient's norm" for _ in norms)]
    values = torch.stack([value.detach().float().to(norms[0].device) for value in (*losses.values(), *norms)]).tolist()
    wrong = [(name, value) for name, value in zip(names, values, strict=True) if not math.isfinite(value)]
    if workers.any(bool(wrong), norms[0].device):
        name, value = wrong[0] if wrong else ("a loss of another worker", math.nan)
        raise BadInput(f"{name} is {value} in step {step + 1}, and what was learnt before it is kept; {advice}")
    optimiser.step()
    return dict(zip(losses, values, strict=False))


class MovingAverage:
    """The moving average of some weights, `averaged`, one by one: decay min(`decay`, (1 + n) / (10 + n)) after n steps,
    so that it soon forgets where they began. A decay of 0 is no average: nothing is held."""

    def __init__(self, weights: Iterable[Tensor], decay: float, averaged: Sequence[Tensor] | None = None) -> None:
        self._weights, self._decay = list(weights), decay
        held = [p.detach().clone() for p in self._weights] if averaged is None and decay else averaged
        self.averaged: list[Tensor] = list(held or ())

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take the weights in, after `steps` steps."""
        decay = min(self._decay, (1 + steps) / (10 + steps))
        for averaged, current in zip(self.averaged, self._weights if self.averaged else (), strict=True):
            averaged.lerp_(current, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Meanwhile the weights are the averaged ones, where there are any."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for averaged, current in zip(self.averaged, self._weights if self.averaged else (), strict=True):
            kept = current.detach().clone()
            current.copy_(averaged)
            averaged.copy_(kept)
