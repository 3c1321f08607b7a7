"""Two real ends: a camera goes in, the avatar comes back."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from itertools import pairwise
from typing import Any

import pytest

from runtime.driving.script import Script
from runtime.driving.timeline import Timeline
from runtime.streaming.peer import MAX_WAITING
from tests.streaming.caller import LIMIT, Camera, until
from tests.streaming.serving import serving


def test_the_avatar_follows_the_camera_and_falls_back_to_idle() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = running.caller()
            camera = Camera(230)
            await caller.call(camera=camera)
            await caller.see_until(red_above=150)
            camera.brightness = 0  # no face in a black picture
            await until(lambda: {"type": "face", "present": False} in caller.messages)
            async with asyncio.timeout(LIMIT):
                while (await caller.see(1))[64, 24, 0] > 60:
                    pass
            assert await caller.hang_up() == 200

    asyncio.run(scene())


def test_every_frame_brings_its_history() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = running.caller()
            await caller.call(camera=Camera(200))

            def shown() -> list[list[Any]]:
                """Histories of pictures that are here, with a camera's frame in them."""
                return [r for r in caller.records if r[2] == "camera" and r[0] in caller.stamps]

            await until(lambda: len(shown()) > 8)
            for rtp, camera_rtp, _, *times in shown():
                assert 0 <= rtp < 2**32 and 0 <= camera_rtp < 2**32
                assert times == sorted(times), "tracked, sampled, rendered, encoded, sent"
            steps = [(b[0] - a[0]) % 2**32 for a, b in pairwise(shown())]
            assert min(steps) > 0 and sum(steps) < 2**31, "timestamps rise"
            await caller.hang_up()

    asyncio.run(scene())


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_both_codecs_are_answered(codec: str) -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call(camera=Camera(200), codec=codec)
            assert re.search(rf"a=rtpmap:\d+ {codec}/90000", caller.answer)
            picture = await caller.see(5)
            assert picture.shape == (128, 128, 3)
            await caller.hang_up()

    asyncio.run(scene())


def test_control_messages_are_answered() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call()
            reply = await caller.say({"type": "prompt", "text": "open your mouth"})
            assert reply["type"] == "prompt" and reply["seconds"] > 0 and reply["unknown"] == []
            await caller.see_until(red_above=80)
            reply = await caller.say({"type": "prompt", "text": "smlie at mee"})
            assert reply["type"] == "prompt"
            problems: list[tuple[dict[str, Any], str]] = [
                ({"type": "dance"}, "unknown message type"),
                ({"type": "prompt", "text": " "}, "'text' must be"),
                ({"type": "script", "text": "version: 9"}, "version"),
                ({"type": "view", "yaw": "left"}, "'yaw' must be"),
                ({"type": "coefficients", "values": {"jaw": 1}}, "unknown coefficient"),
                ({"neither": 1}, "needs a 'type'"),
            ]
            for message, says in problems:
                reply = await caller.say(message)
                assert reply["type"] == "problem" and says in reply["detail"]
            await caller.see(2)
            await caller.hang_up()

    asyncio.run(scene())


def test_messages_behind_a_long_script_wait_in_order_and_not_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(text: str, **_: object) -> Script:
        assert go_on.wait(60)
        return Script(Timeline())

    monkeypatch.setattr("runtime.live.control.parse_script", slow)

    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call()
            await until(lambda: caller.control.readyState == "open")
            caller.messages.clear()
            caller.control.send(json.dumps({"type": "script", "text": "x", "id": 0}))
            for number in range(1, MAX_WAITING + 11):
                caller.control.send(json.dumps({"type": "ping", "id": number}))
            await until(lambda: len(caller.messages) >= 9)
            assert {reply["type"] for reply in caller.messages} == {"problem"}, "only those beyond the bound"
            (live,) = running.server.app.lives()
            assert live.counters()["messagesRefused"] >= 9
            go_on.set()
            await until(lambda: len(caller.messages) >= MAX_WAITING + 11)
            answered = [reply["id"] for reply in caller.messages if reply["type"] != "problem"]
            assert answered == list(range(len(answered))) and len(answered) > MAX_WAITING
            await caller.hang_up()

    asyncio.run(scene())


def test_a_publisher_drives_what_viewers_watch() -> None:
    async def scene() -> None:
        async with serving() as running:
            viewer = await running.caller().call("whep", direction="recvonly")
            await viewer.see(3)
            publisher = await running.caller().call(camera=Camera(230), direction="sendonly")
            await viewer.see_until(red_above=150)
            second = running.caller()
            with pytest.raises(AssertionError, match="somebody else's camera"):
                await second.call(camera=Camera(10), direction="sendonly")
            assert second.status == 409
            await publisher.hang_up()
            async with asyncio.timeout(LIMIT):
                while (await viewer.see(1))[64, 24, 0] > 60:
                    pass
            await viewer.hang_up()
            assert running.server.app.signalling.shared["fake"].live is None

    asyncio.run(scene())


def test_viewers_share_one_encoder_and_a_late_one_starts_with_a_keyframe() -> None:
    async def scene() -> None:
        async with serving() as running:
            first = await running.caller().call("whep", direction="recvonly")
            await first.see(5)
            late = await running.caller().call("whep", direction="recvonly")
            await late.see(2)
            live = running.server.app.signalling.shared["fake"].live
            assert live is not None and len(live.fan_out._encoders) == 1
            assert live.fan_out.keyframes >= 2
            await first.hang_up()
            await late.see(3)
            await late.hang_up()

    asyncio.run(scene())


def test_a_lost_picture_is_asked_for_and_comes() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call()
            await caller.see(5)
            live = running.server.app.lives()[0]
            before = live.fan_out.keyframes
            receiver = caller.pc.getReceivers()[0]
            await receiver._send_rtcp_pli(receiver.getSynchronizationSources()[0].source)
            await until(lambda: live.fan_out.keyframes > before)
            await caller.see(1)
            await caller.hang_up()

    asyncio.run(scene())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failing_avatar_ends_its_session_only() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call()
            await caller.see(3)
            running.avatar.fails = True
            await until(lambda: not len(running.server.app.registry))
            running.avatar.fails = False
            again = await running.caller().call()
            await again.see(3)
            await again.hang_up()
            await caller.pc.close()

    asyncio.run(scene())
