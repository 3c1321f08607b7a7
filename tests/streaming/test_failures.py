"""What fails ends alone, is told to whom it concerns, and the next one begins anew."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from aiortc import rtcrtpreceiver

from runtime.live import fan_out
from runtime.media.encode import VideoEncoder
from runtime.streaming import frames, peer, rtc_hooks
from tests.streaming.caller import Caller, Camera, until
from tests.streaming.fakes import FakeAvatar, FakeTracker
from tests.streaming.serving import Running, serving


def told(caller: Caller, about: str) -> bool:
    return any(m["type"] == "problem" and m.get("about") == about for m in caller.messages)


async def closed(socket: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """Code and reason that the server ends a websocket with."""
    async with asyncio.timeout(5):
        while (message := await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass
    return message.data, str(message.extra)


async def until_dropped(running: Running, stage: str, frames: int) -> None:
    """Waits until the metrics tell of so many frames that a stage has dropped."""
    async with asyncio.timeout(6):
        while True:
            async with running.http.get(f"{running.url}/metrics") as response:
                lines = (await response.text()).splitlines()
            (line,) = [line for line in lines if line.startswith(f'avatar_frames_dropped_total{{stage="{stage}"}}')]
            if float(line.split()[-1]) >= frames:
                return
            await asyncio.sleep(0.02)


def test_all_who_share_a_performance_are_told_and_the_next_one_begins_anew() -> None:
    async def scene() -> None:
        async with serving() as running:
            viewer = await running.caller().call("whep", direction="recvonly")
            publisher = await running.caller().call(camera=Camera(230), direction="sendonly")
            await viewer.see_until(red_above=150)
            await until(lambda: publisher.control.readyState == "open" == viewer.control.readyState)
            running.avatar.fails = True
            await until(lambda: told(viewer, "session") and told(publisher, "session"))
            running.avatar.fails = False
            again = await running.caller().call("whep", direction="recvonly")
            await running.caller().call(camera=Camera(230), direction="sendonly")
            await again.see_until(red_above=150)
            await until(lambda: len(running.server.app.registry) == 2)

    asyncio.run(scene())


def test_a_performance_that_cannot_be_sampled_ends_its_session_and_says_so() -> None:
    def sample(now: float) -> Any:
        raise ArithmeticError("the test said so")

    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call()
            await caller.see(2)
            await until(lambda: caller.control.readyState == "open")
            running.server.app.lives()[0].session.performance.sample = sample  # type: ignore[method-assign]
            await until(lambda: told(caller, "session") and not len(running.server.app.registry))
            await (await running.caller().call()).see(2)

    asyncio.run(scene())


def test_a_failing_tracker_is_told_closed_and_replaced_once_the_camera_comes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken: list[FakeTracker] = []
    track = FakeTracker.track

    def failing(tracker: FakeTracker, rgb: np.ndarray, timestamp: float) -> Any:
        broken.append(tracker)
        raise ArithmeticError("the test said so")

    async def scene() -> None:
        async with serving() as running:
            monkeypatch.setattr(FakeTracker, "track", failing)
            caller = await running.caller().call(camera=Camera(230))
            await until(lambda: told(caller, "camera"))
            assert broken[0].closed and broken[0] not in running.server.trackers._free
            assert "tracking failed" in caplog.text
            monkeypatch.setattr(FakeTracker, "track", track)
            await caller.say({"type": "camera", "active": False, "id": 1})
            await caller.see_until(red_above=150)

    asyncio.run(scene())


def test_a_websocket_hears_that_rendering_failed() -> None:
    async def scene() -> None:
        async with serving() as running:
            async with running.http.ws_connect(f"{running.url}/fake/frames") as socket:
                await socket.receive_bytes() if (await socket.receive()).type is aiohttp.WSMsgType.BINARY else None
                running.avatar.fails = True
                code, reason = await closed(socket)
                assert code == 1011 and "could not be rendered" in reason
            await until(lambda: not running.server.app.lives())
            running.avatar.fails = False
            async with running.http.ws_connect(f"{running.url}/fake/frames") as socket:
                await socket.receive_json()
                await socket.receive_bytes()

    asyncio.run(scene())


def test_a_websocket_whose_pictures_cannot_be_sent_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def raw(*arguments: object) -> bytes:
        raise ArithmeticError("the test said so")

    async def scene() -> None:
        async with serving() as running:
            monkeypatch.setattr(frames, "_raw", raw)
            async with running.http.ws_connect(f"{running.url}/fake/frames") as socket:
                code, reason = await closed(socket)
                assert code == 1011 and "could not be sent" in reason
            await until(lambda: not len(running.server.app.registry))

    asyncio.run(scene())


def test_an_encoder_that_fails_ends_its_own_viewers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder(VideoEncoder):
        def encode(self, i420: Any, pts: int) -> Any:
            if self.codec in failing:
                raise av.FFmpegError(1, "the test said so")
            return super().encode(i420, pts)

    failing: set[str] = set()
    monkeypatch.setattr(fan_out, "VideoEncoder", Encoder)

    async def scene() -> None:
        async with serving() as running:
            good = await running.caller().call("whep", direction="recvonly", codec="VP8")
            bad = await running.caller().call("whep", direction="recvonly", codec="H264")
            await good.see(2)
            await bad.see(2)
            await until(lambda: bad.control.readyState == "open")
            failing.add("H264")
            await until(lambda: told(bad, "session") and len(running.server.app.registry) == 1)
            failing.clear()
            await good.see(3)
            assert not told(good, "session")
            await (await running.caller().call("whep", direction="recvonly", codec="H264")).see(2)

    asyncio.run(scene())


def test_a_task_of_a_connection_that_fails_ends_it_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def arrival(buffer: object, pts: int) -> Any:
        raise ArithmeticError("the test said so")

    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call(camera=Camera(230))
            await until(lambda: caller.control.readyState == "open")
            monkeypatch.setattr(rtc_hooks.PromptJitterBuffer, "arrival", arrival)
            await until(lambda: told(caller, "session") and not len(running.server.app.registry))

    asyncio.run(scene())


def test_a_message_that_breaks_its_handler_ends_its_own_connection_and_says_so() -> None:
    async def reply(message: object) -> Any:
        raise ArithmeticError("the test said so")

    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call()
            other = await running.caller().call()
            await caller.see(1)
            first, second = running.server.app.lives()
            first.control._reply = second.control._reply = reply  # type: ignore[method-assign]
            said = await caller.say({"type": "ping"})
            assert said.get("about") == "session"
            await until(lambda: len(running.server.app.registry) == 1)
            await other.see(3)

    asyncio.run(scene())


def test_a_camera_that_is_decoded_too_slowly_loses_frames_and_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder stands still until it is let go; a publisher alone decodes nothing in this process but its camera."""
    gate = threading.Event()
    make = rtcrtpreceiver.get_decoder

    class Slow:
        def __init__(self, codec: Any) -> None:
            self._decoder = make(codec)

        def decode(self, frame: Any) -> Any:
            gate.wait()
            return self._decoder.decode(frame)

    monkeypatch.setattr(rtcrtpreceiver, "get_decoder", Slow)
    monkeypatch.setattr(rtc_hooks, "MOST_WAITING", 4, raising=False)

    async def scene() -> None:
        async with serving() as running:
            publisher = await running.caller().call(camera=Camera(230), direction="sendonly")
            try:
                await until_dropped(running, "camera", 12)
                (live,) = running.server.app.lives()
                assert live.counters()["cameraTracked"] == 0
            finally:
                gate.set()
            await until(lambda: live.counters()["cameraTracked"] > 3)
            assert live.session.camera_stamps, "when they came is known again"
            await publisher.hang_up()

    asyncio.run(scene())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_decoder_that_dies_ends_its_connection_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(codec: object) -> Any:
        raise ArithmeticError("the test said so")

    monkeypatch.setattr(peer, "WATCH", 0.1)

    async def scene() -> None:
        async with serving() as running:
            monkeypatch.setattr(rtcrtpreceiver, "get_decoder", make)
            publisher = await running.caller().call(camera=Camera(230), direction="sendonly")
            await until(lambda: told(publisher, "session") and not len(running.server.app.registry))

    asyncio.run(scene())


