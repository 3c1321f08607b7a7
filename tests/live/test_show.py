"""A shared performance belongs to whoever is in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np

from runtime.contract.drive import INDEX
from runtime.driving.performance import live_performance
from runtime.live.camera import CameraFrame, Tracker
from runtime.live.show import Live, ServedAvatar, SharedLive
from runtime.live.totals import Totals
from runtime.live.trackers import TrackerPool
from runtime.media.colour import Backdrop
from tests.streaming.caller import until
from tests.streaming.fakes import FakeAvatar, FakeTracker

JAW = INDEX["jawOpen"]


def served(take: Callable[[], Tracker], give_back: Callable[[Tracker], None]) -> ServedAvatar:
    backdrop = Backdrop("#000000", False)
    return ServedAvatar(FakeAvatar(), live_performance, take, give_back, backdrop, 30.0, 500_000)


async def mouth(live: Live, brightness: float, frames: int, begun: float) -> float:
    """How far the avatar opens its mouth after so many camera frames of one brightness, 30 a second from `begun` on."""
    picture = np.full((8, 8, 3), round(255 * brightness), np.uint8)
    for i in range(frames):
        before = live.counters()["cameraTracked"]
        live.camera(CameraFrame(lambda: picture, 0, begun + i / 30))
        await until(lambda before=before: live.counters()["cameraTracked"] > before)  # type: ignore[misc]
    camera = live.session.performance.camera
    await until(lambda: camera._newest and camera._newest.state.timestamp == begun + (frames - 1) / 30)
    newest = camera._newest
    assert newest is not None
    return float(newest.state.expression[JAW])


def test_the_next_publisher_finds_neither_range_nor_prompt_nor_tracker_of_the_last() -> None:
    async def scene() -> None:
        pool = TrackerPool(FakeTracker, keep=9)
        totals: Totals[Live] = Totals()
        shared = SharedLive(served(pool.take, pool.give_back), totals)
        viewed = shared.acquire()
        try:
            live = shared.acquire()
            assert live is viewed
            live.published = True
            fresh = await mouth(live, 0.6, 1, 0.0)
            assert await mouth(live, 1.0, 60, 1.0) > 0.95
            assert await mouth(live, 0.6, 1, 4.0) < fresh - 0.1, "the range is learned"
            await live.control.handle({"type": "prompt", "text": "smile for 60 seconds"})
            await live.control.handle({"type": "view", "yaw": 0.5})
            performance, now = live.session.performance, time.monotonic()
            assert performance.prompt.sample(now) is not None
            tracked = live.counters()["cameraTracked"]
            await shared.unpublish(live)
            await shared.release(live)
            assert len(pool._free) == 1 and live.feed is None and not live.published
            assert performance.prompt.sample(now) is None and live.session._view is None
            assert live.counters()["cameraTracked"] == tracked
            assert abs(await mouth(live, 0.6, 1, 6.0) - fresh) < 1e-6
        finally:
            await shared.release(viewed)
        assert totals.running == [] and totals.sums()["cameraTracked"] == tracked + 1

    asyncio.run(scene())


def test_another_person_in_the_same_picture_is_met_anew() -> None:
    async def scene() -> None:
        tracker = FakeTracker()
        live = Live(served(lambda: tracker, lambda tracker: None), Totals())
        try:
            fresh = await mouth(live, 0.6, 1, 0.0)
            await mouth(live, 1.0, 60, 1.0)
            tracker.person += 1
            assert abs(await mouth(live, 0.6, 1, 3.1) - fresh) < 1e-6
        finally:
            await live.close()

    asyncio.run(scene())
