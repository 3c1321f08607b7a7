"""What Mien changes inside aiortc, all in one place.

aiortc 1.16 hands encoded packets through, but then ignores keyframe requests and bitrate estimates; its receiver gives
a frame to the decoder only when the next one begins, a frame's time late; and it speaks DTLS only to peers with
certificates on the common elliptic curves. All are mended from outside, by name, on one connection's objects;
`tests/streaming/test_rtc_hooks.py` fails where another release of aiortc has other names.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from aiortc import RTCDtlsTransport, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket
from OpenSSL import SSL

from runtime.streaming.gnutls import GnutlsConnection, library

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
ONE_BYTE = 0xBEDE
"""Profile of one-byte header extensions."""
REMEMBERED = 64
"""Arrival times kept, in frames."""
LONGEST_WAIT = 0.3
"""Seconds that an encoded camera frame may wait for the decoder."""
MOST_WAITING = 30
"""Frames that may wait for it, however quickly they come."""
ASK_AGAIN = 1.0
"""Seconds between requests for a keyframe that does not come."""
H264_KEYFRAME = re.compile(rb"\x00\x00\x01[\x05\x25\x45\x65\x07\x27\x47\x67]")

Task: TypeAlias = "tuple[RTCRtpCodecParameters, JitterFrame] | None"
"""What aiortc hands to its decoder's thread."""

CIPHERS = b":".join(
    b"ECDHE-%s-%s" % (certificate, cipher)
    for cipher in (b"AES128-GCM-SHA256", b"CHACHA20-POLY1305", b"AES128-SHA", b"AES256-SHA")
    for certificate in (b"ECDSA", b"RSA")
)
"""aiortc's DTLS ciphers, for peers with RSA certificates as well."""


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

    def arrival(self, pts: int) -> tuple[int, float | None]:
        """RTP timestamp and arrival (seconds of `time.monotonic`) of a decoded frame from aiortc's `pts`.

        The arrival is None where it is not known (any more).
        """
        rtp = (pts + (self._first or 0)) & 0xFFFFFFFF
        return rtp, self._arrivals.get(rtp)

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


class DecoderQueue:
    """What waits for aiortc's decoder, which has a thread of its own: little, and the newest.

    When decoding falls behind, all that waits is given up. What follows cannot be decoded without it, so the sender is
    asked for a keyframe and nothing is taken before that. Each keyframe makes what waits before it needless.
    """

    def __init__(
        self,
        ask_for_keyframe: Callable[[], None],
        on_dropped: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_dropped` hears in the thread of `put` how many frames were given up."""
        self._ask = ask_for_keyframe
        self._on_dropped = on_dropped
        self._clock = clock
        self._ready = threading.Condition()
        self._waiting: deque[tuple[Task, float]] = deque()
        self._skipping = False
        self._asked = 0.0

    def put(self, task: Task) -> None:
        """A codec and an encoded frame, or None for the end, which waits for nothing but the frame in hand."""
        with self._ready:
            now, before = self._clock(), len(self._waiting)
            if task is None or is_keyframe(task[0].name, task[1].data):
                self._waiting.clear()
                self._skipping = False
            elif before and (before >= MOST_WAITING or now - self._waiting[0][1] > LONGEST_WAIT):
                self._waiting.clear()
                self._skipping, self._asked = True, -math.inf
            if not self._skipping:
                self._waiting.append((task, now))
                self._ready.notify()
            elif now - self._asked > ASK_AGAIN:
                self._asked = now
                self._ask()
            dropped = before + 1 - len(self._waiting)
        if dropped and task is not None:
            self._on_dropped(dropped)

    def get(self) -> Task:
        """The next one in order; waits for it."""
        with self._ready:
            self._ready.wait_for(lambda: self._waiting)
            return self._waiting.popleft()[0]


def is_keyframe(codec: str, data: bytes) -> bool:
    """Whether an encoded frame can be decoded by itself: VP8's frame tag (RFC 6386, 9.1), or an H.264 NAL unit of an
    IDR slice or a sequence parameter set (ITU-T H.264, table 7-1)."""
    return bool(data) and (not data[0] & 1 if codec == "VP8" else H264_KEYFRAME.search(data) is not None)


def receive_promptly(receiver: RTCRtpReceiver, on_dropped: Callable[[int], None]) -> PromptJitterBuffer:
    """Gives `receiver` a prompt jitter buffer and a bounded queue before its decoder. Call before the connection is
    made; `on_dropped` hears on the event loop how many frames were not decoded."""
    buffer = PromptJitterBuffer()
    _replace(receiver, "_RTCRtpReceiver__jitter_buffer", buffer)
    # aiortc asks for a keyframe at the next packet after the decoder has told of an error.
    ask: threading.Event = getattr(receiver, "_RTCRtpReceiver__decoder_error")  # noqa: B009 - a private name
    _replace(receiver, "_RTCRtpReceiver__decoder_queue", DecoderQueue(ask.set, on_dropped))
    return buffer


def take_certificates(transport: RTCDtlsTransport, by_gnutls: bool) -> None:
    """Lets the peer of `transport` have an RSA certificate or, shaking hands `by_gnutls`, one on any curve.

    Call between offer and answer. Raises Unavailable where GnuTLS is missing.
    """
    certificate = getattr(transport, "_RTCDtlsTransport__local_certificate")  # noqa: B009 - a private name, on purpose
    if not by_gnutls:
        new_context = certificate._create_ssl_context

        def context(srtp_profiles: Any) -> SSL.Context:
            made: SSL.Context = new_context(srtp_profiles)
            made.set_cipher_list(CIPHERS)
            return made

        _replace(certificate, "_create_ssl_context", context)
        return
    library()
    shake_hands = transport._do_handshake

    async def handshake() -> None:
        connection: Any = GnutlsConnection(transport._role == "server", certificate._cert, certificate._key)
        _replace(transport, "_ssl", connection)
        await shake_hands()

    _replace(transport, "_do_handshake", handshake)


def decodes(receiver: RTCRtpReceiver) -> bool:
    """Whether aiortc's decoder, where it has begun, is still there: an error that it does not know ends its thread."""
    thread: threading.Thread | None = getattr(receiver, "_RTCRtpReceiver__decoder_thread")  # noqa: B009 - as above
    return thread is None or thread.is_alive()
