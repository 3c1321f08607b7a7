"""From rendered frames to encoded ones: one encode per codec, however many viewers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import av

from runtime.live.history import FrameRecord
from runtime.live.session import Frame, Session
from runtime.media.colour import Backdrop
from runtime.media.encode import Packet, VideoEncoder

log = logging.getLogger(__name__)


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

    def offer(self, frame: EncodedFrame) -> bool:
        """Whether it could take the frame."""

    def stop(self) -> None:
        """Nothing more will come."""


class VideoFanOut:
    """A session's sink that encodes each frame once per codec in use and passes it to every track that shows it."""

    def __init__(self, session: Session, backdrop: Backdrop, bitrate: int, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._backdrop = backdrop
        self._bitrate = bitrate
        self._loop = loop
        self.keyframes = 0
        self.dropped = 0
        """Frames that a viewer was too slow for, or could not begin with."""
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

    def consume(self, frame: Frame) -> None:
        """Encodes one frame, in the session's thread."""
        begun = time.monotonic()
        i420 = self._backdrop.i420(frame.rgba)
        converted = time.monotonic()
        self._session.times.add("colour", converted - begun)
        for codec in {track.codec for track in self._tracks}:
            try:
                packet = self._encoder(codec, frame).encode(i420, frame.record.pts)
            except av.FFmpegError as error:
                log.error("encoding %s failed, its viewers are let go", codec, exc_info=error)
                self._encoders.pop(codec, None)  # the next viewer begins with a new one
                self._on_loop(self._give_up, codec)
                continue
            encoded = time.monotonic()
            self._session.times.add("encode", encoded - converted)
            if packet is not None:
                self.keyframes += packet.is_keyframe
                self._on_loop(self._deliver, codec, EncodedFrame(packet, frame.record, encoded))
            converted = encoded

    def _on_loop(self, callback: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _encoder(self, codec: str, frame: Frame) -> VideoEncoder:
        encoder = self._encoders.get(codec)
        if encoder is None:
            height, width = frame.rgba.shape[:2]
            fps = 1.0 / self._session.clock.period
            encoder = self._encoders[codec] = VideoEncoder(codec, width, height, fps, self._bitrate)
        return encoder

    def _deliver(self, codec: str, frame: EncodedFrame) -> None:
        for track in self._tracks:
            if track.codec == codec and not track.offer(frame):
                self.dropped += 1

    def _give_up(self, codec: str) -> None:
        """Lets the viewers of a codec go that could not be encoded."""
        for track in self._tracks:
            if track.codec == codec:
                track.stop()
