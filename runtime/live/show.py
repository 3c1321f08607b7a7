"""A live performance with all its parts, and who may share it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from runtime.driving.performance import Performance
from runtime.live.camera import CameraFeed, CameraFrame, Tracker
from runtime.live.control import Control, Message, problem
from runtime.live.fan_out import VideoFanOut
from runtime.live.session import Avatar, Session
from runtime.live.totals import Totals
from runtime.media.colour import Backdrop

log = logging.getLogger(__name__)

LEAVE = 5.0
"""Seconds that a thread gets to end."""
LOOK = 0.01
LINGER = 1.0
"""Seconds between looks at whether a thread has ended, within that time and after it."""
RENDERING_FAILED = "the avatar could not be rendered any more; connect again, and see the server's log for the reason"
CAMERA_FAILED = "the camera's pictures could not be followed any more; turn the camera off and on again"


@dataclass(frozen=True)
class ServedAvatar:
    """What every performance of one avatar is made of."""

    avatar: Avatar
    new_performance: Callable[[], Performance]
    take_tracker: Callable[[], Tracker]
    return_tracker: Callable[[Tracker], None]
    backdrop: Backdrop
    fps: float
    bitrate: int


class Live:
    """A running session with its camera, controls and video; on the event loop."""

    def __init__(self, stage: ServedAvatar, totals: Totals[Live]) -> None:
        """Begins to render; whoever makes it waits for `close`."""
        loop = asyncio.get_running_loop()
        self.stage = stage
        self.session = Session(
            stage.avatar, stage.new_performance(), stage.fps,
            lambda error: _call(loop, self._failed),
        )  # fmt: skip
        self.control = Control(self.session, self.camera_off)
        self.fan_out = VideoFanOut(self.session, stage.backdrop, stage.bitrate, loop)
        self.feed: CameraFeed | None = None
        self.users = 0
        """Who shares it; see `SharedLive`."""
        self.published = False
        """Whether somebody's camera drives it that others watch."""
        self.broken = False
        """Whether it has failed and will show nothing any more."""
        self.dropped = dict.fromkeys(("camera", "viewer", "history", "message"), 0)
        """What those around it had to drop: camera frames not decoded, pictures and histories not sent,
        messages not looked at."""
        self.tell_driver: Callable[[Message], None] = lambda message: None
        """Takes what whoever's camera drives it should know."""
        self._totals = totals
        self._loop = loop
        self._on_failure: list[Callable[[str], None]] = []
        self._left_behind: list[CameraFeed] = []
        self._lingering: asyncio.Task[None] | None = None
        self._tracked = self._overwritten = 0
        totals.enter(self)
        self.session.start()

    def on_failure(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Calls `callback` on the loop with a sentence when rendering fails; what it returns takes that back."""
        self._on_failure.append(callback)
        return lambda: self._on_failure.remove(callback)

    def camera(self, frame: CameraFrame) -> None:
        """Takes one camera frame; the first starts the tracking."""
        if self.feed is None:
            self.feed = CameraFeed(
                self.session, self.stage.take_tracker, self.stage.return_tracker,
                lambda present: _call(self._loop, self.tell_driver, {"type": "face", "present": present}),
                lambda error: _call(self._loop, self.tell_driver, problem("camera", CAMERA_FAILED)),
            )  # fmt: skip
            self.feed.start()
        self.feed.frames.put(frame)

    def camera_off(self) -> None:
        """The driver has switched the camera off; one that failed begins anew when it comes back."""
        self.session.performance.camera.end()
        if self.feed is not None and self.feed.ended:
            self._forget_feed()

    async def end_driving(self) -> None:
        """Whoever drove it has gone: gives the tracker back, and nothing of what they did goes on."""
        self.tell_driver = lambda message: None
        self.session.performance.end()
        self.session.look_from(0.0, 0.0)
        if self.feed is not None:
            self.feed.stop()
            if not await _within_limit(self.feed.join):
                log.error("tracking has not come back; its thread is left behind")
                self._left_behind.append(self.feed)
            self._forget_feed()

    def counters(self) -> dict[str, int]:
        """What `Totals` sums up; none of it falls."""
        feed, session = self.feed, self.session
        return {
            "rendered": session.rendered,
            "skipped": session.clock.skipped,
            "cameraTracked": self._tracked + (feed.tracked if feed else 0),
            "cameraDropped": self._overwritten + (feed.frames.overwritten if feed else 0) + self.dropped["camera"],
            "viewerDropped": self.fan_out.dropped + self.dropped["viewer"],
            "historyDropped": self.dropped["history"],
            "messagesRefused": self.dropped["message"],
            "keyframes": self.fan_out.keyframes,
        }

    def still_for(self, now: float) -> float:
        """Seconds for which one of its threads has not come back with a frame."""
        feeds = self._left_behind if self.feed is None else (*self._left_behind, self.feed)
        return max(self.session.still_for(now), *(feed.still_for(now) for feed in feeds), 0.0)

    async def close(self) -> None:
        """Ends all threads and waits for them, some seconds at most; it counts as running while one is left."""
        self.session.stop()
        await self.end_driving()
        if not await _within_limit(self.session.join):
            log.error("rendering has not come back; its thread is left behind")
        if self._over():
            self._totals.leave(self)
        else:
            self._lingering = asyncio.create_task(self._linger())

    def _over(self) -> bool:
        return self.session.join(0.0) and all(feed.join(0.0) for feed in self._left_behind)

    async def _linger(self) -> None:
        while not self._over():  # noqa: ASYNC110 - a thread has no event
            await asyncio.sleep(LINGER)
        self._totals.leave(self)

    def _failed(self) -> None:
        if self.broken:
            return
        self.broken = True
        for callback in tuple(self._on_failure):
            callback(RENDERING_FAILED)

    def _forget_feed(self) -> None:
        if self.feed is not None:
            self._tracked += self.feed.tracked
            self._overwritten += self.feed.frames.overwritten
            self.feed = None


async def _within_limit(join: Callable[[float], bool]) -> bool:
    """Whether a thread has ended within `LEAVE` seconds. Waits on the loop, whose own few threads others need."""
    begun = time.monotonic()
    while not join(0.0):
        if time.monotonic() - begun > LEAVE:
            return False
        await asyncio.sleep(LOOK)
    return True


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object) -> None:
    """Calls back on the loop, unless the loop is gone."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback, *arguments)


class SharedLive:
    """The one performance of an avatar that WHEP viewers watch and a WHIP publisher drives; runs while anyone does."""

    def __init__(self, stage: ServedAvatar, totals: Totals[Live]) -> None:
        self._stage = stage
        self._totals = totals
        self._live: Live | None = None

    @property
    def live(self) -> Live | None:
        """The running performance, or None while nobody uses it."""
        return self._live

    def acquire(self) -> Live:
        """The running performance, started if there is none or it has failed; give it back with `release`."""
        if self._live is None or self._live.broken:
            self._live = Live(self._stage, self._totals)
        self._live.users += 1
        return self._live

    async def unpublish(self, live: Live) -> None:
        """The publisher has gone; the avatar eases back to idle, and the next one finds nothing of theirs."""
        await live.end_driving()
        live.published = False

    async def release(self, live: Live) -> None:
        """Stops the performance when its last user gives it back."""
        live.users -= 1
        if live.users == 0:
            if self._live is live:
                self._live = None
            await live.close()
