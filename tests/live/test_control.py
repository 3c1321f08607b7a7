"""Steering messages: a message with an `id` is answered under it, whatever becomes of it."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from typing import Any

import pytest

from runtime.contract.wire import MAX_MESSAGE, MOST, WireError, parse_json
from runtime.driving.performance import Performance
from runtime.driving.script import Script
from runtime.driving.timeline import Timeline
from runtime.live.control import Control, Message
from runtime.live.session import Session
from tests.streaming.fakes import FakeAvatar


@pytest.fixture
def control() -> Control:
    return Control(Session(FakeAvatar(), Performance(), 30.0), lambda: None)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "coefficients", "values": {"jaw_open": 1}}, "coefficients"),
        ({"type": "coefficients", "values": {"jawOpne": 1}}, "problem"),
        ({"type": "prompt", "text": "smile"}, "prompt"),
        ({"type": "prompt", "text": ""}, "problem"),
        ({"type": "script", "text": "?"}, "problem"),
        ({"type": "stop"}, "stop"),
        ({"type": "view", "yaw": "left"}, "problem"),
        ({"type": "camera", "active": False}, "camera"),
        ({"type": "dance"}, "problem"),
        ({"type": "ping"}, "pong"),
    ],
)
def test_a_message_with_an_id_is_always_answered(control: Control, message: Message, kind: str) -> None:
    reply = asyncio.run(control.handle({**message, "id": 7}))
    assert reply is not None and (reply["type"], reply["id"]) == (kind, 7)


def test_without_an_id_only_questions_and_problems_are_answered(control: Control) -> None:
    assert asyncio.run(control.handle({"type": "coefficients", "values": {"jawOpen": 1}})) is None
    assert asyncio.run(control.handle({"type": "stop"})) is None
    refused = asyncio.run(control.handle({"type": "coefficients", "values": {"jawOpne": 1}}))
    assert refused is not None and "id" not in refused and "jawOpen" in refused["detail"]


def test_a_long_script_is_read_while_the_event_loop_goes_on(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile = threading.Event()

    def slow(text: str, **_: object) -> Script:
        assert meanwhile.wait(60), "the event loop waits for the script"
        return Script(Timeline())

    monkeypatch.setattr("runtime.live.control.parse_script", slow)

    async def scene() -> None:
        reading = asyncio.create_task(control.handle({"type": "script", "text": "x"}))
        await asyncio.sleep(0)
        meanwhile.set()
        reply = await reading
        assert reply is not None and reply["type"] == "script"

    asyncio.run(scene())


def test_what_is_refused_unread_counts_and_is_answered(control: Control) -> None:
    assert control.refuse({"type": "prompt", "id": 3}, "busy") == {
        "type": "problem", "about": "prompt", "detail": "busy", "id": 3,
    }  # fmt: skip


def test_many_unknown_coefficients_are_refused_by_their_number(control: Control) -> None:
    values = {f"jawOpne{n}": 1 for n in range(MOST + 1)}
    reply = asyncio.run(control.handle({"type": "coefficients", "values": values}))
    assert reply is not None and f"may have {MOST} coefficients" in reply["detail"]


def _anything(rng: random.Random, depth: int = 0) -> Any:
    """A value of JSON, seldom a sensible one."""
    simple = (None, True, 0, -1, 1.5, 10**400, float("nan"), float("inf"), "", "smile", "\ud800", "jawOpen", "x" * 3000)
    if depth > 2 or rng.random() < 0.6:
        return rng.choice(simple)
    inner = [_anything(rng, depth + 1) for _ in range(rng.randint(0, 8))]
    return inner if rng.random() < 0.5 else {rng.choice(KEYS): value for value in inner}


KEYS = ("type", "text", "values", "id", "ack", "loop", "yaw", "pitch", "active", "rotation", "translation", "detail",
        "jawOpen", "categoryName", "score", "_neutral", "x" * 5000)  # fmt: skip
TYPES = ("coefficients", "prompt", "script", "stop", "view", "camera", "ping", "dance", "", "x" * 5000)


def test_no_message_raises_anything_or_gets_a_long_answer(control: Control) -> None:
    rng = random.Random(8)

    async def scene() -> None:
        for _ in range(1500):
            message = {rng.choice(KEYS): _anything(rng) for _ in range(rng.randint(0, 4))}
            if rng.random() < 0.9:
                message["type"] = rng.choice(TYPES)
            if message.get("type") == "coefficients" and rng.random() < 0.7:
                message["values"] = {rng.choice(("jawOpen", "_neutral", "JawOpen")): _anything(rng)}
            text = json.dumps(message)
            if rng.random() < 0.2:
                cut = rng.randrange(len(text) + 1)
                text = text[:cut] + rng.choice(("", "}", "[" * 5000, "\x00", "9" * 5000)) + text[cut + 1 :]
            try:
                parsed = parse_json(text)
                reply = await control.handle(parsed) if "ack" not in parsed else None
            except WireError as error:
                assert len(str(error)) < 600
                continue
            if reply is not None:
                assert len(json.dumps({**reply, "id": 0})) < 3000, message

    asyncio.run(scene())


@pytest.mark.parametrize("text", ["[" * MAX_MESSAGE, '{"type":"a","b":' + "9" * 5000 + "}", '{"a":' * 9000])
def test_text_that_is_deep_or_long_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        parse_json(text)
