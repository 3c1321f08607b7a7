"""Counters over all sessions, those that have ended included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Totals:
    """Sums over sessions that have ended, so that counters never go back."""

    FIELDS = ("rendered", "skipped", "cameraTracked", "cameraDropped", "keyframes")

    def __init__(self) -> None:
        self._ended = dict.fromkeys(self.FIELDS, 0)

    def retire(self, stats: Mapping[str, int]) -> None:
        """Adds a session that ends."""
        for field in self.FIELDS:
            self._ended[field] += stats[field]

    def sums(self, running: Iterable[Mapping[str, int]]) -> dict[str, int]:
        """Totals of ended and running sessions."""
        sums = dict(self._ended)
        for stats in running:
            for field in self.FIELDS:
                sums[field] += stats[field]
        return sums
