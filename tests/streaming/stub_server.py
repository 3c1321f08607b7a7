"""The server with fake parts as a process of its own: `python -m tests.streaming.stub_server PORT [OPTIONS]`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

from runtime.config import ServerConfig
from runtime.core import Server, listening
from runtime.driving.performance import Performance
from runtime.driving.repertoire import Repertoire
from runtime.live.trackers import TrackerPool
from runtime.streaming import peer
from tests.streaming.fakes import FakeAvatar, FakeTracker


async def main(args: argparse.Namespace) -> None:
    peer.SILENT_LIMIT = args.silent_limit
    stop = asyncio.Event()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))  # its threads cannot hide a leak
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = ServerConfig(
        port=args.port, max_sessions=args.max_sessions, allow_origin=tuple(args.allow_origin), token=args.token
    )
    avatars = [FakeAvatar(name=name) for name in args.avatar or ["fake"]]
    repertoire = Repertoire(avatars[0].bank)
    server = Server(config, avatars, TrackerPool(FakeTracker), lambda _: Performance(repertoire=repertoire))
    await server.run(listening("127.0.0.1", args.port), stop, lambda address: print(address, flush=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--allow-origin", action="append", default=[])
    parser.add_argument("--avatar", action="append")
    parser.add_argument("--max-sessions", type=int, default=8)
    parser.add_argument("--token")
    parser.add_argument("--silent-limit", type=float, default=peer.SILENT_LIMIT)
    asyncio.run(main(parser.parse_args()))
