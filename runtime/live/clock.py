"""The frame clock: regular ticks on the monotonic clock, gently pulled into step with whatever drives the head."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from runtime.contract.wire import CLOCK_RATE

PULL = 0.15
"""Share of the phase error taken off at each arrival."""
PULL_LIMIT = 0.0015
"""Seconds a single arrival may move the clock: timestamps stay regular enough for any receiver."""
LEAD = 0.002
"""Seconds a tick should come after the arrival it waits for."""


@dataclass(frozen=True)
class Tick:
    """One turn of the clock."""

    index: int
    """Counts all ticks, also those that were skipped."""
    due: float
    """When it was due, seconds of `time.monotonic`."""
    pts: int
    """Since the first tick, in 1/90000 s."""


class FrameClock:
    """Ticks at `fps`; a consumer too slow for it loses ticks (`skipped` counts them), and is never late for the next.

    `wait` belongs to one thread, `align` may be called from another.
    """

    def __init__(self, fps: float) -> None:
        self.period = 1.0 / fps
        self.skipped = 0
        self._index = -1
        self._origin = 0.0
        self._due = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> Tick | None:
        """Sleeps until the next tick; None once `stop` is set."""
        with self._lock:
            now = time.monotonic()
            if self._index < 0:
                self._origin = self._due = now
            missed = max(0, int((now - self._due) / self.period)) if self._index >= 0 else 0
            self.skipped += missed
            self._index += 1 + missed
            due = self._due + missed * self.period
            self._due = due + self.period
        if stop.wait(max(0.0, due - time.monotonic())):
            return None
        return Tick(self._index, due, round((due - self._origin) * CLOCK_RATE))

    def align(self, arrival: float) -> None:
        """Pulls the phase so that ticks come `LEAD` after arrivals like this one (seconds of `time.monotonic`).

        Saves half a period of waiting on average when a camera runs at the clock's own rate.
        """
        with self._lock:
            if self._index < 0:
                return
            error = (arrival + LEAD - self._due + self.period / 2) % self.period - self.period / 2
            self._due += max(-PULL_LIMIT, min(PULL_LIMIT, PULL * error))
