"""Several processes that train one run, as torchrun starts them: one a GPU, or one a share of the cores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

BUCKET = 2**26
"""Gradients that workers exchange at once, values."""


@dataclass(frozen=True)
class Workers:
    """This process among `count`. Rank 0 writes the run, the log and the previews."""

    rank: int = 0
    count: int = 1

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Make each worker's gradients the mean over all workers."""
        if self.count == 1:
            return
        for gradients in _buckets([p.grad for p in parameters if p.grad is not None]):
            flat = torch.cat([g.reshape(-1) for g in gradients])
            dist.all_reduce(flat)
            parts = flat.div_(self.count).split([g.numel() for g in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.reshape(gradient.shape))

    def any(self, value: bool, device: torch.device | None) -> bool:
        """Whether it is so for any worker."""
        if self.count == 1:
            return value
        told = torch.tensor(float(value), device=device)
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return bool(told > 0)

    def wait(self) -> None:
        """Until all workers have come here."""
        if self.count > 1:
            dist.barrier()

    def agree(self, value: float, device: torch.device | None) -> float:
        """Rank 0's value: workers whose clocks differ must still end after the same step."""
        if self.count == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)


ALONE = Workers()


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Consecutive tensors, of `BUCKET` values or one tensor together: how much is copied at once."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(t.numel() for t in bucket) + tensor.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


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