def test_a_server_whose_tracker_cannot_be_loaded_is_ready_for_all_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def reset(tracker: FakeTracker) -> None:
        raise ArithmeticError("the test said so")

    monkeypatch.setattr(FakeTracker, "reset", reset)

    async def scene() -> None:
        async with serving() as running:
            await until(running.server._warm.is_set)
            assert "loading the face tracker failed" in caplog.text
            await (await running.caller().call()).see(2)

    asyncio.run(scene())


def test_one_that_fails_before_it_is_answered_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = peer.Peer.answer

    async def late(self: peer.Peer, offer: Any) -> str:
        self.fail("the test said so")
        await asyncio.sleep(2 * peer.FAREWELL)
        return await answer(self, offer)

    monkeypatch.setattr(peer, "FAREWELL", 0.02)
    monkeypatch.setattr(peer.Peer, "answer", late)

    async def scene() -> None:
        async with serving() as running:
            await running.caller().call()
            await until(lambda: not len(running.server.app.registry) and not running.server.app.lives())

    asyncio.run(scene())


def test_counters_never_fall_while_a_session_closes() -> None:
    async def scene() -> None:
        async with serving(FakeAvatar(cost=0.1)) as running:
            caller = await running.caller().call(camera=Camera(230))
            await caller.see(3)
            leaving = asyncio.create_task(caller.hang_up())
            seen: list[list[float]] = []
            while not leaving.done():
                async with running.http.get(f"{running.url}/metrics") as response:
                    lines = (await response.text()).splitlines()
                seen.append([float(line.split()[-1]) for line in lines if "_total" in line.split(" ")[0]])
            assert all((np.diff(seen, axis=0) >= 0).ravel()) and len(seen) > 3

    asyncio.run(scene())
