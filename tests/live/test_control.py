"""Steering messages: a message with an `id` is answered under it, whatever becomes of it."""

from __future__ import annotations

import pytest

from runtime.driving.performance import Performance
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
    reply = control.handle({**message, "id": 7})
    assert reply is not None and (reply["type"], reply["id"]) == (kind, 7)


def test_without_an_id_only_questions_and_problems_are_answered(control: Control) -> None:
    assert control.handle({"type": "coefficients", "values": {"jawOpen": 1}}) is None
    assert control.handle({"type": "stop"}) is None
    refused = control.handle({"type": "coefficients", "values": {"jawOpne": 1}})
    assert refused is not None and "id" not in refused and "jawOpen" in refused["detail"]
