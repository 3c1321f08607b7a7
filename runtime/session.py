"""A session: one performance of one avatar, rendered tick by tick in its own thread and handed to whoever watches."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.clock import FrameClock
from runtime.contract.axes import Camera, portrait_camera
from runtime.contract.drive import DriveState
from runtime.driving.performance import Performance
from runtime.history import CameraStamp, FrameRecord, StageTimes

MAX_YAW = math.radians(60)
MAX_PITCH = math.radians(40)
"""How far the view may be turned."""


class Picture(Protocol):
    """What an avatar renders."""

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """[H, W, 4], premultiplied alpha; valid until the next `render`."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Time by stage."""


class AvatarSession(Protocol):
    """Renders one head; called from one thread at a time."""

    def render(self, state: DriveState, camera: Camera | None = None) -> Picture: ...


class Avatar(Protocol):
    """A loaded bundle, shared by all sessions that show it."""

    @property
    def name(self) -> str:
        """As the bundle's manifest says."""

    @property
    def size(self) -> int:
        """Width and height of its pictures."""

    @property
    def thumbnail(self) -> bytes:
        """A PNG file."""

    @property
    def engine(self) -> str:
        """Which engine runs it and why."""

    def new_session(self) -> AvatarSession: ...


@dataclass(frozen=True)
class Frame:
    """One rendered frame on its way to the sinks."""

    rgba: NDArray[np.uint8]
    """[H, W, 4], premultiplied; valid until the next frame, so a sink that keeps it copies it."""
    record: FrameRecord
    drive_sequence: int
    """Number of the coefficient message it shows, 0 where another source drives."""


class Sink(Protocol):
    """Takes frames in the session's thread; returns quickly and never waits for a consumer."""

    def consume(self, frame: Frame) -> None: ...


class Session:
    """Renders at `fps` from `start` to `stop`, whatever the sinks do; only the newest drive state counts."""

    def __init__(
        self, avatar: Avatar, performance: Performance, fps: float, on_end: Callable[[], None] | None = None
    ) -> None:
        self.avatar = avatar
        self.performance = performance
        self.clock = FrameClock(fps)
        self.times = StageTimes()
        self.rendered = 0
        self.camera_stamps: OrderedDict[float, CameraStamp] = OrderedDict()
        """Written by the camera feed: what became of the camera frame received at a time, newest last."""
        self._sinks: tuple[Sink, ...] = ()
        self._view: Camera | None = None
        self._stop = threading.Event()
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, name="mien-session", daemon=True)

    def start(self) -> None:
        """Begins to render; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread at its next tick; returns at once."""
        self._stop.set()

    def join(self, timeout: float = 5.0) -> None:
        """Waits until the thread has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def add(self, sink: Sink) -> None:
        """Hands frames to `sink` from the next one on."""
        self._sinks = (*self._sinks, sink)

    def remove(self, sink: Sink) -> None:
        """Hands no more frames to `sink`."""
        self._sinks = tuple(s for s in self._sinks if s is not sink)

    def look_from(self, yaw: float, pitch: float) -> None:
        """Walks the camera around the head, radians, clipped to what avatars show well; (0, 0) is the front."""
        yaw = max(-MAX_YAW, min(MAX_YAW, yaw))
        pitch = max(-MAX_PITCH, min(MAX_PITCH, pitch))
        self._view = portrait_camera(yaw, pitch) if yaw or pitch else None

    def _run(self) -> None:
        try:
            renderer = self.avatar.new_session()
            while (tick := self.clock.wait(self._stop)) is not None:
                if self._sinks:
                    self._turn(renderer, tick.index, tick.pts)
        finally:
            if self._on_end is not None:
                self._on_end()

    def _turn(self, renderer: AvatarSession, index: int, pts: int) -> None:
        sampled = time.monotonic()
        mixed = self.performance.sample(sampled)
        stamp = self.camera_stamps.get(mixed.captured) if mixed.base == "camera" and mixed.captured else None
        picture = renderer.render(mixed.state, self._view)
        rendered = time.monotonic()
        record = FrameRecord(index, pts, mixed.source, stamp, sampled, rendered, picture.seconds)
        self.rendered += 1
        for stage, seconds in picture.seconds.items():
            self.times.add(stage, seconds)
        self.times.add("render", rendered - sampled)
        drive_sequence = mixed.sequence if mixed.base == "coefficients" else None
        frame = Frame(picture.rgba, record, drive_sequence or 0)
        for sink in self._sinks:
            sink.consume(frame)
