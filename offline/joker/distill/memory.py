"""Batches that shrink where a GPU's memory does not hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from runtime.errors import Unavailable

T = TypeVar("T")


class Batches:
    """How many views go at once: halved for good each time that memory runs out, which `log` gets a line about."""

    def __init__(self, size: int, what: str, log: Callable[[str], object]) -> None:
        self.size = size
        self.what = what
        self.log = log

    def each(self, count: int, work: Callable[[slice], T]) -> Iterator[T]:
        """What `work` gives for consecutive slices of `count` things. Raises Unavailable where not even one fits."""
        start = 0
        while start < count:
            part = slice(start, min(start + self.size, count))
            try:
                done = work(part)
            except torch.OutOfMemoryError:
                self._halve()
                continue
            yield done
            start = part.stop

    def _halve(self) -> None:
        if self.size == 1:
            raise Unavailable(
                f"the GPU's memory does not hold {self.what} of a single view; free some, or take a smaller preset"
            )
        self.size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.log(f"out of memory; {self.what} goes on with {self.size} view(s) at once")
