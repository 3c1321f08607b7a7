"""A viewer's WebRTC track of packets that are encoded already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from runtime.live.fan_out import EncodedFrame, VideoFanOut
from runtime.media.encode import Packet

QUEUE = 8
"""Packets that wait for one viewer at most; a viewer that falls further behind waits for the next keyframe."""


class PacketTrack(MediaStreamTrack):
    """A viewer's end of a `VideoFanOut`: hands encoded packets to aiortc. Lives on the event loop.

    It subscribes when the first packet is asked for, that is once the connection stands, so nothing piles up before.
    """

    kind = "video"

    def __init__(self, fan_out: VideoFanOut, codec: str, on_sent: Callable[[EncodedFrame], None]) -> None:
        super().__init__()
        self.codec = codec
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

    def offer(self, frame: EncodedFrame) -> bool:
        """Takes one frame from the fan-out; False where it is dropped, as it could not be decoded or nobody fetches."""
        if self._needs_keyframe and not frame.packet.is_keyframe:
            self.request_keyframe()
            return False
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            self._needs_keyframe = True
            return False
        self._needs_keyframe = False
        return True

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
