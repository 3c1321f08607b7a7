"""From rendered frames to the packets of WebRTC tracks: one encode per codec, however many viewers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from runtime.history import FrameRecord
from runtime.session import Frame, Session
from runtime.streaming.colour import Backdrop
from runtime.streaming.encode import Packet, VideoEncoder

QUEUE = 8
"""Packets that wait for one viewer at most; a viewer that falls further behind waits for the next keyframe."""


@dataclass(frozen=True)
class EncodedFrame:
    """One encoded frame with its history."""

    packet: Packet
    record: FrameRecord
    encoded: float
    """Seconds of `time.monotonic`."""


class PacketTrack(MediaStreamTrack):
    """A viewer's end of a `VideoFanOut`: hands encoded packets to aiortc. Lives on the event loop.

    It subscribes when the first packet is asked for, that is once the connection stands, so nothing piles up before.
    """

    kind = "video"

    def __init__(self, fan_out: VideoFanOut, codec: str, on_sent: Callable[[EncodedFrame], None]) -> None:
        super().__init__()
        self.codec = codec
        self.dropped = 0
        self._fan_out = fan_out
        self._on_sent = on_sent
        self._queue: asyncio.Queue[EncodedFrame | None] = asyncio.Queue(QUEUE)
        self._subscribed = False
        self._needs_keyframe = True
        self._last: EncodedFrame | None = None

    def request_keyframe(self) -> None:
        """Asks the shared encoder for a keyframe."""
        self._fan_out.request_keyframe(self.codec)

    def aim(self, bitrate: int) -> None:
        """Passes this viewer's bandwidth estimate (bits a second) to the shared encoder."""
        self._fan_out.aim(self, bitrate)

    def offer(self, frame: EncodedFrame) -> None:
        """Takes one frame from the fan-out; drops it where it could not be decoded or nobody fetches."""
        if self._needs_keyframe and not frame.packet.is_keyframe:
            self.dropped += 1
            self.request_keyframe()
            return
        try:
            self._queue.put_nowait(frame)
            self._needs_keyframe = False
        except asyncio.QueueFull:
            self.dropped += 1
            self._needs_keyframe = True

    async def recv(self) -> Packet:
        """The next packet; called by aiortc once the one before has been sent."""
        if self.readyState != "live":
            raise MediaStreamError
        if self._last is not None:
            self._on_sent(self._last)
            self._last = None
        if not self._subscribed:
            self._subscribed = True
            self._fan_out.subscribe(self)
        frame = await self._queue.get()
        if frame is None:
            self.stop()
            raise MediaStreamError
        self._last = frame
        return frame.packet

    def stop(self) -> None:
        """Ends the track and its subscription."""
        if self.readyState == "live":
            self._fan_out.unsubscribe(self)
        super().stop()


class VideoFanOut:
    """A session's sink that encodes each frame once per codec in use and passes it to every track that shows it."""

    def __init__(self, session: Session, backdrop: Backdrop, bitrate: int, loop: asyncio.AbstractEventLoop) -> None:
        self._session = session
        self._backdrop = backdrop
        self._bitrate = bitrate
        self._loop = loop
        self._tracks: tuple[PacketTrack, ...] = ()
        self._encoders: dict[str, VideoEncoder] = {}
        self._estimates: dict[PacketTrack, int] = {}

    def subscribe(self, track: PacketTrack) -> None:
        """Sends frames to `track` from the next keyframe on. On the event loop."""
        if not self._tracks:
            self._session.add(self)
        self._tracks = (*self._tracks, track)
        self.request_keyframe(track.codec)

    def unsubscribe(self, track: PacketTrack) -> None:
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

    def aim(self, track: PacketTrack, bitrate: int) -> None:
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
