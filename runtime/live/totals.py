"""Counters over all performances, those that have ended included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar


class Counting(Protocol):
    """Something that runs and counts."""

    def counters(self) -> Mapping[str, int]: ...


C = TypeVar("C", bound=Counting)


class Totals(Generic[C]):
    """Who runs now, and the sums over those and all that have ended, which never go back. On the event loop."""

    FIELDS = (
        "rendered", "skipped", "cameraTracked", "cameraDropped", "viewerDropped", "historyDropped", "messagesRefused",
        "keyframes",
    )  # fmt: skip

    def __init__(self) -> None:
        self._ended = dict.fromkeys(self.FIELDS, 0)
        self._running: dict[C, None] = {}

    @property
    def running(self) -> list[C]:
        """Those that have entered and not left, oldest first."""
        return list(self._running)

    def enter(self, counting: C) -> None:
        """Counts somebody who begins."""
        self._running[counting] = None

    def leave(self, counting: C) -> None:
        """Keeps the last counts of somebody who has ended; a second time does nothing."""
        if counting in self._running:
            del self._running[counting]
            self._add(self._ended, counting)

    def sums(self) -> dict[str, int]:
        """Totals of those that have ended and those that run."""
        sums = dict(self._ended)
        for counting in self._running:
            self._add(sums, counting)
        return sums

    def _add(self, sums: dict[str, int], counting: C) -> None:
        counts = counting.counters()
        for field in self.FIELDS:
            sums[field] += counts[field]
