"""Several processes that train one run, as torchrun starts them: one a GPU, or one a share of the cores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Workers:
    """This process among `count`. Rank 0 writes the run, the log and the previews."""

    rank: int = 0
    count: int = 1

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Make each worker's gradients the mean over all workers."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        parts = (flat / self.count).split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.reshape(gradient.shape))

    def agree(self, value: float, device: torch.device) -> float:
        """Rank 0's value: workers whose clocks differ must still end after the same step."""
        if self.count == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)


ALONE = Workers()


@contextmanager
def joined_workers(device: torch.device) -> Iterator[Workers]:
    """The workers that torchrun started, over NCCL or gloo; `ALONE` where it did not."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Workers(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
