"""A reverse proxy that serves a server under a path prefix, as nginx's `location /prefix/ { proxy_pass …/; }` does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

PREFIX = "/avatars/live"
HOP = {"connection", "content-length", "date", "server", "transfer-encoding", "upgrade"}
"""Headers that belong to one connection."""


@contextlib.asynccontextmanager
async def behind_prefix(upstream: str) -> AsyncIterator[str]:
    """The address under which `upstream` is reached through the proxy; anything outside of the prefix is 404."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            url = upstream + request.raw_path.removeprefix(PREFIX)
            headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP}
            headers["X-Forwarded-Prefix"] = PREFIX
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _websocket(session, request, url)
            body = await request.read()
            async with session.request(request.method, url, headers=headers, data=body) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP}
                return web.Response(status=answer.status, headers=kept, body=await answer.read())

        app = web.Application()
        app.router.add_route("*", PREFIX + "/{path:.*}", handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}{PREFIX}"
        finally:
            await runner.cleanup()


async def _websocket(session: aiohttp.ClientSession, request: web.Request, url: str) -> web.StreamResponse:
    protocols = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
    headers = {k: request.headers[k] for k in ("Authorization", "Host", "Origin") if k in request.headers}
    async with session.ws_connect(url, headers=headers, protocols=protocols, max_msg_size=0) as server:
        client = web.WebSocketResponse(protocols=protocols, max_msg_size=0)
        await client.prepare(request)
        done, pending = await asyncio.wait(
            [asyncio.create_task(_pump(client, server)), asyncio.create_task(_pump(server, client))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*done, *pending, return_exceptions=True)
        await client.close()
        return client


Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


async def _pump(source: Socket, sink: Socket) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        else:
            await sink.send_bytes(message.data)
