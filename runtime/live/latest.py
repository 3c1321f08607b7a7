"""A thread-safe slot that holds only the newest value: the hand-over between a fast producer and a slower consumer."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One place for one value. `put` never blocks and overwrites what was not taken, and counts it.

    All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._value: T | None = None
        self._fresh = False
        self._overwritten = 0

    def put(self, value: T) -> None:
        """Make `value` the newest and wake one waiting `take`."""
        with self._ready:
            self._overwritten += self._fresh
            self._value, self._fresh = value, True
            self._ready.notify()

    def take(self, timeout: float = 0.0) -> T | None:
        """The newest value, each only once; None where nothing new came within `timeout` seconds."""
        with self._ready:
            if not self._ready.wait_for(lambda: self._fresh, timeout):
                return None
            value, self._value, self._fresh = self._value, None, False
            return value

    @property
    def overwritten(self) -> int:
        """How many values were replaced before anyone took them."""
        with self._ready:
            return self._overwritten
