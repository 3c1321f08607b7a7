"""Who may ask: Host and Origin checks against other sites' pages, CORS for those allowed, an optional bearer token."""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Middleware

from runtime.streaming.pages import FILES
from runtime.streaming.problems import problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

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
OPEN = frozenset({"/healthz", "/readyz", *FILES})
"""Paths that need no token; all others do."""
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Access:
    """What decides who may ask."""

    loopback: bool
    """Whether only this machine reaches the server."""
    hosts: tuple[str, ...] = ()
    """Names that it answers to besides its own."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may ask; "*" stands for all."""
    token: str | None = None


def guard(access: Access) -> Middleware:
    """The checks as one aiohttp middleware: Host, then Origin, then token."""
    known = _own_names(access)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower()
        name = host_name(host)
        if name is None:
            return problem(421, "the Host header names no host")
        if name not in known and not _is_address_of(name, access.loopback):
            return problem(
                421, f"this server is not known as '{name}'; if it is yours, start it with --allow-host {name}"
            )
        origin = request.headers.get("Origin")
        foreign = origin is not None and not _is_of(origin.lower(), host)
        if foreign and origin not in access.origins and "*" not in access.origins:
            return problem(403, "pages of this origin may not ask; start the server with --allow-origin to let them")
        if foreign and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response: web.StreamResponse = web.Response(status=204)
        elif access.token is not None and request.path not in OPEN and not _holds(request, access.token):
            response = problem(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        else:
            response = await handler(request)
        if not response.prepared:
            response.headers.update(PAGE_HEADERS)
            if foreign:
                response.headers.update(CORS | {"Access-Control-Allow-Origin": str(origin), "Vary": "Origin"})
        return response

    return check


def host_name(authority: str) -> str | None:
    """The host of a lower-case Host header (RFC 9110, 7.2) without port and brackets; None where it is none."""
    match = _AUTHORITY.fullmatch(authority)
    return None if match is None else match["six"] or match["name"].rstrip(".")


def _is_of(origin: str, host: str) -> bool:
    """Whether a page of this origin came from this host; a proxy may name the port that a browser leaves out."""
    scheme, _, authority = origin.partition("://")
    port = {"http": ":80", "https": ":443"}.get(scheme, "")
    return authority.removesuffix(port) == host.removesuffix(port)


def _own_names(access: Access) -> frozenset[str]:
    own = {"localhost"} | {name.lower() for name in access.hosts}
    if not access.loopback:
        host = socket.gethostname().lower()
        own |= {host, f"{host}.local"}
    return frozenset(own)


def _is_address_of(name: str, loopback: bool) -> bool:
    """Whether `name` is an address that may stand for this server.

    Beyond loopback any may, since it can be another one outside (NAT, a container): only names can be made to point
    elsewhere, a page that came from an address is that address's own.
    """
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback


def _holds(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = request.query.get("token", "")
    return hmac.compare_digest(given.strip().encode(errors="surrogatepass"), token.encode(errors="surrogatepass"))
