"""Who may ask: Host and Origin checks against other sites' pages, CORS for those allowed, an optional bearer token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from runtime.streaming.problems import problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
CORS = {
    "Access-Control-Allow-Methods": "OPTIONS, GET, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Expose-Headers": "ETag, ID, Accept-Patch, Link, Location",
    "Access-Control-Max-Age": "600",
}
OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that need no token, like those of the page itself."""


def guard(host: str, allowed_origins: tuple[str, ...], token: str | None) -> Middleware:
    """The checks as one aiohttp middleware.

    A server bound to a loopback address answers only requests that name it so: a foreign site whose name was made to
    resolve here (DNS rebinding) has another Host.
    """
    loopback_only = host in LOOPBACK

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if loopback_only and _host_name(request.host) not in LOOPBACK:
            return problem(421, "this server answers only to localhost; start it with --host to open it")
        origin = request.headers.get("Origin")
        foreign = origin is not None and urlsplit(origin).netloc != request.host
        if foreign and origin not in allowed_origins and "*" not in allowed_origins:
            return problem(403, "pages of this origin may not ask; start the server with --allow-origin to let them")
        if request.method != "OPTIONS" and token is not None and _needs_token(request) and not _holds(request, token):
            return problem(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        response = await handler(request)
        if not response.prepared:
            response.headers.update(PAGE_HEADERS)
            if foreign:
                response.headers.update(CORS | {"Access-Control-Allow-Origin": str(origin), "Vary": "Origin"})
        return response

    return check


def _host_name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "") if host.count("[") <= 1 else ""


def _needs_token(request: web.Request) -> bool:
    if request.path in OPEN:
        return False
    return request.method != "GET" or request.match_info.route.name in ("frames", "metrics")


def _holds(request: web.Request, token: str) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.query.get("token", "")
    return hmac.compare_digest(given.encode(), token.encode())
