"""`GET /{avatar}/frames`: rendered pictures over a websocket, coefficients and control messages back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from dataclasses import replace
from typing import Any

import cv2
from aiohttp import WSMsgType, web

from runtime.contract.wire import (
    CLOCK_RATE,
    MAX_MESSAGE,
    SUBPROTOCOL,
    Codec,
    Flag,
    Header,
    WireError,
    hello,
    parse_json,
)
from runtime.live.session import Frame
from runtime.live.show import Live, ServedAvatar
from runtime.live.totals import Totals
from runtime.media.colour import Backdrop
from runtime.streaming.problems import problem
from runtime.streaming.registry import Full, Registry
from runtime.streaming.whip import NO_ENDPOINT

log = logging.getLogger(__name__)

JPEG_QUALITY = 90
INTERNAL_ERROR = 1011
"""RFC 6455, section 7.4.1."""
HEARTBEAT = 10.0
"""Seconds between pings; a client that answers none is gone."""
MAX_UNACKED = 4
"""Pictures on their way to a client that acknowledges them; further ones are dropped until it catches up."""
SENDING_FAILED = b"a picture or an answer could not be sent; connect again, and see the server's log for the reason"
IN_FLIGHT = 64
"""Sequence numbers remembered until they are acknowledged."""


class FrameSocket:
    """One client of the frame websocket, a sink of its session: takes a frame when it can send one."""

    def __init__(self, socket: web.WebSocketResponse, live: Live, codec: Codec) -> None:
        self._socket = socket
        self._live = live
        self._codec = codec
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[Frame] = asyncio.Queue(2)
        self._wanted = False
        self._caught_up = asyncio.Event()
        self._acknowledges = False
        self._in_flight: deque[int] = deque(maxlen=IN_FLIGHT)

    def consume(self, frame: Frame) -> None:
        """Takes a frame in the session's thread, where the client is ready for one."""
        if not self._wanted or self._loop.is_closed():
            self._live.dropped["viewer"] += 1
            return
        self._wanted = False
        self._loop.call_soon_threadsafe(self._frames.put_nowait, replace(frame, rgba=frame.rgba.copy()))

    async def run(self) -> None:
        """Greets, then sends and listens until the client goes."""
        avatar, clock = self._live.stage.avatar, self._live.session.clock
        own = [expression.name for expression in avatar.bank]
        await self._send(hello(avatar.name, avatar.size, 1.0 / clock.period, self._codec, own))
        failed: asyncio.Future[str] = self._loop.create_future()
        unwatch = self._live.on_failure(failed.set_result)
        self._live.session.add(self)
        sending = asyncio.create_task(self._send_frames())
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.wait((failed, sending, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            unwatch()
            self._live.session.remove(self)
            sending.cancel()
            listening.cancel()
            results = await asyncio.gather(sending, listening, return_exceptions=True)
        errors = [e for e in results if isinstance(e, Exception) and not isinstance(e, ConnectionError)]
        for error in errors:
            log.error("a frame websocket failed", exc_info=error)
        if failed.done():
            await self._socket.close(code=INTERNAL_ERROR, message=failed.result().encode())
        elif errors:
            await self._socket.close(code=INTERNAL_ERROR, message=SENDING_FAILED)

    async def _send_frames(self) -> None:
        """Asks for a frame whenever the socket has taken the one before, so that only fresh ones are sent."""
        while True:
            if self._acknowledges and len(self._in_flight) >= MAX_UNACKED:
                self._caught_up.clear()
                await self._caught_up.wait()
            self._wanted = True
            frame = await self._frames.get()
            self._in_flight.append(frame.record.index)
            try:
                await self._socket.send_bytes(await self._message(frame))
            except ConnectionError:
                return

    async def _message(self, frame: Frame) -> bytes:
        height, width = frame.rgba.shape[:2]
        if self._codec is Codec.JPEG:
            payload = await asyncio.to_thread(_jpeg, self._live.stage.backdrop, frame)
            flags = Flag.KEYFRAME
        else:
            payload = await asyncio.to_thread(_raw, self._live.stage.backdrop, frame)
            flags = Flag.KEYFRAME | Flag.ALPHA
        pts_us = frame.record.pts * 1_000_000 // CLOCK_RATE
        index, drive = frame.record.index, frame.drive_sequence
        return Header(self._codec, flags, index, height, width, pts_us, drive, len(payload)).pack() + payload

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._socket.close(code=1003, message=b"only JSON text is understood here")
                return
            try:
                reply = await self._reply(parse_json(message.data))
            except WireError as error:
                reply = {"type": "problem", "detail": str(error)}
            if reply is not None:
                await self._send(reply)

    async def _reply(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if "ack" in message:
            ack = message["ack"]
            if not isinstance(ack, int) or isinstance(ack, bool):
                raise WireError("'ack' must be a sequence number")
            self._acknowledges = True
            while self._in_flight and self._in_flight[0] <= ack:
                self._in_flight.popleft()
            self._caught_up.set()
            return None
        if message.get("type") == "format":
            self._codec = codec_named(str(message.get("codec")))
            return None
        return await self._live.control.handle(message)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(message, separators=(",", ":")))


def codec_named(name: str) -> Codec:
    """The codec of a name in any case. Raises WireError with the known ones."""
    try:
        return Codec[name.upper()]
    except KeyError:
        raise WireError(f"unknown codec '{name[:20]}'; known: {', '.join(c.name for c in Codec)}") from None


def _raw(backdrop: Backdrop, frame: Frame) -> bytes:
    return backdrop.transparent(frame.rgba).tobytes()


def _jpeg(backdrop: Backdrop, frame: Frame) -> bytes:
    return cv2.imencode(".jpg", backdrop.bgr(frame.rgba), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))[1].tobytes()


class FrameSockets:
    """The route of the frame websocket."""

    def __init__(self, stages: dict[str, ServedAvatar], registry: Registry, totals: Totals[Live]) -> None:
        self._stages = stages
        self._totals = totals
        self._registry = registry
        self.open: set[FrameSocket] = set()

    def routes(self) -> list[web.RouteDef]:
        """The one route."""
        return [web.get("/{avatar}/frames", self._handle, name="frames", allow_head=False)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        stage = self._stages.get(request.match_info["avatar"])
        if stage is None:
            return problem(404, NO_ENDPOINT)
        try:
            codec = codec_named(request.query.get("codec", Codec.RGBA8.name))
        except WireError as error:
            return problem(400, str(error))
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), heartbeat=HEARTBEAT, max_msg_size=MAX_MESSAGE, compress=False
        )
        if not socket.can_prepare(request).ok:
            return problem(426, "this address speaks WebSocket", {"Upgrade": "websocket"})
        await socket.prepare(request)
        try:
            key = self._registry.enter()
        except Full:
            await socket.close(code=1013, message=b"all sessions are taken; try again shortly")
            return socket
        live = Live(stage, self._totals)
        client = FrameSocket(socket, live, codec)
        self.open.add(client)
        self._registry.attach(key, lambda: socket.close(code=1001, message=b"the server is going down"))
        try:
            await client.run()
        except ConnectionError:
            return socket
        finally:
            self.open.discard(client)
            self._registry.leave(key)
            await live.close()
        return socket
