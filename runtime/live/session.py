"""A session: one performance of one avatar, rendered tick by tick in its own thread and handed to whoever watches."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Camera, portrait_camera
from runtime.contract.bank import BankExpression
from runtime.contract.drive import DriveState
from runtime.driving.mixer import Mixed
from runtime.driving.performance import Performance
from runtime.live.clock import FrameClock
from runtime.live.failures import Reporting
from runtime.live.history import CameraStamp, FrameRecord, StageTimes

IN_FLIGHT = 2
"""Frames in the making at once, one a processor core; see `runtime.engines.STREAMS`."""
WAIT = 0.25
"""Seconds between looks at the stop flag while no frame in the making is done."""
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


class Renderer(Protocol):
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
    def bank(self) -> Sequence[BankExpression]:
        """The expressions of its own."""

    @property
    def thumbnail(self) -> bytes:
        """A PNG file."""

    @property
    def engine(self) -> str:
        """Which engine runs it and why."""

    def new_renderer(self) -> Renderer: ...


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
        self,
        avatar: Avatar,
        performance: Performance,
        fps: float,
        on_failure: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """`on_failure` is called in one of the session's threads when something in it fails, which ends it."""
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
        self._on_failure = on_failure
        self._turned: float | None = None
        self._thread = threading.Thread(target=self._run, name="mien-session", daemon=True)
        self._handing = threading.Condition()
        self._next = 0
        """Number of the frame that the sinks get next."""

    def start(self) -> None:
        """Begins to render; returns at once."""
        self._turned = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread at its next tick; returns at once."""
        self._stop.set()

    def join(self, timeout: float = 5.0) -> bool:
        """Waits until the thread has ended; False where it has not after `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def still_for(self, now: float) -> float:
        """Seconds since it last began a frame or had none to begin; 0 where it does not run.

        Many mean that a frame in the making, or somebody who is handed one, does not come back.
        """
        return now - self._turned if self._turned is not None and self._thread.is_alive() else 0.0

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
        with Reporting("rendering", self._fail):
            self._make_frames()

    def _make_frames(self) -> None:
        jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        free = threading.Semaphore(IN_FLIGHT)  # no more jobs than that; the clock counts the ticks that are missed
        # Threads of their own and no pool: Python waits at its exit for a pool, also where a render never comes back.
        makers = [
            threading.Thread(target=self._work, args=(renderer, jobs, free), name="mien-render", daemon=True)
            for renderer in [self.avatar.new_renderer() for _ in range(IN_FLIGHT)]
        ]
        for maker in makers:
            maker.start()
        try:
            self._follow_clock(jobs, free)
        finally:
            self._halt()
            for _ in makers:
                jobs.put(None)
            for maker in makers:
                maker.join()

    def _follow_clock(self, jobs: queue.SimpleQueue[_Job | None], free: threading.Semaphore) -> None:
        number = 0
        while not self._stop.is_set():
            if not free.acquire(timeout=WAIT):
                continue
            tick = self.clock.wait(self._stop)
            if tick is None:
                return
            self._turned = sampled = time.monotonic()
            if not self._sinks:
                free.release()
                continue
            jobs.put(_Job(number, tick.pts, sampled, self.performance.sample(sampled)))
            number += 1

    def _work(self, renderer: Renderer, jobs: queue.SimpleQueue[_Job | None], free: threading.Semaphore) -> None:
        with Reporting("rendering", self._fail):
            while (job := jobs.get()) is not None:
                self._turn(job, renderer)
                free.release()

    def _turn(self, job: _Job, renderer: Renderer) -> None:
        """Renders one frame and hands it on after all earlier ones."""
        picture = renderer.render(job.mixed.state, self._view)
        with self._handing:
            self._handing.wait_for(lambda: self._next == job.number or self._stop.is_set())
            if not self._stop.is_set():
                self._hand_on(job, picture)
                self._next += 1
                self._handing.notify_all()

    def _fail(self, error: Exception) -> None:
        self._halt()
        self._on_failure(error)

    def _halt(self) -> None:
        """Nothing is handed on from now on, and no frame waits for an earlier one."""
        with self._handing:
            self._stop.set()
            self._handing.notify_all()

    def _hand_on(self, job: _Job, picture: Picture) -> None:
        rendered = time.monotonic()
        mixed = job.mixed
        stamp = self.camera_stamps.get(mixed.captured) if mixed.base == "camera" and mixed.captured else None
        record = FrameRecord(job.number, job.pts, mixed.source, stamp, job.sampled, rendered, picture.seconds)
        self.rendered += 1
        for stage, seconds in picture.seconds.items():
            self.times.add(stage, seconds)
        self.times.add("render", rendered - job.sampled)
        drive_sequence = mixed.sequence if mixed.base == "coefficients" else None
        frame = Frame(picture.rgba, record, drive_sequence or 0)
        for sink in self._sinks:
            sink.consume(frame)


@dataclass(frozen=True)
class _Job:
    """One frame to render."""

    number: int
    pts: int
    sampled: float
    mixed: Mixed
