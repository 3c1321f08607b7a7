"""From rendered frames to encoded ones: one encode per codec, however many viewers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from runtime.live.history import FrameRecord
from runtime.live.session import Frame, Session
from runtime.media.colour import Backdrop
from runtime.media.encode import Packet, VideoEncoder


@dataclass(frozen=True)
class EncodedFrame:
    """One encoded frame with its history."""

    packet: Packet
    record: FrameRecord
    encoded: float
    """Seconds of `time.monotonic`."""


class Viewer(Protocol):
    """Takes encoded frames on the event loop; never waits."""

    codec: str

    def offer(self, frame: EncodedFrame) -> None: ...


class VideoFanOut:
    """A session's sink that encodes each frame once per codec in use and passes it to every track that shows it."""

    def __init__(self, session: Session, backdrop: Backdrop, bitrate: int, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._backdrop = backdrop
        self._bitrate = bitrate
        self._loop = loop
        self._tracks: tuple[Viewer, ...] = ()
        self._encoders: dict[str, VideoEncoder] = {}
        self._estimates: dict[Viewer, int] = {}

    def subscribe(self, track: Viewer) -> None:
        """Sends frames to `track` from the next keyframe on. On the event loop."""
        if not self._tracks:
            self._session.add(self)
        self._tracks = (*self._tracks, track)
        self.request_keyframe(track.codec)

    def unsubscribe(self, track: Viewer) -> None:
        """Sends `track` nothing more. On the event loop."""
        self._tracks = tuple(t for t in self._tracks if t is not track)
        self._estimates.pop(track, None)
        if not self._tracks:
            self._session.remove(self)

    def request_keyframe(self, codec: str) -> None:
        """Makes the next frame of `codec` a keyframe."""
        encoder = self._encoders.get(codec)
        if encoder is not None:
            encoder.request_keyframe()

    def aim(self, track: Viewer, bitrate: int) -> None:
        """Follows the slowest of a codec's viewers."""
        self._estimates[track] = bitrate
        encoder = self._encoders.get(track.codec)
        if encoder is not None:
            encoder.aim(min(b for t, b in self._estimates.items() if t.codec == track.codec))

    @property
    def keyframes(self) -> int:
        """Keyframes made so far."""
        return sum(e.keyframes for e in list(self._encoders.values()))

    def consume(self, frame: Frame) -> None:
        """Encodes one frame, in the session's thread."""
        begun = time.monotonic()
        i420 = self._backdrop.i420(frame.rgba)
        converted = time.monotonic()
        self._session.times.add("colour", converted - begun)
        for codec in {track.codec for track in self._tracks}:
            packet = self._encoder(codec, frame).encode(i420, frame.record.pts)
            encoded = time.monotonic()
            self._session.times.add("encode", encoded - converted)
            if packet is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._deliver, codec, EncodedFrame(packet, frame.record, encoded))
            converted = encoded

    def _encoder(self, codec: str, frame: Frame) -> VideoEncoder:
        encoder = self._encoders.get(codec)
        if encoder is None:
            height, width = frame.rgba.shape[:2]
            fps = 1.0 / self._session.clock.period
            encoder = self._encoders[codec] = VideoEncoder(codec, width, height, fps, self._bitrate)
        return encoder

    def _deliver(self, codec: str, frame: EncodedFrame) -> None:
        for track in self._tracks:
            if track.codec == codec:
                track.offer(frame)
