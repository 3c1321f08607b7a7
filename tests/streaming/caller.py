"""A WebRTC client made of aiortc: sends a synthetic camera, receives the avatar."""

from __future__ import annotations

import asyncio
import fractions
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import aiohttp
import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

SDP = {"Content-Type": "application/sdp"}
LIMIT = 120.0
"""Seconds after which what is waited for counts as never coming, on however busy a machine."""


async def until(condition: Callable[[], object], seconds: float = LIMIT) -> None:
    """Waits until the condition holds; TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


class Camera(VideoStreamTrack):
    """Pictures of one brightness at 30 fps."""

    def __init__(self, brightness: int) -> None:
        super().__init__()
        self.brightness = brightness
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(1 / 30)
        picture = np.full((48, 64, 3), self.brightness, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count * 3000, fractions.Fraction(1, 90_000)
        self._count += 1
        return frame


class Caller:
    """One connection, from `call` to `hang_up` or `vanish`."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.pictures: list[np.ndarray[Any, Any]] = []
        self.stamps: list[int] = []
        """The pictures' RTP timestamps."""
        self.messages: list[dict[str, Any]] = []
        self.records: list[list[Any]] = []
        self.session = ""
        self.status = 0
        self.answer = ""
        self._arrived = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self.pc.on("track", self._on_track)

    async def offer(self, camera: MediaStreamTrack | None, direction: str, codec: str | None = None) -> str:
        transceiver = self.pc.addTransceiver(camera or "video", direction=direction)
        if codec is not None:
            known = RTCRtpReceiver.getCapabilities("video")
            assert known is not None
            transceiver.setCodecPreferences([c for c in known.codecs if c.mimeType == f"video/{codec}"])
        self.control = self.pc.createDataChannel("control")
        self.control.on("message", lambda text: self.messages.append(json.loads(text)))
        frames = self.pc.createDataChannel("frames", ordered=False, maxRetransmits=0)
        frames.on("message", lambda text: self.records.extend(json.loads(text)))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def call(
        self, kind: str = "whip", camera: MediaStreamTrack | None = None, direction: str = "sendrecv",
        codec: str | None = None, avatar: str = "fake",
    ) -> Caller:  # fmt: skip
        sdp = await self.offer(camera, direction, codec)
        async with self.http.post(f"{self.url}/{avatar}/{kind}", data=sdp, headers=SDP) as response:
            await self.take(response)
        return self

    async def take(self, response: aiohttp.ClientResponse) -> None:
        """Reads what the server says to the offer and connects."""
        self.status = response.status
        self.answer = await response.text()
        assert response.status == 201, self.answer
        self.session = urljoin(str(response.url), response.headers["Location"])
        await self.pc.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))

    async def see(self, count: int, seconds: float = LIMIT) -> np.ndarray[Any, Any]:
        """Waits for `count` more pictures and returns the last."""
        target = len(self.pictures) + count
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.pictures) >= target)
        return self.pictures[-1]

    async def see_until(self, red_above: int, seconds: float = LIMIT) -> None:
        """Waits until the avatar's jaw is as open as `red_above` (0..255) says."""
        async with asyncio.timeout(seconds):
            while (await self.see(1))[64, 24, 0] < red_above:
                pass

    async def say(self, message: dict[str, Any], seconds: float = LIMIT) -> dict[str, Any]:
        """Sends a control message and returns the next reply."""
        await until(lambda: self.control.readyState == "open", seconds)
        before = len(self.messages)
        self.control.send(json.dumps(message))
        await until(lambda: len(self.messages) > before, seconds)
        return self.messages[before]

    async def hang_up(self) -> int:
        """DELETE; the status."""
        async with self.http.delete(self.session) as response:
            status = response.status
        await self.pc.close()
        return status

    async def vanish(self) -> None:
        """Goes without a word: from now on nothing leaves its sockets."""

        async def say_nothing(data: bytes, addr: tuple[str, int]) -> None:
            return

        for transceiver in self.pc.getTransceivers():
            for protocol in transceiver.receiver.transport.transport._connection._protocols:
                protocol.send_data = say_nothing  # type: ignore[method-assign]
                protocol.send_stun = lambda message, addr: None  # type: ignore[method-assign]
        await self.pc.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._reader = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        receiver = next(receiver for receiver in self.pc.getReceivers() if receiver.track is track)
        mapper: Any = getattr(receiver, "_RTCRtpReceiver__timestamp_mapper")  # noqa: B009 - private
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
                async with self._arrived:
                    self.pictures.append(frame.to_ndarray(format="rgb24"))
                    self.stamps.append(((frame.pts or 0) + mapper._origin) % 2**32)
                    self._arrived.notify_all()
        except MediaStreamError:
            return
