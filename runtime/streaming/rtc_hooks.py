"""What Mien changes inside aiortc, all in one place.

aiortc 1.16 hands encoded packets through, but then ignores keyframe requests and bitrate estimates; and its receiver
gives a frame to the decoder only when the next one begins, a frame's time late. Both are mended from outside, by name,
on one connection's objects; `tests/streaming/test_rtc_hooks.py` fails where another release of aiortc has other names.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from aiortc import RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
ONE_BYTE = 0xBEDE
"""Profile of one-byte header extensions."""
REMEMBERED = 64
"""Arrival times kept, in frames."""


def _replace(owner: object, name: str, value: object) -> None:
    """Sets an attribute that must already be there."""
    if not hasattr(owner, name):
        raise AttributeError(f"aiortc's {type(owner).__name__} has no '{name}': this release needs other hooks")
    setattr(owner, name, value)


class _Packer:
    """Packs Mien's packets into RTP payloads and reports what the receiver asks for."""

    on_estimate: Callable[[int], None]

    @property
    def target_bitrate(self) -> int:
        """Written by aiortc when a receiver sends its estimate (REMB)."""
        return 0

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self.on_estimate(bitrate)


class _Vp8Packer(_Packer, Vp8Encoder):
    pass


class _H264Packer(_Packer, H264Encoder):
    pass


def send_packets(
    sender: RTCRtpSender, codec: str, on_keyframe: Callable[[], None], on_estimate: Callable[[int], None]
) -> None:
    """Makes `sender` report keyframe requests (PLI, FIR) and bitrate estimates (REMB, bits a second).

    For a track that returns packets of `codec` ("VP8" or "H264"). Call before the connection is made.
    """
    packer: Any = (_Vp8Packer if codec == "VP8" else _H264Packer)()
    packer.on_estimate = on_estimate
    _replace(sender, "_RTCRtpSender__encoder", packer)
    _replace(sender, "_send_keyframe", on_keyframe)


def last_sent_timestamp(sender: RTCRtpSender) -> int:
    """RTP timestamp of the packet that `sender` sent last."""
    timestamp: int = getattr(sender, "_RTCRtpSender__rtp_timestamp")  # noqa: B009 - a private name, on purpose
    return timestamp


class _UndelayedExtensions(HeaderExtensionsMap):
    """Adds "show at once" (playout delay 0 to 0) to the header extensions of each packet."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._element = bytes([number << 4 | 2, 0, 0, 0])

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """One-byte header extensions (RFC 8285), with the playout delay behind aiortc's own."""
        _, elements = super().set(values)
        return ONE_BYTE, elements + self._element


def show_at_once(transceiver: RTCRtpTransceiver, offered: Iterable[RTCRtpHeaderExtensionParameters]) -> None:
    """Tells the receiver to show frames as they come, where the offer knows the playout-delay extension.

    Chromium otherwise smooths what it shows by up to two frames. Call between offer and answer.
    """
    for extension in offered:
        if extension.uri == PLAYOUT_DELAY and 0 < extension.id < 15:
            transceiver._headerExtensions.append(extension)
            name = "_RTCRtpSender__rtp_header_extensions_map"
            _replace(transceiver.sender, name, _UndelayedExtensions(extension.id))


class PromptJitterBuffer(JitterBuffer):
    """Gives a frame out as soon as its last packet (RTP marker) is in, and remembers when that was."""

    def __init__(self) -> None:
        super().__init__(capacity=512, is_video=True)
        self._first: int | None = None
        self._arrivals: OrderedDict[int, float] = OrderedDict()

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """As in aiortc: whether to ask for a keyframe, and a complete frame if there is one."""
        lost, frame = super().add(packet)
        if frame is None:
            frame = self._marked_frame()
        if frame is not None:
            if self._first is None:
                self._first = frame.timestamp
            self._arrivals[frame.timestamp] = time.monotonic()
            if len(self._arrivals) > REMEMBERED:
                self._arrivals.popitem(last=False)
        return lost, frame

    def arrival(self, pts: int) -> tuple[int, float]:
        """RTP timestamp and arrival (seconds of `time.monotonic`) of a decoded frame from aiortc's `pts`."""
        rtp = (pts + (self._first or 0)) & 0xFFFFFFFF
        return rtp, self._arrivals.get(rtp, time.monotonic())

    def _marked_frame(self) -> JitterFrame | None:
        if self._origin is None:
            return None
        packets: list[Any] = []
        for count in range(self.capacity):
            packet = self._packets[(self._origin + count) % self.capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(p._data for p in packets), packet.timestamp)
        return None


def receive_promptly(receiver: RTCRtpReceiver) -> PromptJitterBuffer:
    """Gives `receiver` a prompt jitter buffer. Call before the connection is made."""
    buffer = PromptJitterBuffer()
    _replace(receiver, "_RTCRtpReceiver__jitter_buffer", buffer)
    return buffer
