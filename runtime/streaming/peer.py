"""One WebRTC connection: the camera in, the avatar out, control and frame history beside them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
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
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError

from runtime.contract.wire import WireError, parse_json
from runtime.errors import Unavailable
from runtime.live.camera import CameraFrame
from runtime.live.control import problem
from runtime.live.fan_out import EncodedFrame
from runtime.live.show import Live
from runtime.media.colour import camera_rgb
from runtime.streaming.offers import Offer, OfferError
from runtime.streaming.packet_track import PacketTrack
from runtime.streaming.rtc_hooks import (
    PromptJitterBuffer,
    decodes,
    last_sent_timestamp,
    receive_promptly,
    send_packets,
    show_at_once,
    take_certificates,
)

log = logging.getLogger(__name__)

CONNECT_LIMIT = 10.0
"""Seconds from the answer until ICE and DTLS must stand."""
SILENT_LIMIT = 12.0
"""Seconds without any packet after which a peer counts as gone; browsers report about every second."""
FAREWELL = 0.25
"""Seconds between the last message and the end of a connection that failed, in which it may be sent again."""
CLOSE_LIMIT = 5.0
"""Seconds that saying goodbye may take."""
WATCH = 2.0
"""Seconds between looks at a peer."""
RECORDS = 6
"""Frame histories sent together."""
MAX_WAITING = 32
"""Control messages that wait for the one before, which may be a long script; further ones are refused."""
BUSY = f"{MAX_WAITING} messages wait already; send fewer, or wait for the answers"
MAX_BUFFERED = 256 * 1024
"""Bytes waiting in a data channel beyond which histories, and answers that nobody fetches, are dropped."""
SENDING_FAILED = "the avatar's pictures could not be sent any more; connect again, and see the server's log"
DECODING_FAILED = "the camera could not be decoded any more; connect again, and see the server's log"
CONNECTION_FAILED = "the connection failed in the server; connect again, and see the server's log"


class Peer:
    """A connection from its offer to its end, on the event loop."""

    def __init__(self, live: Live, watches: bool, drives: bool) -> None:
        """Whether it `watches` the performance, and whether its camera and its messages drive it."""
        self.connected = False
        self.last_heard = time.monotonic()
        self.track: PacketTrack | None = None
        self._live = live
        self._watches = watches
        self._drives = drives
        if drives:
            live.tell_driver = self.send
        self._unwatch = live.on_failure(self.fail)
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._channels: dict[str, RTCDataChannel] = {}
        self._records: list[list[Any]] = []
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender: Any = None
        self._receiver: RTCRtpReceiver | None = None
        self._buffer: PromptJitterBuffer | None = None
        self._received = -1
        self._resources: AsyncExitStack | None = None
        self._ending = asyncio.Lock()
        self._leaving = False

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
        except Unavailable as error:
            raise OfferError(406, str(error)) from None
        except (InternalError, InvalidAccessError, InvalidStateError, OperationError, ValueError) as error:
            raise OfferError(406, f"the offer cannot be answered: {error}") from None
        self._spawn(self._watch())
        self._spawn(self._answer_messages())
        return pc.localDescription.sdp

    def stands(self, resources: AsyncExitStack) -> None:
        """What ends together with the connection, `disconnect` first; at once, where it has failed meanwhile."""
        self._resources = resources
        if self._leaving:
            self.end()

    async def close(self) -> None:
        """Ends the session: the connection and all that belongs to it. A second call waits for the first."""
        self._leaving = True
        async with self._ending:
            resources, self._resources = self._resources, None
            if resources is not None:
                await resources.aclose()

    def end(self) -> None:
        """Ends the session in the background."""
        self._spawn(self.close())

    def fail(self, detail: str) -> None:
        """Says in one sentence what failed, then ends the session in the background."""
        if not self._leaving:
            self._leaving = True
            self._spawn(self._say_and_close(detail))

    async def _say_and_close(self, detail: str) -> None:
        self.send(problem("session", detail))
        await asyncio.sleep(FAREWELL)
        await self.close()

    async def disconnect(self) -> None:
        """Ends the connection alone; returns when all of it is gone."""
        self._leaving = True
        self._unwatch()
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        if self.track is not None:
            self.track.stop()
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._pc.close()
        except TimeoutError:
            log.warning("a peer's connection did not close within %g s and is left behind", CLOSE_LIMIT)

    def send(self, message: dict[str, Any]) -> None:
        """Sends a JSON message over the control channel, if it is open and what was sent before is fetched."""
        channel = self._channels.get("control")
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount <= MAX_BUFFERED:
            channel.send(json.dumps(message, separators=(",", ":")))

    def _prepare(self, transceivers: list[RTCRtpTransceiver], offer: Offer) -> None:
        for transport in {transceiver.receiver.transport for transceiver in transceivers}:
            take_certificates(transport, offer.by_ffmpeg)
        for transceiver in transceivers:
            if transceiver.kind != "video":
                transceiver.direction = "inactive"
                continue
            if self._drives:
                self._receiver = transceiver.receiver
                self._buffer = receive_promptly(self._receiver, self._camera_dropped)
            if not self._watches:
                transceiver.direction = "recvonly"
                continue
            codec = transceiver._codecs[0].name.upper()
            track = self.track = PacketTrack(self._live.fan_out, codec, self._sent)
            track.on("ended", lambda: self.fail(SENDING_FAILED))
            self._sender = transceiver.sender
            transceiver.sender.replaceTrack(track)
            send_packets(transceiver.sender, codec, track.request_keyframe, track.aim)
            show_at_once(transceiver, offer.extensions)
            transceiver.direction = "sendrecv" if self._drives else "sendonly"

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self._drives:
            self._spawn(self._read_camera(track))

    def _camera_dropped(self, frames: int) -> None:
        self._live.dropped["camera"] += frames

    async def _read_camera(self, track: MediaStreamTrack) -> None:
        """Takes every frame at once, because aiortc's own queue has no bound."""
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame) and self._buffer is not None and frame.pts is not None:
                    rtp, received = self._buffer.arrival(frame.pts)
                    self._live.camera(CameraFrame(partial(camera_rgb, frame), rtp, received))
        except MediaStreamError:
            return

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label not in ("control", "frames"):
            channel.close()
            return
        self._channels[channel.label] = channel
        channel.on("error", self._broken)
        if channel.label == "control":
            channel.on("message", self._on_control)

    def _on_control(self, text: str | bytes) -> None:
        if not self._drives:
            return
        reply = None
        try:
            message = parse_json(text)
            if self._waiting.full():
                self._live.dropped["message"] += 1
                reply = self._live.control.refuse(message, BUSY)
            else:
                self._waiting.put_nowait(message)
        except WireError as error:
            reply = {"type": "problem", "detail": str(error)}
        if reply is not None:
            self.send(reply)

    async def _answer_messages(self) -> None:
        """Does what the waiting messages ask, one after the other."""
        while True:
            reply = await self._live.control.handle(await self._waiting.get())
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
            self._live.dropped["history"] += len(records)
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
            if self._receiver is not None and not decodes(self._receiver):
                self.fail(DECODING_FAILED)
                return
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
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._broken(error)

    def _broken(self, error: BaseException) -> None:
        log.error("a connection failed", exc_info=error)
        self.fail(CONNECTION_FAILED)
