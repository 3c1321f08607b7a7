"""What travels over the frame websocket: a 32-byte header before each picture, and small JSON messages.

A connection opens with the server's `hello`; then pictures come as binary messages (header, then payload) and
everything else as JSON text. Latest frame wins: a slow reader gets fewer pictures, never older ones, and `sequence`
shows the gap.

Header, little-endian::

    offset  type  field
         0  4s    magic            b"MIEN"
         4  u8    version          1
         5  u8    message type     0 = picture
         6  u8    codec            0 RGBA8, 3 JPEG (the numbers between and after are kept for others)
         7  u8    flags            1 keyframe, 2 alpha, 4 discontinuity
         8  u32   sequence         counts the pictures made, sent or not
        12  u16   height
        14  u16   width
        16  u64   pts              microseconds on the server's session clock
        24  u32   drive sequence   which of the client's coefficient messages the picture shows, counted from 1, refused
                                    ones too; 0 where none drives it
        28  u32   payload length
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np

from runtime.contract.drive import DETAIL, EXPRESSIONS, DriveState, checked, coefficients
from runtime.contract.names import coefficient
from runtime.naming import unknown

MAGIC = b"MIEN"
VERSION = 1
HEADER = struct.Struct("<4sBBBBIHHQII")
SUBPROTOCOL = "mien.frames.v1"
CLOCK_RATE = 90_000
"""Ticks a second of a video timestamp (RFC 3551)."""
MAX_MESSAGE = 64 * 1024
"""Bytes of the longest JSON message either side accepts."""
MOST = 128
"""Coefficients in a message, unknown ones included."""

NAMED = 3
"""Unknown coefficients that a refusal names."""
SHOWN = 40
"""Characters of a foreign name that a refusal shows."""


class Codec(IntEnum):
    """How a payload holds its picture."""

    RGBA8 = 0
    JPEG = 3


class Flag(IntFlag):
    """Bits of the header's flags."""

    KEYFRAME = 1
    ALPHA = 2
    DISCONTINUITY = 4


class WireError(ValueError):
    """A message that does not follow this file; its text says where."""


@dataclass(frozen=True)
class Header:
    """The 32 bytes before a picture."""

    codec: Codec
    flags: Flag
    sequence: int
    height: int
    width: int
    pts_us: int
    drive_sequence: int
    payload_length: int

    def pack(self) -> bytes:
        """The 32 bytes."""
        return HEADER.pack(
            MAGIC, VERSION, 0, self.codec, self.flags, self.sequence & 0xFFFFFFFF, self.height, self.width,
            self.pts_us, self.drive_sequence & 0xFFFFFFFF, self.payload_length,
        )  # fmt: skip


def unpack(message: bytes | memoryview) -> tuple[Header, memoryview]:
    """Header and payload of one binary message. Raises WireError where it is cut, foreign or of another version."""
    if len(message) < HEADER.size:
        raise WireError(f"a picture message needs {HEADER.size} bytes of header, got {len(message)}")
    magic, version, kind, codec, flags, sequence, height, width, pts, drive, length = HEADER.unpack_from(message)
    if magic != MAGIC:
        raise WireError(f"a picture message starts with {MAGIC!r}, got {magic!r}")
    if version != VERSION or kind != 0:
        raise WireError(f"only version {VERSION}, type 0 is known, got version {version}, type {kind}")
    payload = memoryview(message)[HEADER.size :]
    if len(payload) != length:
        raise WireError(f"the header promises {length} bytes of payload, got {len(payload)}")
    try:
        known = Codec(codec)
    except ValueError:
        raise WireError(f"unknown codec {codec}") from None
    return Header(known, Flag(flags), sequence, height, width, pts, drive, length), payload


