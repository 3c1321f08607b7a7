"""The connection to one avatar."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket
from websockets.typing import Subprotocol

from mien_client.address import Address, parse_address
from mien_client.frame import Frame, parse

SUBPROTOCOL = "mien.frames.v1"
REPLIES = 64
"""Answers of the server that are kept until they are read."""
HUGE = 64 * 1024 * 1024
MAX_MESSAGE = 64 * 1024
"""Bytes of the longest message that a server takes."""
MAX_LIST = 1024 * 1024
"""Bytes of the longest list of avatars that is read."""


class MienClientError(Exception):
    """The server refused or ended the connection, or could not do what it was asked; the message says why."""


class MessageRefused(MienClientError):
    """The server could not do what one message asked; the connection goes on."""

    def __init__(self, about: str, detail: str) -> None:
        super().__init__(detail)
        self.about = about
        """The kind of the message: coefficients, prompt, script, view; "" where it could not be read at all."""


class Category(Protocol):
    """One of MediaPipe's face blendshapes, as `FaceLandmarkerResult.face_blendshapes[0]` lists them."""

    @property
    def category_name(self) -> str | None: ...
    @property
    def score(self) -> float | None: ...


def connect(
    url: str = "http://127.0.0.1:8080",
    avatar: str | None = None,
    codec: str = "RGBA8",
    token: str | None = None,
    timeout: float = 10.0,
    on_problem: Callable[[MessageRefused], None] | None = None,
) -> Connection:
    """Connects to `avatar` (the server's first by default) at `url`.

    `url` is the http or https address of the avatar's page, with the path under which a proxy serves it; the `avatar`
    and the `token` that it carries count where none are given. `codec` is RGBA8 or JPEG. `on_problem` is called, while
    frames are read, with each message that the server refused; without it `frames` raises them. A proxy that the
    environment names (`http_proxy`, `https_proxy`) is used but for this machine and what `no_proxy` lists.

    Raises ValueError for an address that is none, MienClientError where the server refuses and OSError where none
    answers.
    """
    address = parse_address(url)
    token = token or address.token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    name = avatar or address.avatar or _first_avatar(address, headers, timeout)
    with ExitStack() as stack:
        try:
            opening = open_socket(
                address.websocket(name, "frames", codec=codec), subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers=headers, compression=None, max_size=HUGE, max_queue=1, open_timeout=timeout,
                proxy=None if address.direct else True,
            )  # fmt: skip
            socket = stack.enter_context(opening)
        except InvalidStatus as error:
            raise _refusal(error.response.status_code, error.response.body) from None
        except InvalidHandshake as error:
            raise MienClientError(f"the server does not speak as a Mien server does: {error}") from None
        return Connection(socket, stack.pop_all(), on_problem)


class Connection:
    """Frames and control of one performance, which is this client's own. Use it from one thread at a time."""

    def __init__(
        self,
        socket: ClientConnection,
        resources: ExitStack,
        on_problem: Callable[[MessageRefused], None] | None = None,
    ) -> None:
        self._socket = socket
        self._resources = resources
        self._on_problem = on_problem
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
        values: Mapping[str, float] | Sequence[Category],
        rotation: Sequence[float] | None = None,
        translation: Sequence[float] | None = None,
        detail: Sequence[float] | None = None,
    ) -> int:
        """Sends expression coefficients, 0..1, by their ARKit names; returns the number of this message.

        Names may be spelled as other programs do (JawOpen, jaw_open, eyeBlink_L). `values` may also be MediaPipe's list
        of categories. What the server refuses comes as a MessageRefused, see `connect`.

        `rotation` is a quaternion (x, y, z, w) from head to world, `translation` is in decimetres, `detail` has 8
        numbers. The avatar goes back to idling half a second after the last message.
        """
        rest = {"rotation": rotation, "translation": translation, "detail": detail}
        message = {key: [float(v) for v in value] for key, value in rest.items() if value is not None}
        self._send({"type": "coefficients", "values": _plain(values), **message})
        self._driven += 1
        return self._driven

    def prompt(self, text: str) -> None:
        """Acts a text, such as "look surprised for 2 seconds, then smile".

        The server's answer, with what it did not understand, comes in `replies`.
        """
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

        Raises TimeoutError where none comes for `timeout` seconds, MienClientError where the server ends it badly, and
        MessageRefused for a message that it refused, unless `connect` was given `on_problem`; call `frames` again to go
        on after that.
        """
        while True:
            try:
                message = self._socket.recv(timeout)
            except ConnectionClosed as error:
                if error.rcvd is None or error.rcvd.code not in (1000, 1001):
                    raise MienClientError(_reason(error)) from None
                return
            if isinstance(message, str):
                self._take(json.loads(message))
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
        self._resources.close()

    def _take(self, reply: dict[str, Any]) -> None:
        if reply.get("type") != "problem":
            self._replies.append(reply)
            return
        refused = MessageRefused(str(reply.get("about", "")), str(reply.get("detail", "the server gave no reason")))
        if self._on_problem is None:
            raise refused
        self._on_problem(refused)

    def _send(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message)
        if len(text) > MAX_MESSAGE:
            raise ValueError(f"a message may have {MAX_MESSAGE} bytes, this {message.get('type')} has {len(text)}")
        try:
            self._socket.send(text)
        except ConnectionClosed as error:
            raise MienClientError(_reason(error)) from None

    def _receive_hello(self) -> dict[str, Any]:
        try:
            hello: dict[str, Any] = json.loads(self._socket.recv(10.0))
        except ConnectionClosed as error:
            self.close()
            raise MienClientError(_reason(error)) from None
        except TimeoutError:
            self.close()
            raise
        return hello


def _plain(values: Mapping[str, float] | Sequence[Category]) -> dict[str, float]:
    """Coefficients by name as JSON takes them, whichever number type they have."""
    if isinstance(values, Mapping):
        return {name: float(value) for name, value in values.items()}
    return {str(value.category_name): float(value.score or 0.0) for value in values}


def _first_avatar(address: Address, headers: Mapping[str, str], timeout: float) -> str:
    opener = build_opener(ProxyHandler({})) if address.direct else build_opener()
    try:
        with opener.open(Request(address.http("api", "avatars"), headers=dict(headers)), timeout=timeout) as response:
            name: str = json.loads(response.read(MAX_LIST))["avatars"][0]["name"]
            return name
    except HTTPError as error:
        with error:
            raise _refusal(error.code, error.read(MAX_LIST)) from None
    except (ValueError, LookupError, TypeError):
        raise MienClientError(f"there is no Mien server at {address.http()}; is its path right?") from None


def _refusal(status: int, body: bytes | bytearray | None) -> MienClientError:
    try:
        detail = json.loads(body or b"{}").get("detail")
    except (ValueError, AttributeError):
        detail = None
    return MienClientError(str(detail or f"the server answered {status}"))


def _reason(error: ConnectionClosed) -> str:
    return (error.rcvd.reason if error.rcvd else "") or "the connection was lost"
