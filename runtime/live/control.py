"""The messages that steer a session, from the page's data channel and from the frame websocket alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from runtime.contract.wire import WireError, drive_state
from runtime.driving.language import prompts
from runtime.driving.script import parse_script
from runtime.errors import BadInput
from runtime.live.session import Session

Message = dict[str, Any]


class Control:
    """Answers one session's messages; what cannot be done is answered with a `problem`, never an exception."""

    def __init__(self, session: Session, on_camera_off: Callable[[], None]) -> None:
        """`on_camera_off` hears when the camera is switched off at the other end."""
        self._session = session
        self._on_camera_off = on_camera_off
        self._handlers: dict[str, Callable[[Message, float], Message | None]] = {
            "coefficients": self._coefficients,
            "prompt": self._prompt,
            "script": self._script,
            "stop": self._stop,
            "view": self._view,
            "camera": self._camera,
            "ping": lambda message, now: {"type": "pong", "id": message.get("id")},
        }

    def handle(self, message: Message) -> Message | None:
        """Does what one message asks; returns the reply, if it has one.

        A message with an `id`, a number, is always answered: the reply has the same `id`, and is a `problem` or of the
        message's own type.
        """
        kind, number = str(message.get("type")), message.get("id")
        reply = self._reply(kind, message)
        if isinstance(number, int | float):
            return {**(reply or {"type": kind}), "id": number}
        return reply

    def _reply(self, kind: str, message: Message) -> Message | None:
        handler = self._handlers.get(kind)
        if handler is None:
            return problem(kind[:40], f"unknown message type; known: {', '.join(self._handlers)}")
        try:
            return handler(message, time.monotonic())
        except (WireError, BadInput) as error:
            return problem(kind, str(error))

    def _coefficients(self, message: Message, now: float) -> None:
        stream = self._session.performance.coefficients
        try:
            state = drive_state(message, now)
        except WireError:
            stream.skip()
            raise
        stream.push(state, now)

    def _prompt(self, message: Message, now: float) -> Message:
        parsed = prompts.parse(_text(message), self._session.performance.repertoire.lexicon)
        if parsed.timeline.duration > 0:
            self._session.performance.prompt.play(parsed.timeline, now)
        elif not parsed.unknown:
            self._session.performance.prompt.stop()
        unknown = [{"text": u.phrase, "nearest": list(u.nearest)} for u in parsed.unknown]
        return {"type": "prompt", "seconds": round(parsed.timeline.duration, 2), "unknown": unknown}

    def _script(self, message: Message, now: float) -> Message:
        script = parse_script(_text(message), repertoire=self._session.performance.repertoire)
        self._session.performance.script.play(script.timeline, now, loop=script.loop or message.get("loop") is True)
        return {"type": "script", "seconds": round(script.timeline.duration, 2), "loop": script.loop}

    def _stop(self, message: Message, now: float) -> None:
        self._session.performance.script.stop()
        self._session.performance.prompt.stop()

    def _view(self, message: Message, now: float) -> None:
        self._session.look_from(_number(message, "yaw"), _number(message, "pitch"))

    def _camera(self, message: Message, now: float) -> None:
        if message.get("active") is False:
            self._on_camera_off()


def problem(about: str, detail: str) -> Message:
    """A reply that says what was wrong with a message of type `about`."""
    return {"type": "problem", "about": about, "detail": detail}


def _text(message: Message) -> str:
    text = message.get("text")
    if not isinstance(text, str) or not text.strip():
        raise WireError("'text' must be a text that is not empty")
    return text


def _number(message: Message, key: str) -> float:
    value = message.get(key, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e3:
        raise WireError(f"'{key}' must be a finite number of radians")
    return float(value)
