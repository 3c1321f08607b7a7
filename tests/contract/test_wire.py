"""The wire messages, byte by byte."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from runtime.contract.drive import INDEX
from runtime.contract.wire import HEADER, Codec, Flag, Header, WireError, drive_state, hello, parse_json, unpack

HEADER_FIELDS = Header(Codec.JPEG, Flag.KEYFRAME | Flag.ALPHA, 7, 512, 640, 1_000_001, 3, 5)
GOLDEN = bytes.fromhex("4d49454e 01 00 03 03 07000000 0002 8002 41420f0000000000 03000000 05000000")


def test_a_header_is_these_32_bytes() -> None:
    assert HEADER_FIELDS.pack() == GOLDEN
    assert HEADER.size == len(GOLDEN) == 32


def test_what_is_packed_comes_back() -> None:
    header, payload = unpack(GOLDEN + b"hello")
    assert header == HEADER_FIELDS
    assert bytes(payload) == b"hello"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (GOLDEN[:31], "32 bytes of header"),
        (b"JBIN" + GOLDEN[4:] + b"hello", "starts with"),
        (GOLDEN[:4] + b"\x02" + GOLDEN[5:] + b"hello", "version 2"),
        (GOLDEN[:6] + b"\x09" + GOLDEN[7:] + b"hello", "unknown codec 9"),
        (GOLDEN + b"hell", "promises 5 bytes"),
    ],
)
def test_a_foreign_header_is_refused(message: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        unpack(message)


def test_coefficients_become_a_drive_state() -> None:
    message = {"values": {"jawOpen": 0.5, "mouthSmileLeft": 3}, "rotation": [0, 0, 0, 2], "translation": [0, 0.1, 0]}
    state = drive_state(message, 12.5)
    assert state.expression[INDEX["jawOpen"]] == 0.5
    assert state.expression[INDEX["mouthSmileLeft"]] == 1.0
    np.testing.assert_allclose(state.rotation, [0, 0, 0, 1])
    assert state.timestamp == 12.5


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({}, "'values' must be an object"),
        ({"values": {"jawOpne": 1}}, "unknown coefficient 'jawOpne'"),
        ({"values": {"jawOpen": "wide"}}, "'jawOpen' must be a number"),
        ({"values": {"jawOpen": True}}, "'jawOpen' must be a number"),
        ({"values": {"jawOpen": math.nan}}, "not finite"),
        ({"values": {"jawOpen": 10**400}}, "too large"),
        ({"values": {}, "rotation": [0, 0, 0, 0]}, "zero quaternion"),
        ({"values": {}, "rotation": [0, 0, 1]}, "'rotation' must be a list of 4 numbers"),
        ({"values": {}, "translation": [math.inf, 0, 0]}, "not finite"),
        ({"values": {}, "translation": [99, 0, 0]}, "more than 10 dm"),
        ({"values": {}, "detail": ["x"] * 8}, "'detail' must be a list of 8 numbers"),
    ],
)
def test_coefficients_that_cannot_be_are_named(message: dict[str, object], says: str) -> None:
    with pytest.raises(WireError, match=says):
        drive_state(message, 0.0)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"type": 3}', "nul", "[" * 30000, '"' + "x" * 70000 + '"'])
def test_text_that_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        parse_json(text)


def test_hello_is_json() -> None:
    said = json.loads(json.dumps(hello("anna", 512, 30.0, Codec.RGBA8, ["tongue out"])))
    assert said["codec"] == "RGBA8" and said["expressions"] == ["tongue out"]
