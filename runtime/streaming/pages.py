"""The page and its parts: a fixed table of names, read once. No path from a request reaches the file system."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

FILES = {
    "/": ("index.html", "text/html"),
    "/mien.js": ("mien.js", "text/javascript"),
    "/timing.js": ("timing.js", "text/javascript"),
    "/stamps.js": ("stamps.js", "text/javascript"),
    "/frames.js": ("frames.js", "text/javascript"),
    "/page.js": ("page.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def routes(folder: Path) -> list[web.RouteDef]:
    """One route for each file of the page in `folder`. Raises OSError where one is missing."""
    return [web.get(url, _handler(folder / name, kind)) for url, (name, kind) in FILES.items()]


def _handler(path: Path, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = path.read_bytes()
    etag = hashlib.sha256(body).hexdigest()[:16]

    async def handle(request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache", "ETag": f'"{etag}"'}
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return handle
