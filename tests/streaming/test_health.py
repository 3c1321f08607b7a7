"""/healthz fails where waiting will not help."""

from __future__ import annotations

import asyncio
import re
import threading
import time

import pytest

from runtime.live import show
from runtime.streaming import health
from runtime.streaming.health import Pulse, complaint
from tests.streaming.caller import Camera, until
from tests.streaming.fakes import FakeTracker
from tests.streaming.serving import Running, serving


async def healthy(running: Running) -> str:
    """Waits for a change of mind; "" or what is wrong."""
    async with running.http.get(f"{running.url}/healthz") as response:
        said = await response.json(content_type=None)
        assert response.status == (200 if said.get("status") == "ok" else 503)
        return str(said.get("detail", ""))


async def until_healthz(running: Running, says: str) -> None:
    async with asyncio.timeout(10):
        while True:
            wrong = await healthy(running)
            if says in wrong and bool(says) == bool(wrong):
                return
            await asyncio.sleep(0.02)


def test_a_render_that_does_not_come_back_is_told_even_when_its_viewer_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "STUCK", 0.3)
    monkeypatch.setattr(show, "LEAVE", 0.05)
    monkeypatch.setattr(show, "LINGER", 0.05)

    async def scene() -> None:
        async with serving() as running:
            try:
                async with running.http.ws_connect(f"{running.url}/fake/frames") as socket:
                    await socket.receive_json()
                    await socket.receive_bytes()
                    assert await healthy(running) == ""
                    running.avatar.gate.clear()
                    await until_healthz(running, "stuck on one frame")
                await until(lambda: not len(running.server.app.registry))
                await until_healthz(running, "stuck on one frame")
            finally:
                running.avatar.gate.set()
            await until_healthz(running, "")
            await until(lambda: not running.server.app.lives())

    asyncio.run(scene())


def test_a_tracker_that_does_not_come_back_is_told_even_when_its_camera_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()

    def track(tracker: FakeTracker, rgb: object, timestamp: float) -> None:
        gate.wait()

    monkeypatch.setattr(health, "STUCK", 0.3)
    monkeypatch.setattr(show, "LEAVE", 0.05)
    monkeypatch.setattr(show, "LINGER", 0.05)
    monkeypatch.setattr(FakeTracker, "track", track)

    async def scene() -> None:
        async with serving() as running:
            try:
                caller = await running.caller().call(camera=Camera(200))
                await until_healthz(running, "stuck on one frame")
                await caller.hang_up()
                await until_healthz(running, "stuck on one frame")
            finally:
                gate.set()
            await until_healthz(running, "")
            await until(lambda: not running.server.app.lives())

    asyncio.run(scene())


def test_a_late_event_loop_is_told_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT", 0.01), ("LATE", 0.2), ("REMEMBERED", 10.0)):
        monkeypatch.setattr(health, name, seconds)

    async def scene() -> None:
        pulse = Pulse()
        beating = asyncio.create_task(pulse.beat())
        await asyncio.sleep(0.005)
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is to be late
        await asyncio.sleep(0.02)
        now = time.monotonic()
        told = re.search(r"event loop was up to (\d+\.\d) s late", complaint(pulse, [], now) or "")
        assert told is not None and float(told[1]) >= 0.3  # more where the machine was busy, too
        beating.cancel()
        assert complaint(pulse, [], now + 11.0) is None

    asyncio.run(scene())
