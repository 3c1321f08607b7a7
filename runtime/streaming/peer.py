"""One WebRTC connection: the camera in, the avatar out, control and frame history beside them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError

from runtime.contract.wire import WireError, parse_json
from runtime.live.camera import CameraFrame
from runtime.live.fan_out import EncodedFrame, VideoFanOut
from runtime.media.colour import camera_rgb
from runtime.streaming.offers import Offer, OfferError
from runtime.streaming.packet_track import PacketTrack
from runtime.streaming.rtc_hooks import (
    PromptJitterBuffer,
    last_sent_timestamp,
    receive_promptly,
    send_packets,
    show_at_once,
)

log = logging.getLogger(__name__)

CONNECT_LIMIT = 10.0
"""Seconds from the answer until ICE and DTLS must stand."""
SILENT_LIMIT = 12.0
"""Seconds without any packet after which a peer counts as gone; browsers report about every second."""
CLOSE_LIMIT = 5.0
"""Seconds that saying goodbye may take."""
WATCH = 2.0
"""Seconds between looks at a peer."""
RECORDS = 6
"""Frame histories sent together."""
MAX_BUFFERED = 256 * 1024
"""Bytes waiting in a data channel beyond which histories are dropped."""

Handler = Callable[[dict[str, Any]], dict[str, Any] | None]


class Peer:
    """A connection from its offer to its end, on the event loop."""

    def __init__(
        self,
        fan_out: VideoFanOut | None,
        on_camera: Callable[[CameraFrame], None] | None,
        on_message: Handler | None,
    ) -> None:
        """What it watches, who takes its camera and who its control messages; each may be None."""
        self.resources: AsyncExitStack | None = None
        """What ends together with the connection, `disconnect` first; set once the session stands."""
        self.connected = False
        self.last_heard = time.monotonic()
        self.records_dropped = 0
        self.track: PacketTrack | None = None
        self._fan_out = fan_out
        self._on_camera = on_camera
        self._on_message = on_message
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._channels: dict[str, RTCDataChannel] = {}
        self._records: list[list[Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender: Any = None
        self._buffer: PromptJitterBuffer | None = None
        self._received = -1
        self._ending = asyncio.Lock()

    async def answer(self, offer: Offer) -> str:
        """The SDP answer, with all candidates. Raises OfferError where aiortc cannot serve the offer."""
        pc = self._pc
        pc.on("track", self._on_track)
        pc.on("datachannel", self._on_channel)
        pc.on("connectionstatechange", self._on_state)
        try:
            await pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            self._prepare(pc.getTransceivers(), offer)
            await pc.setLocalDescription(await pc.createAnswer())
        except (InternalError, InvalidAccessError, InvalidStateError, OperationError, ValueError) as error:
            raise OfferError(406, f"the offer cannot be answered: {error}") from None
        self._spawn(self._watch())
        return pc.localDescription.sdp

    async def close(self) -> None:
        """Ends the session: the connection and all that belongs to it. A second call waits for the first."""
        async with self._ending:
            resources, self.resources = self.resources, None
            if resources is not None:
                await resources.aclose()

    def end(self) -> None:
        """Ends the session in the background."""
        self._spawn(self.close())

    async def disconnect(self) -> None:
        """Ends the connection alone; returns when all of it is gone."""
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        if self.track is not None:
            self.track.stop()
        async with asyncio.timeout(CLOSE_LIMIT):
            await self._pc.close()

    def send(self, message: dict[str, Any]) -> None:
        """Sends a JSON message over the control channel if it is open."""
        channel = self._channels.get("control")
        if channel is not None and channel.readyState == "open":
            channel.send(json.dumps(message, separators=(",", ":")))

    def _prepare(self, transceivers: list[RTCRtpTransceiver], offer: Offer) -> None:
        for transceiver in transceivers:
            if transceiver.kind != "video":
                transceiver.direction = "inactive"
                continue
            if self._on_camera is not None:
                self._buffer = receive_promptly(transceiver.receiver)
            if self._fan_out is None:
                transceiver.direction = "recvonly"
                continue
            codec = transceiver._codecs[0].name.upper()
            track = self.track = PacketTrack(self._fan_out, codec, self._sent)
            self._sender = transceiver.sender
            transceiver.sender.replaceTrack(track)
            send_packets(transceiver.sender, codec, track.request_keyframe, track.aim)
            show_at_once(transceiver, offer.extensions)
            transceiver.direction = "sendrecv" if self._on_camera is not None else "sendonly"

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self._on_camera is not None:
            self._spawn(self._read_camera(track, self._on_camera))

    async def _read_camera(self, track: MediaStreamTrack, on_camera: Callable[[CameraFrame], None]) -> None:
        """Takes every frame at once, because aiortc's own queue has no bound."""
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame) and self._buffer is not None and frame.pts is not None:
                    rtp, received = self._buffer.arrival(frame.pts)
                    on_camera(CameraFrame(partial(camera_rgb, frame), rtp, received))
        except MediaStreamError:
            return

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label not in ("control", "frames"):
            channel.close()
            return
        self._channels[channel.label] = channel
        if channel.label == "control":
            channel.on("message", self._on_control)

    def _on_control(self, text: str | bytes) -> None:
        if self._on_message is None:
            return
        try:
            reply = self._on_message(parse_json(text))
        except WireError as error:
            reply = {"type": "problem", "detail": str(error)}
        if reply is not None:
            self.send(reply)

    def _sent(self, frame: EncodedFrame) -> None:
        """Notes a frame's history once its last packet is out; see `history` in mien.js for the order."""
        sent, record, camera = time.monotonic(), frame.record, frame.record.camera
        stages = (record.sampled, record.rendered, frame.encoded, sent)
        origin = camera.received if camera is not None else record.sampled
        times = [round((t - origin) * 1e6) for t in ((camera.tracked if camera else record.sampled), *stages)]
        self._records.append([last_sent_timestamp(self._sender), camera.rtp if camera else None, record.source, *times])
        if len(self._records) >= RECORDS:
            self._flush()

    def _flush(self) -> None:
        records, self._records = self._records, []
        channel = self._channels.get("frames")
        if channel is None or channel.readyState != "open":
            return
        if channel.bufferedAmount > MAX_BUFFERED:
            self.records_dropped += len(records)
            return
        channel.send(json.dumps(records, separators=(",", ":")))

    def _on_state(self) -> None:
        state = self._pc.connectionState
        self.connected = state == "connected"
        if state in ("failed", "closed"):
            self.end()

    async def _watch(self) -> None:
        """Closes a peer that never connects or falls silent."""
        begun = self.last_heard = time.monotonic()
        while True:
            await asyncio.sleep(WATCH)
            now = time.monotonic()
            received = await self._packets_received()
            if received != self._received:
                self._received, self.last_heard = received, now
            late = not self.connected and now - begun > CONNECT_LIMIT
            if late or now - self.last_heard > SILENT_LIMIT:
                log.info("dropping a peer that %s", "never connected" if late else "fell silent")
                self.end()
                return

    async def _packets_received(self) -> int:
        receivers = self._pc.getReceivers()
        report = await receivers[0].getStats() if receivers else {}
        return sum(stats.packetsReceived for stats in report.values() if stats.type == "transport")

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
