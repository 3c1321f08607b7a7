"""The connection to one avatar."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket
from websockets.typing import Subprotocol

from mien_client.frame import Frame, parse

SUBPROTOCOL = "mien.frames.v1"
REPLIES = 64
"""Answers of the server that are kept until they are read."""
HUGE = 64 * 1024 * 1024


class MienClientError(Exception):
    """The server refused or ended the connection, or could not do what it was asked; the message says why."""


def connect(
    url: str = "http://127.0.0.1:8080",
    avatar: str | None = None,
    codec: str = "RGBA8",
    token: str | None = None,
    timeout: float = 10.0,
) -> Connection:
    """Connects to `avatar` (the server's first by default) at `url` (http or https).

    `codec` is RGBA8 or JPEG. Raises MienClientError where the server refuses and OSError where none answers.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the address must begin with http:// or https://, got '{url}'")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    name = avatar or _first_avatar(url, headers, timeout)
    scheme = "wss" if parts.scheme == "https" else "ws"
    address = f"{scheme}://{parts.netloc}/{quote(name, safe='')}/frames?codec={quote(codec)}"
    with ExitStack() as stack:
        try:
            opening = open_socket(
                address, subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers=headers, compression=None,
                max_size=HUGE, max_queue=1, open_timeout=timeout, proxy=None,
            )  # fmt: skip
            socket = stack.enter_context(opening)
        except InvalidStatus as error:
            said = _detail(error.response.body) or f"the server answered {error.response.status_code}"
            raise MienClientError(said) from None
        return Connection(socket, stack.pop_all())


class Connection:
    """Frames and control of one performance, which is this client's own. Use it from one thread at a time."""

    def __init__(self, socket: ClientConnection, resources: ExitStack) -> None:
        self._socket = socket
        self._belongings = resources
        self._replies: deque[dict[str, Any]] = deque(maxlen=REPLIES)
        self._driven = 0
        self.hello = self._receive_hello()
        """What the server said of itself: avatar, width, height, fps, codec, expressions."""

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def drive(
        self,
        values: Mapping[str, float],
        rotation: Sequence[float] | None = None,
        translation: Sequence[float] | None = None,
        detail: Sequence[float] | None = None,
    ) -> int:
        """Sends expression coefficients by their ARKit names, 0..1; returns the number of this message.

        `rotation` is a quaternion (x, y, z, w) from head to world, `translation` is in decimetres, `detail` has 8
        numbers. The avatar goes back to idling half a second after the last message.
        """
        rest = {"rotation": rotation, "translation": translation, "detail": detail}
        message = {key: list(value) for key, value in rest.items() if value is not None}
        self._send({"type": "coefficients", "values": dict(values), **message})
        self._driven += 1
        return self._driven

    def prompt(self, text: str) -> None:
        """Acts a text, such as "look surprised for 2 seconds, then smile"; the server's answer comes in `replies`."""
        self._send({"type": "prompt", "text": text})

    @property
    def expressions(self) -> list[str]:
        """The names of the expressions that only this avatar has."""
        return list(self.hello.get("expressions", []))

    def play(self, name: str) -> None:
        """Plays one of `expressions`; a prompt may also say its name, such as "tongue out slightly, then smile".

        Raises ValueError, naming those that there are, where the avatar has no such expression.
        """
        if name not in self.expressions:
            raise ValueError(f"the avatar has no expression '{name}'; its own: {', '.join(self.expressions) or 'none'}")
        self.prompt(name)

    def script(self, text: str, loop: bool = False) -> None:
        """Plays a script, YAML or JSON text."""
        self._send({"type": "script", "text": text, "loop": loop})

    def view(self, yaw: float, pitch: float) -> None:
        """Looks at the head from another side, radians."""
        self._send({"type": "view", "yaw": yaw, "pitch": pitch})

    def frames(self, timeout: float = 10.0) -> Iterator[Frame]:
        """The newest pictures, one after another, until the connection ends.

        Raises TimeoutError where none comes for `timeout` seconds and MienClientError where the server ends it badly.
        """
        while True:
            try:
                message = self._socket.recv(timeout)
            except ConnectionClosed as error:
                if error.rcvd is None or error.rcvd.code not in (1000, 1001):
                    raise MienClientError(_reason(error)) from None
                return
            if isinstance(message, str):
                self._replies.append(json.loads(message))
                continue
            frame = parse(message)
            self._send({"ack": frame.sequence})
            yield frame

    def replies(self) -> list[dict[str, Any]]:
        """The server's answers that came while frames were read, oldest first; each is given once."""
        found = list(self._replies)
        self._replies.clear()
        return found

    def close(self) -> None:
        """Ends the performance."""
        self._belongings.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._socket.send(json.dumps(message))
        except ConnectionClosed as error:
            raise MienClientError(_reason(error)) from None

    def _receive_hello(self) -> dict[str, Any]:
        try:
            hello: dict[str, Any] = json.loads(self._socket.recv(10.0))
        except ConnectionClosed as error:
            self.close()
            raise MienClientError(_reason(error)) from None
        return hello


def _first_avatar(url: str, headers: Mapping[str, str], timeout: float) -> str:
    with urlopen(Request(f"{url.rstrip('/')}/api/avatars", headers=dict(headers)), timeout=timeout) as response:
        name: str = json.load(response)["avatars"][0]["name"]
        return name


def _detail(body: bytes | bytearray | None) -> str:
    try:
        return str(json.loads(body or b"{}").get("detail", ""))
    except ValueError:
        return ""


def _reason(error: ConnectionClosed) -> str:
    return (error.rcvd.reason if error.rcvd else "") or "the connection was lost"
