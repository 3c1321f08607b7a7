"""Face trackers kept warm, so that a camera is followed from its first frame."""

from __future__ import annotations

import threading
from collections.abc import Callable

from runtime.live.camera import Tracker


class TrackerPool:
    """Lends trackers, building them when none is free; keeps at most `keep` of those given back. Thread-safe."""

    def __init__(self, build: Callable[[], Tracker], keep: int = 1) -> None:
        self._build = build
        self._keep = keep
        self._free: list[Tracker] = []
        self._lock = threading.Lock()
        self._closed = False

    def warm(self) -> None:
        """Builds one ahead of need."""
        self.give_back(self._build())

    def take(self) -> Tracker:
        """A tracker that knows nobody."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._build()

    def give_back(self, tracker: Tracker) -> None:
        """Takes a tracker back, or closes it where enough are free."""
        tracker.reset()
        with self._lock:
            if len(self._free) < self._keep and not self._closed:
                self._free.append(tracker)
                return
        tracker.close()

    def close(self) -> None:
        """Closes all that are free; those given back later are closed then."""
        with self._lock:
            free, self._free, self._closed = self._free, [], True
        for tracker in free:
            tracker.close()
