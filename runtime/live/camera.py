"""Camera frames in, drive states out: decoding to RGB and tracking in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.contract.drive import DriveState
from runtime.live.history import CameraStamp
from runtime.live.latest import Latest
from runtime.live.session import Session

WAIT = 0.25
"""Seconds between looks at the stop flag while no camera frame comes."""
REMEMBERED = 32
"""Camera frames whose history is kept until a rendered frame shows them."""
LOST = 0.5
"""Seconds without a face after which the viewer is told."""


class TrackedFace(Protocol):
    """What a tracker found in one camera frame."""

    @property
    def state(self) -> DriveState:
        """With the timestamp of the frame."""


class Tracker(Protocol):
    """Finds the driver's face; called from one thread at a time."""

    def track(self, rgb: NDArray[np.uint8], timestamp: float) -> TrackedFace | None: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class CameraFrame:
    """One camera frame as it came from the network."""

    to_rgb: Callable[[], NDArray[np.uint8]]
    """Converts to [H, W, 3]; called in the feed's thread."""
    rtp: int
    received: float
    """Seconds of `time.monotonic`."""


class CameraFeed:
    """Tracks the newest camera frame over and over and pushes what it finds into a session's drive."""

    def __init__(
        self,
        session: Session,
        take_tracker: Callable[[], Tracker],
        return_tracker: Callable[[Tracker], None],
        on_face: Callable[[bool], None],
    ) -> None:
        """`on_face` hears, in the feed's thread, when the face is lost and found again."""
        self.session = session
        self.frames: Latest[CameraFrame] = Latest()
        self.tracked = 0
        self._take_tracker = take_tracker
        self._return_tracker = return_tracker
        self._on_face = on_face
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-tracking", daemon=True)

    def start(self) -> None:
        """Begins to track; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the frame in hand; returns at once."""
        self._stop.set()

    def join(self, timeout: float = 5.0) -> None:
        """Waits until the thread has ended."""
        self._thread.join(timeout)

    def _run(self) -> None:
        tracker = self._take_tracker()
        try:
            self._follow(tracker)
        finally:
            self.session.performance.camera.end()
            self._return_tracker(tracker)

    def _follow(self, tracker: Tracker) -> None:
        seen, told = time.monotonic(), True
        while not self._stop.is_set():
            frame = self.frames.take(WAIT)
            if frame is None:
                continue
            found = self._track(tracker, frame)
            now = time.monotonic()
            if found:
                seen = now
            present = now - seen < LOST
            if present != told:
                told = present
                self._on_face(present)

    def _track(self, tracker: Tracker, frame: CameraFrame) -> bool:
        session = self.session
        begun = time.monotonic()
        rgb = frame.to_rgb()
        converted = time.monotonic()
        face = tracker.track(rgb, frame.received)
        now = time.monotonic()
        session.times.add("camera_convert", converted - begun)
        session.times.add("track", now - converted)
        self.tracked += 1
        if face is None:
            return False
        session.camera_stamps[frame.received] = CameraStamp(frame.rtp, frame.received, now)
        if len(session.camera_stamps) > REMEMBERED:
            session.camera_stamps.popitem(last=False)
        session.performance.camera.push(face.state, now)
        session.clock.align(now)
        return True
