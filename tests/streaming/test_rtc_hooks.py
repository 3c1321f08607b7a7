"""The changes to aiortc hold for the release that is installed."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket

from runtime.streaming.rtc_hooks import (
    PromptJitterBuffer,
    last_sent_timestamp,
    receive_promptly,
    send_packets,
)


def packet(sequence: int, timestamp: int, data: bytes, marker: int = 0) -> RtpPacket:
    made = RtpPacket(payload_type=97, sequence_number=sequence, timestamp=timestamp, marker=marker)
    made._data = data  # type: ignore[attr-defined]
    return made


def test_the_names_are_still_there() -> None:
    async def scene() -> None:
        connection = RTCPeerConnection()
        transceiver = connection.addTransceiver("video")
        asked: list[object] = []
        send_packets(transceiver.sender, "VP8", lambda: asked.append("key"), asked.append)
        transceiver.sender._send_keyframe()
        encoder = transceiver.sender._RTCRtpSender__encoder  # type: ignore[attr-defined]
        encoder.target_bitrate = 400_000
        assert asked == ["key", 400_000]
        assert last_sent_timestamp(transceiver.sender) == 0
        receive_promptly(transceiver.receiver, asked.append)
        await connection.close()

    asyncio.run(scene())


def test_another_release_is_noticed() -> None:
    with pytest.raises(AttributeError, match="needs other hooks"):
        receive_promptly(object(), print)  # type: ignore[arg-type]


def test_a_frame_comes_with_its_last_packet() -> None:
    buffer = PromptJitterBuffer()
    assert buffer.add(packet(10, 900, b"a")) == (False, None)
    _, frame = buffer.add(packet(11, 900, b"b", marker=1))
    assert frame is not None and frame.data == b"ab" and frame.timestamp == 900


def test_packets_out_of_order_are_put_in_order() -> None:
    buffer = PromptJitterBuffer()
    buffer.add(packet(9, 600, b"z", marker=1))
    assert buffer.add(packet(10, 900, b"a"))[1] is None
    assert buffer.add(packet(12, 900, b"c", marker=1))[1] is None
    _, frame = buffer.add(packet(11, 900, b"b"))
    assert frame is not None and frame.data == b"abc"


def test_a_gap_holds_what_follows_until_it_is_filled() -> None:
    buffer = PromptJitterBuffer()
    buffer.add(packet(1, 300, b"a", marker=1))
    assert buffer.add(packet(3, 900, b"c", marker=1))[1] is None
    _, frame = buffer.add(packet(2, 600, b"b", marker=1))
    assert frame is not None and frame.data == b"b"


def test_arrivals_are_known_by_timestamp() -> None:
    buffer = PromptJitterBuffer()
    buffer.add(packet(1, 2**32 - 3000, b"a", marker=1))
    buffer.add(packet(2, 0, b"b", marker=1))
    rtp, first = buffer.arrival(0)
    assert rtp == 2**32 - 3000
    rtp, second = buffer.arrival(3000)
    assert rtp == 0 and first is not None and second is not None and second >= first
    assert buffer.arrival(6000) == (3000, None), "not known, which is not now"
