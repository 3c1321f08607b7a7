"""The changes to aiortc hold for the release that is installed."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpCodecParameters
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from runtime.media.encode import VideoEncoder
from runtime.streaming.rtc_hooks import (
    LONGEST_WAIT,
    MOST_WAITING,
    DecoderQueue,
    PromptJitterBuffer,
    is_keyframe,
    last_sent_timestamp,
    receive_promptly,
    send_packets,
    take_certificates,
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
        for by_gnutls in (False, True):
            take_certificates(transceiver.receiver.transport, by_gnutls)
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


class Waiting:
    """A queue before a decoder with a clock of the test's own, and what was asked and dropped."""

    def __init__(self, codec: str = "VP8") -> None:
        self.now = 0.0
        self.asked = self.dropped = 0
        self.codec = RTCRtpCodecParameters(f"video/{codec}", 90_000)
        self.queue = DecoderQueue(self._ask, self._drop, lambda: self.now)

    def put(self, data: bytes, wait: float = 1 / 30) -> None:
        self.queue.put((self.codec, JitterFrame(data, 0)))
        self.now += wait

    def get(self) -> bytes:
        task = self.queue.get()
        assert task is not None
        return task[1].data

    def _ask(self) -> None:
        self.asked += 1

    def _drop(self, frames: int) -> None:
        self.dropped += frames


KEY, DELTA = b"\x10key", b"\x11delta"


def test_a_decoder_that_keeps_up_gets_every_frame() -> None:
    waiting = Waiting()
    frames = [KEY] + [DELTA] * 200
    for frame in frames:
        waiting.put(frame)
        assert waiting.get() == frame
    assert (waiting.dropped, waiting.asked) == (0, 0)


def test_what_waits_too_long_for_the_decoder_is_dropped_and_a_keyframe_asked_for() -> None:
    waiting = Waiting()
    waiting.put(KEY)
    for _ in range(29):
        waiting.put(DELTA)
    assert waiting.dropped == 30 and len(waiting.queue._waiting) == 0 and waiting.asked == 1
    for _ in range(30):
        waiting.put(DELTA)
    assert waiting.dropped == 60 and waiting.asked == 2, "asked again, but not with every frame"
    waiting.put(KEY)
    waiting.put(DELTA)
    assert (waiting.get(), waiting.get()) == (KEY, DELTA)
    assert waiting.dropped == 60


def test_a_burst_waits_but_not_without_bound() -> None:
    waiting = Waiting()
    for _ in range(MOST_WAITING):
        waiting.put(DELTA, 0.0)
    assert waiting.dropped == 0
    waiting.put(DELTA, 0.0)
    assert waiting.dropped == MOST_WAITING + 1


def test_a_keyframe_and_the_end_overtake_what_waits() -> None:
    waiting = Waiting()
    waiting.put(DELTA, LONGEST_WAIT)
    waiting.put(KEY)
    assert waiting.dropped == 1 and waiting.get() == KEY
    waiting.put(DELTA)
    waiting.queue.put(None)
    assert waiting.queue.get() is None and waiting.dropped == 1


@pytest.mark.parametrize(
    ("codec", "data", "key"),
    [
        ("VP8", KEY, True),
        ("VP8", DELTA, False),
        ("VP8", b"", False),
        ("H264", b"\x00\x00\x00\x01\x67sps\x00\x00\x00\x01\x68pps\x00\x00\x01\x65idr", True),
        ("H264", b"\x00\x00\x00\x01\x09\x10\x00\x00\x01\x25idr", True),
        ("H264", b"\x00\x00\x00\x01\x41slice", False),
        ("H264", b"\x00\x00\x00\x01\x06sei\x00\x00\x01\x01slice", False),
    ],
)
def test_keyframes_are_known(codec: str, data: bytes, key: bool) -> None:
    assert is_keyframe(codec, data) is key


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_keyframes_of_real_encoders_are_known(codec: str) -> None:
    encoder = VideoEncoder(codec, 64, 64, 30.0, 300_000)
    packets = [encoder.encode(np.full((96, 64), 20 * i, np.uint8), 3000 * i) for i in range(4)]
    assert [is_keyframe(codec, bytes(p)) for p in packets if p is not None] == [True, False, False, False]