def parse_json(text: str | bytes) -> dict[str, Any]:
    """One JSON message: an object with a string `type` (or an `ack`). Raises WireError otherwise."""
    if len(text) > MAX_MESSAGE:
        raise WireError(f"a message may have {MAX_MESSAGE} bytes, got {len(text)}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("a text message must be JSON") from None
    if not isinstance(message, dict):
        raise WireError("a text message must be a JSON object")
    if "ack" not in message and not isinstance(message.get("type"), str):
        raise WireError("a text message needs a 'type'")
    return message


def _vector(message: Mapping[str, Any], key: str, length: int, default: tuple[float, ...]) -> np.ndarray[Any, Any]:
    value = message.get(key, default)
    numbers = isinstance(value, list | tuple) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in value
    )
    if not numbers or len(value) != length:
        raise WireError(f"'{key}' must be a list of {length} numbers")
    return np.array(value, np.float32)


def _coefficients(values: object) -> dict[str, float]:
    """The coefficients of a message by their ARKit names."""
    found: dict[str, float] = {}
    strange: list[str] = []
    for name, value in _named(values):
        try:
            known = coefficient(name)
        except KeyError:
            strange.append(name)
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise WireError(f"'{name[:SHOWN]}' must be a number")
        if known in found:
            raise WireError(f"'{known}' is there twice, once as '{name[:SHOWN]}'")
        if known is not None:
            found[known] = value
    if strange:
        more = len(strange) - NAMED
        named = [unknown("coefficient", name[:SHOWN], EXPRESSIONS) for name in strange[:NAMED]]
        raise WireError("; ".join(named) + (f"; and {more} more" if more > 0 else ""))
    return found


def _named(values: object) -> Iterable[tuple[str, object]]:
    """(name, value) of each coefficient, whichever of the two forms `values` has."""
    if isinstance(values, dict | list) and len(values) > MOST:
        raise WireError(f"'values' may have {MOST} coefficients, got {len(values)}")
    if isinstance(values, dict):
        return values.items()
    if isinstance(values, list):
        if values and all(isinstance(entry, dict) for entry in values):
            return [(_category(entry), entry.get("score")) for entry in values]
        raise WireError(
            "a list of numbers does not say which is which, and programs order them differently; "
            "send 'values' as an object of coefficients by their ARKit names"
        )
    raise WireError(
        "'values' must be an object of coefficients by their ARKit names, or MediaPipe's list of categories"
    )


def _category(entry: Mapping[str, object]) -> str:
    name = entry.get("categoryName", entry.get("category_name"))
    if not isinstance(name, str):
        raise WireError("each entry of a list of categories needs a 'categoryName' and a 'score'")
    return name


def drive_state(message: Mapping[str, Any], timestamp: float) -> DriveState:
    """The drive state of a `coefficients` message, stamped with `timestamp` (seconds, session clock).

    ``{"type": "coefficients", "values": {"jawOpen": 0.5}, "rotation": [x, y, z, w], "translation": [x, y, z],
    "detail": [8 numbers]}``; all but `values` may be left out. `values` may also be MediaPipe's list of categories,
    ``[{"categoryName": "jawOpen", "score": 0.5}]``; names are spelled as `names.coefficient` says. A list of numbers
    alone is refused: Live Link Face's packets and its files, LAM and MediaPipe each have an order of their own. Values
    out of range are clipped. Raises WireError, naming the field, where something is unknown, not finite or of the wrong
    shape.
    """
    values = _coefficients(message.get("values"))
    try:
        with np.errstate(over="ignore"):
            state = DriveState(
                coefficients(values),
                _vector(message, "detail", DETAIL, (0.0,) * DETAIL),
                _vector(message, "rotation", 4, (0.0, 0.0, 0.0, 1.0)),
                _vector(message, "translation", 3, (0.0, 0.0, 0.0)),
                timestamp,
            )
        return checked(state)
    except (ValueError, OverflowError) as error:
        raise WireError(str(error)) from None


def hello(name: str, size: int, fps: float, codec: Codec, expressions: Sequence[str] = ()) -> dict[str, Any]:
    """The server's first message: what it will send, and that alpha is premultiplied.

    `expressions` are the names of those that only this avatar has; a prompt of one name plays it.
    """
    return {
        "type": "hello", "version": VERSION, "avatar": name, "width": size, "height": size, "fps": fps,
        "codec": codec.name, "codecs": [c.name for c in Codec], "alpha": "premultiplied",
        "clock": "session, microseconds", "expressions": list(expressions),
    }  # fmt: skip
