"""Camera frames in, drive states out: decoding to RGB and tracking in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.contract.drive import DriveState
from runtime.live.failures import Reporting
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

    @property
    def person(self) -> int:
        """Another number than before where somebody else is in the picture."""


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
    received: float | None
    """When its last packet came, seconds of `time.monotonic`; None where that is not known."""


class CameraFeed:
    """Tracks the newest camera frame over and over and pushes what it finds into a session's drive."""

    def __init__(
        self,
        session: Session,
        take_tracker: Callable[[], Tracker],
        return_tracker: Callable[[Tracker], None],
        on_face: Callable[[bool], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """In the feed's thread `on_face` hears when the face is lost and found again, and `on_failure` of an error
        that ended the feed; its tracker is then closed and not given back."""
        self.session = session
        self.frames: Latest[CameraFrame] = Latest()
        self.tracked = 0
        self._take_tracker = take_tracker
        self._return_tracker = return_tracker
        self._on_face = on_face
        self._on_failure = on_failure
        self._person: int | None = None
        self._turned: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-tracking", daemon=True)

    def start(self) -> None:
        """Begins to track; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the frame in hand; returns at once."""
        self._stop.set()

    def join(self, timeout: float = 5.0) -> bool:
        """Waits until the thread has ended; False where it has not after `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Whether it follows no camera any more: stopped or failed."""
        return not self._thread.is_alive()

    def still_for(self, now: float) -> float:
        """Seconds since it last took a frame or waited for one; 0 where it does not run."""
        return now - self._turned if self._turned is not None and self._thread.is_alive() else 0.0

    def _run(self) -> None:
        with Reporting("tracking", self._on_failure):
            tracker = self._take_tracker()
            with ExitStack() as failed:
                failed.callback(tracker.close)
                try:
                    self._follow(tracker)
                finally:
                    self.session.performance.camera.end()
                failed.pop_all()
            self._return_tracker(tracker)

    def _follow(self, tracker: Tracker) -> None:
        seen, told = time.monotonic(), True
        while not self._stop.is_set():
            self._turned = time.monotonic()
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
        captured = converted if frame.received is None else frame.received
        face = tracker.track(rgb, captured)
        now = time.monotonic()
        session.times.add("camera_convert", converted - begun)
        session.times.add("track", now - converted)
        self.tracked += 1
        if face is None or self._stop.is_set():
            return False
        if frame.received is not None:
            session.camera_stamps[frame.received] = CameraStamp(frame.rtp, frame.received, now)
            if len(session.camera_stamps) > REMEMBERED:
                session.camera_stamps.popitem(last=False)
        if face.person != self._person:
            self._person = face.person
            session.performance.camera.renew()
        session.performance.camera.push(face.state, now)
        session.clock.align(now)
        return True
