"""The messages that steer a session, from the page's data channel and from the frame websocket alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from runtime.contract.wire import WireError, drive_state
from runtime.driving.language import prompts
from runtime.driving.script import parse_script
from runtime.errors import BadInput
from runtime.live.session import Session

T = TypeVar("T")
Message = dict[str, Any]
_PARSING = ThreadPoolExecutor(1, "mien-parse")
"""Reads prompts and scripts, one at a time over all sessions: a long one takes a good part of a second, in which the
event loop goes on."""


class Control:
    """Answers one session's messages; what cannot be done is answered with a `problem`, never an exception.

    On the event loop. Who hands it messages awaits each answer before the next, so that they act in order.
    """

    def __init__(self, session: Session, on_camera_off: Callable[[], None]) -> None:
        """`on_camera_off` hears when the camera is switched off at the other end."""
        self._session = session
        self._on_camera_off = on_camera_off
        self._handlers: dict[str, Callable[[Message], Awaitable[Message | None]]] = {
            "coefficients": self._coefficients,
            "prompt": self._prompt,
            "script": self._script,
            "stop": self._stop,
            "view": self._view,
            "camera": self._camera,
            "ping": self._ping,
        }

    async def handle(self, message: Message) -> Message | None:
        """Does what one message asks; returns the reply, if it has one.

        A message with an `id`, a number, is always answered: the reply has the same `id`, and is a `problem` or of the
        message's own type.
        """
        return _numbered(await self._reply(message), message)

    def refuse(self, message: Message, detail: str) -> Message | None:
        """The reply to a message that is not even looked at."""
        kind = _kind(message)
        if kind == "coefficients":
            self._session.performance.coefficients.skip()
        return _numbered(problem(kind, detail), message)

    async def _reply(self, message: Message) -> Message | None:
        kind = _kind(message)
        handler = self._handlers.get(kind)
        if handler is None:
            return problem(kind, f"unknown message type; known: {', '.join(self._handlers)}")
        try:
            return await handler(message)
        except (WireError, BadInput) as error:
            return problem(kind, str(error))

    async def _coefficients(self, message: Message) -> None:
        stream, now = self._session.performance.coefficients, time.monotonic()
        try:
            state = drive_state(message, now)
        except WireError:
            stream.skip()
            raise
        stream.push(state, now)

    async def _prompt(self, message: Message) -> Message:
        text, lexicon = _text(message), self._session.performance.repertoire.lexicon
        parsed = await _apart(lambda: prompts.parse(text, lexicon))
        if parsed.timeline.duration > 0:
            self._session.performance.prompt.play(parsed.timeline, time.monotonic())
        elif not parsed.unknown:
            self._session.performance.prompt.stop()
        unknown = [{"text": u.phrase, "nearest": list(u.nearest)} for u in parsed.unknown]
        return {"type": "prompt", "seconds": round(parsed.timeline.duration, 2), "unknown": unknown}

    async def _script(self, message: Message) -> Message:
        text, repertoire = _text(message), self._session.performance.repertoire
        script = await _apart(lambda: parse_script(text, repertoire=repertoire))
        loop = script.loop or message.get("loop") is True
        self._session.performance.script.play(script.timeline, time.monotonic(), loop=loop)
        return {"type": "script", "seconds": round(script.timeline.duration, 2), "loop": script.loop}

    async def _stop(self, message: Message) -> None:
        self._session.performance.script.stop()
        self._session.performance.prompt.stop()

    async def _view(self, message: Message) -> None:
        self._session.look_from(_number(message, "yaw"), _number(message, "pitch"))

    async def _camera(self, message: Message) -> None:
        if message.get("active") is False:
            self._on_camera_off()

    async def _ping(self, message: Message) -> Message:
        return {"type": "pong", "id": message.get("id")}


async def _apart(parse: Callable[[], T]) -> T:
    """What `parse` gives, off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_PARSING, parse)


def _kind(message: Message) -> str:
    return str(message.get("type"))[:40]


def _numbered(reply: Message | None, message: Message) -> Message | None:
    number = message.get("id")
    if isinstance(number, int | float):
        return {**(reply or {"type": _kind(message)}), "id": number}
    return reply


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
