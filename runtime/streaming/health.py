"""Whether the server can be left running: its event loop comes round in time, and frames in the making come back."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable

from runtime.live.show import Live

STUCK = 5.0
"""Seconds after which a frame in the making, or one that is tracked, is taken for one that never comes back."""
LATE = 2.0
"""Seconds by which the event loop may be late."""
BEAT = 0.5
"""Seconds between looks at how late it is."""
REMEMBERED = 10.0
"""Seconds for which a late loop is told of."""


class Pulse:
    """Looks at how late the event loop is, over and over, in a task of its own."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=round(REMEMBERED / BEAT))

    async def beat(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            self._late.append((now, now - due))

    def latest(self, now: float) -> float:
        """Seconds by which the loop was late at most, of late."""
        return max((late for when, late in self._late if now - when < REMEMBERED), default=0.0)


def complaint(pulse: Pulse, lives: Iterable[Live], now: float) -> str | None:
    """What is wrong with the server, in a sentence; None where nothing is."""
    still = max((live.still_for(now) for live in lives), default=0.0)
    if still > STUCK:
        return f"a session has been stuck on one frame for {still:.0f} s; restart the server"
    late = pulse.latest(now)
    if late > LATE:
        return f"the event loop was up to {late:.1f} s late; give the server more processor time or fewer sessions"
    return None
