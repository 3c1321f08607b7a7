"""When a training writes what it has: as seldom as a kill allows, and never for much of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SAVE_EVERY = 50.0
"""Seconds of training between two checkpoints, at least; what a kill can lose."""
SHARE = 0.05
"""Of the time that saving may take: what takes 10 s is done every 200 s at most."""


class Pace:
    """Says when something that is done now and then is due again: after `every` seconds, and so late that it takes no
    more than `SHARE` of the time.

    `every` is `SAVE_EVERY` where it is not given. Not safe for several threads.
    """

    def __init__(self, every: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = SAVE_EVERY if every is None else every
        self._clock = clock
        self._wait = self._every
        self._ended = clock()

    @property
    def due(self) -> bool:
        """Whether to do it now."""
        return self._clock() - self._ended >= self._wait

    def timed(self, work: Callable[[], T]) -> T:
        """Does `work`, and waits from its end on in proportion to the time that it took."""
        began = self._clock()
        made = work()
        self._ended = self._clock()
        self._wait = max(self._every, (self._ended - began) * (1 / SHARE - 1))
        return made
