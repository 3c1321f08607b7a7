"""A server with fake parts on a free port, inside the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from runtime.config import ServerConfig
from runtime.core import Server, listening
from runtime.driving.performance import Performance
from runtime.driving.repertoire import Repertoire
from runtime.live.trackers import TrackerPool
from tests.streaming.caller import LIMIT, Caller
from tests.streaming.fakes import FakeAvatar, FakeTracker


@dataclass
class Running:
    """A server that runs and a client for it."""

    server: Server
    http: aiohttp.ClientSession
    url: str
    avatar: FakeAvatar
    """The first."""
    callers: list[Caller] = field(default_factory=list)

    def caller(self) -> Caller:
        """A WebRTC client that is closed with the server."""
        self.callers.append(Caller(self.http, self.url))
        return self.callers[-1]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def serving(*avatars: FakeAvatar, **settings: Any) -> AsyncIterator[Running]:
    avatars = avatars or (FakeAvatar(),)
    sock = listening("127.0.0.1", 0)
    config = ServerConfig(port=sock.getsockname()[1], **settings)
    repertoire = Repertoire(avatars[0].bank)
    server = Server(config, avatars, TrackerPool(FakeTracker), lambda _: Performance(repertoire=repertoire))
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(server.run(sock, stop, lambda address: ready.set()))
    await asyncio.wait_for(ready.wait(), LIMIT)
    try:
        async with aiohttp.ClientSession() as http:
            running = Running(server, http, f"http://127.0.0.1:{config.port}", avatars[0])
            try:
                yield running
            finally:
                await asyncio.gather(*(caller.pc.close() for caller in running.callers))
    finally:
        stop.set()
        await asyncio.wait_for(task, LIMIT)
