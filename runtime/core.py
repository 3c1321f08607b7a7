"""The one place where all parts of the server are built and wired; only the entry point imports it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from runtime.config import ServerConfig
from runtime.driving.performance import Performance, live_performance
from runtime.driving.repertoire import Repertoire
from runtime.errors import Unavailable
from runtime.live.camera import Tracker
from runtime.live.failures import Reporting
from runtime.live.session import Avatar
from runtime.live.show import ServedAvatar
from runtime.live.trackers import TrackerPool
from runtime.media.colour import Backdrop
from runtime.memory import freeze_loaded
from runtime.streaming.app import WebApp, WebSettings
from runtime.streaming.security import Access

log = logging.getLogger(__name__)
request_log = logging.getLogger(f"{__name__}.requests")
request_log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))
"""Without what others sent that is no HTTP: they have their 400, and could fill the log with tracebacks."""

PAGE = Path(__file__).parent.parent / "clients" / "web"
SHUTDOWN = 2.0
"""Seconds that open requests get to finish once the server is told to stop."""

IDLE_LIMIT = 30.0
"""Seconds that a connection gets for the lines of its first request, and to be idle between requests."""


class Server:
    """Avatars, sessions and the web application of one process."""

    def __init__(
        self,
        config: ServerConfig,
        avatars: Sequence[Avatar],
        trackers: TrackerPool,
        new_performance: Callable[[Avatar], Performance],
    ) -> None:
        self.config = config
        self.trackers = trackers
        self._warm = threading.Event()
        backdrop = Backdrop(config.background, config.watermark)
        stages = {
            avatar.name: ServedAvatar(
                avatar, partial(new_performance, avatar), trackers.take, trackers.give_back,
                backdrop, config.fps, config.bitrate,
            )
            for avatar in avatars
        }  # fmt: skip
        access = Access(config.loopback, config.allow_host, config.allow_origin, config.token)
        settings = WebSettings(access, PAGE, config.max_sessions, config.trusted_proxies)
        self.app = WebApp(stages, settings, self._warm.is_set)

    async def run(self, sock: socket.socket, stop: asyncio.Event, on_ready: Callable[[str], None]) -> None:
        """Serves on a listening socket until `stop` is set; `on_ready` gets the address."""
        runner = web.AppRunner(
            self.app.application, access_log=None, logger=request_log, shutdown_timeout=SHUTDOWN,
            keepalive_timeout=IDLE_LIMIT,
        )  # fmt: skip
        await runner.setup()
        try:
            await web.SockSite(runner, sock).start()
            on_ready(f"http://{_in_url(self.config.host)}:{self.config.port}")
            warming = threading.Thread(target=self._warm_up, name="mien-warm-up", daemon=True)
            warming.start()
            await stop.wait()
        finally:
            await runner.cleanup()
            await asyncio.to_thread(self.trackers.close)

    def _warm_up(self) -> None:
        with Reporting(
            "loading the face tracker", lambda error: None
        ):  # each camera tries again, and its sender is told
            self.trackers.warm()
        freeze_loaded()
        self._warm.set()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises Unavailable, saying what to do, where the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(64)
    except OSError as error:
        sock.close()
        reason = "is taken" if error.errno == 98 else f"cannot be used ({error.strerror})"
        raise Unavailable(f"port {port} on {host} {reason}; choose another with --port") from None
    return sock


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def serve(config: ServerConfig, loading: Future[list[Avatar]], say: Callable[[str], None]) -> None:
    """Serves avatars that are being loaded until SIGINT or SIGTERM; `say` gets the lines meant for the user.

    Raises Unavailable where the port is taken, and whatever the loading raises.
    """
    seeds = itertools.count()
    with listening(config.host, config.port) as sock:
        avatars = loading.result()
        repertoires = {avatar.name: Repertoire(avatar.bank) for avatar in avatars}
        trackers = TrackerPool(_tracker)
        server = Server(
            config, avatars, trackers, lambda avatar: live_performance(next(seeds), repertoires[avatar.name])
        )

        def announce(address: str) -> None:
            say(f"Mien is at {address} (Ctrl-C ends it)")
            if len(avatars) > 1:
                for avatar in avatars:
                    say(f"  {avatar.name}: {address}/?avatar={quote(avatar.name)}")
            if config.token is not None:
                say("  (the page wants the token behind its address: #token=TOKEN)")

        async def main() -> None:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            await server.run(sock, stop, announce)

        asyncio.run(main())


def _tracker() -> Tracker:
    """A face tracker; MediaPipe takes a second to load, which no first picture waits for."""
    from runtime.tracking.tracker import FaceTracker

    return FaceTracker()
