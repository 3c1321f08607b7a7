"""The server with fake parts as a process of its own: `python -m tests.streaming.stub_server PORT`."""

from __future__ import annotations

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from runtime.config import ServerConfig
from runtime.core import Server, listening
from runtime.driving.performance import Performance
from runtime.driving.repertoire import Repertoire
from runtime.live.trackers import TrackerPool
from tests.streaming.fakes import FakeAvatar, FakeTracker


async def main(port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))  # its threads cannot hide a leak
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    avatar, config = FakeAvatar(), ServerConfig(port=port, max_sessions=8)
    repertoire = Repertoire(avatar.bank)
    server = Server(config, [avatar], TrackerPool(FakeTracker), lambda _: Performance(repertoire=repertoire))
    await server.run(listening("127.0.0.1", port), stop, lambda address: print(address, flush=True))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
