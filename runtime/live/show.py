"""A live performance with all its parts, and who may share it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from runtime.driving.performance import Performance
from runtime.live.camera import CameraFeed, CameraFrame, Tracker
from runtime.live.control import Control
from runtime.live.fan_out import VideoFanOut
from runtime.live.session import Avatar, Session
from runtime.live.totals import Totals
from runtime.media.colour import Backdrop


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

    def __init__(self, stage: ServedAvatar, on_face: Callable[[bool], None] = lambda present: None) -> None:
        """`on_face` hears on the loop when the driver's face is lost and found again."""
        loop = asyncio.get_running_loop()
        self.stage = stage
        self.session = Session(stage.avatar, stage.new_performance(), stage.fps, lambda: _call(loop, self._ended))
        self._on_failure: Callable[[], None] = lambda: None
        self.control = Control(self.session)
        self.fan_out = VideoFanOut(self.session, stage.backdrop, stage.bitrate, loop)
        self.feed: CameraFeed | None = None
        self._loop = loop
        self._on_face = on_face
        self.session.start()

    def on_failure(self, callback: Callable[[], None]) -> None:
        """Calls `callback` on the loop when the rendering ends, asked or not."""
        self._on_failure = callback

    def _ended(self) -> None:
        self._on_failure()

    def camera(self, frame: CameraFrame) -> None:
        """Takes one camera frame; the first starts the tracking."""
        if self.feed is None:
            self.feed = CameraFeed(
                self.session, self.stage.take_tracker, self.stage.return_tracker,
                lambda present: _call(self._loop, self._on_face, present),
            )  # fmt: skip
            self.feed.start()
        self.feed.frames.put(frame)

    def counters(self) -> dict[str, int]:
        """What `Totals` sums up."""
        feed, session = self.feed, self.session
        return {
            "rendered": session.rendered,
            "skipped": session.clock.skipped,
            "cameraTracked": feed.tracked if feed else 0,
            "cameraDropped": feed.frames.overwritten if feed else 0,
            "keyframes": self.fan_out.keyframes,
        }

    async def close(self) -> None:
        """Ends both threads and waits for them."""
        self._on_failure = lambda: None
        self.session.stop()
        if self.feed is not None:
            self.feed.stop()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        self.session.join()
        if self.feed is not None:
            self.feed.join()


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object) -> None:
    """Calls back on the loop, unless the loop is gone."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback, *arguments)


class SharedLive:
    """The one performance of an avatar that WHEP viewers watch and a WHIP publisher drives; runs while anyone does."""

    def __init__(self, stage: ServedAvatar, totals: Totals) -> None:
        self._stage = stage
        self._totals = totals
        self._live: Live | None = None
        self._users = 0
        self.published = False
        """Whether somebody's camera drives it."""

    @property
    def live(self) -> Live | None:
        """The running performance, or None while nobody uses it."""
        return self._live

    def acquire(self) -> Live:
        """The running performance, started if need be; give it back with `release`."""
        if self._live is None:
            self._live = Live(self._stage)
        self._users += 1
        return self._live

    def unpublish(self) -> None:
        """The publisher has gone; the avatar eases back to idle."""
        self.published = False
        if self._live is not None:
            self._live.session.performance.camera.end()

    async def release(self) -> None:
        """Stops the performance when the last user gives it back."""
        self._users -= 1
        if self._users == 0 and self._live is not None:
            live, self._live = self._live, None
            await live.close()
            self._totals.retire(live.counters())
