"""The HTTP application: page, WHIP and WHEP, frame websocket, health and metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from runtime.live.show import Live, ServedAvatar
from runtime.live.totals import Totals
from runtime.memory import Tidier
from runtime.streaming import pages
from runtime.streaming.frames import FrameSockets
from runtime.streaming.health import Pulse, complaint
from runtime.streaming.metrics import CONTENT_TYPE, exposition
from runtime.streaming.problems import problem
from runtime.streaming.registry import Registry
from runtime.streaming.security import Access, guard
from runtime.streaming.whip import NO_ENDPOINT, RETRY_AFTER, Signalling

MAX_BODY = 256 * 1024
"""Bytes of a request's body; an offer has a smaller limit of its own."""


@dataclass(frozen=True)
class WebSettings:
    """What the application needs to know besides its avatars."""

    access: Access
    page: Path
    """Folder of the page's files."""
    max_sessions: int
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-Prefix counts."""


class WebApp:
    """All handlers over one registry; `application` is what aiohttp runs."""

    def __init__(self, stages: dict[str, ServedAvatar], settings: WebSettings, ready: Callable[[], bool]) -> None:
        self.registry = Registry(settings.max_sessions, Tidier().soon)
        self.totals: Totals[Live] = Totals()
        self.signalling = Signalling(stages, self.registry, self.totals, settings.trusted_proxies)
        self.sockets = FrameSockets(stages, self.registry, self.totals)
        self._stages = stages
        self._ready = ready
        self._pulse = Pulse()
        self.application = web.Application(middlewares=[guard(settings.access), _errors], client_max_size=MAX_BODY)
        self.application.add_routes(pages.routes(settings.page))
        self.application.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/readyz", self._readiness),
                web.get("/metrics", self._metrics, name="metrics"),
                web.get("/api/avatars", self._avatars),
                web.get("/{avatar}/thumbnail.png", self._thumbnail),
            ]
        )
        self.application.add_routes(self.sockets.routes())
        self.application.add_routes(self.signalling.routes())
        self.application.on_shutdown.append(self._shutdown)
        self.application.cleanup_ctx.append(self._watch_loop)

    def lives(self) -> list[Live]:
        """All performances that run now."""
        return self.totals.running

    async def _shutdown(self, application: web.Application) -> None:
        await self.registry.close_all()

    async def _health(self, request: web.Request) -> web.Response:
        wrong = complaint(self._pulse, self.lives(), time.monotonic())
        return problem(503, wrong) if wrong else web.json_response({"status": "ok"})

    async def _watch_loop(self, application: web.Application) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._pulse.beat())
        yield
        beating.cancel()

    async def _readiness(self, request: web.Request) -> web.Response:
        if not self._ready():
            return problem(503, "still loading", RETRY_AFTER)
        if not self.registry.free:
            return problem(503, "all sessions are taken", RETRY_AFTER)
        return web.json_response({"status": "ready", "free": self.registry.limit - len(self.registry)})

    async def _metrics(self, request: web.Request) -> web.Response:
        lives = self.lives()
        registry = self.registry
        stages = lives[0].session.times.summary() if lives else {}
        text = exposition(
            self.totals.sums(),
            len(registry), registry.limit - len(registry), registry.rejected, stages,
        )  # fmt: skip
        return web.Response(text=text, headers={"Content-Type": CONTENT_TYPE})

    async def _avatars(self, request: web.Request) -> web.Response:
        described = [
            {
                "name": name, "size": s.avatar.size, "engine": s.avatar.engine, "fps": s.fps,
                "bank": [{"name": e.name, "prompt": e.prompt, "drive": e.drive} for e in s.avatar.bank],
            }
            for name, s in self._stages.items()
        ]  # fmt: skip
        return web.json_response({"avatars": described})

    async def _thumbnail(self, request: web.Request) -> web.Response:
        stage = self._stages.get(request.match_info["avatar"])
        if stage is None:
            return problem(404, NO_ENDPOINT)
        return web.Response(body=stage.avatar.thumbnail, content_type="image/png")


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """aiohttp's own errors (no such path, wrong method, too long a body) in the form of all others."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        keep = {k: v for k, v in error.headers.items() if k.lower() == "allow"}
        return problem(error.status, error.text or error.reason, keep)
