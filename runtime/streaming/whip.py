"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) over HTTP.

`POST /{avatar}/whip` brings a camera. An offer that also receives gets the avatar back on the same connection, in a
performance of its own; one that only sends drives the avatar's shared performance, which `POST /{avatar}/whep` watches.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from ipaddress import ip_address, ip_network
from urllib.parse import quote

from aiohttp import web

from runtime.live.show import Live, ServedAvatar, SharedLive
from runtime.live.totals import Totals
from runtime.streaming.offers import MAX_SDP, Offer, OfferError, checked_offer, is_fragment
from runtime.streaming.peer import Peer
from runtime.streaming.problems import problem
from runtime.streaming.registry import Full, Registry

log = logging.getLogger(__name__)

RETRY_AFTER = {"Retry-After": "5"}
BODY_LIMIT = 10.0
"""Seconds in which a request's body must have come."""
NO_ENDPOINT = "there is no avatar of this name; see /api/avatars"
NO_SESSION = "there is no such session; it may have ended"

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Signalling:
    """The handlers; `routes` lists them."""

    def __init__(
        self, stages: dict[str, ServedAvatar], registry: Registry, totals: Totals[Live], proxies: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """`proxies` are the addresses and networks whose X-Forwarded-Prefix counts."""
        self._proxies = [ip_network(proxy) for proxy in proxies]
        self._stages = stages
        self._registry = registry
        self._totals = totals
        self.shared = {name: SharedLive(stage, totals) for name, stage in stages.items()}

    def routes(self) -> list[web.RouteDef]:
        """All routes of WHIP and WHEP.

        OBS takes a relative `Location` for one that begins at the root, so a session is found there, too.
        """
        from_root = "/{kind:whip|whep}/{session}"
        endpoint, session = "/{avatar}/{kind:whip|whep}", "/{avatar}/{kind:whip|whep}/{session}"
        return [
            web.post(endpoint, self._post),
            web.options(endpoint, self._options),
            web.get(endpoint, self._get, allow_head=False),
            web.delete(session, self._delete),
            web.patch(session, self._patch),
            web.options(session, self._options),
            web.delete(from_root, self._delete),
            web.patch(from_root, self._patch),
        ]

    async def _options(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Accept-Post": "application/sdp"})

    async def _get(self, request: web.Request) -> web.Response:
        """Today's WHEP answers a GET with nothing, WHIP refuses it."""
        if request.match_info["kind"] == "whep":
            return web.Response(status=204)
        return problem(405, "this address takes POST with an SDP offer", {"Allow": "OPTIONS, POST"})

    async def _post(self, request: web.Request) -> web.Response:
        name, kind = request.match_info["avatar"], request.match_info["kind"]
        if name not in self._stages:
            return problem(404, NO_ENDPOINT)
        if request.content_type != "application/sdp":
            return problem(415, "the offer must be sent as application/sdp")
        if (request.content_length or 0) > MAX_SDP:
            return problem(413, f"an offer may have {MAX_SDP} bytes")
        body = await _body(request)
        try:
            key = self._registry.enter()
        except Full:
            return problem(503, "all sessions are taken; try again shortly", RETRY_AFTER)
        async with AsyncExitStack() as undo:
            undo.callback(self._registry.leave, key)
            try:
                offer = checked_offer(body)
                open_session = self._watch if kind == "whep" else self._perform
                peer = open_session(self._stages[name], offer, undo)
                undo.push_async_callback(peer.disconnect)
                answer = await peer.answer(offer)
            except OfferError as error:
                log.info("refused an offer: %s", error)  # publishers such as FFmpeg show the status alone
                headers = RETRY_AFTER if error.status == 409 else None
                return problem(error.status, str(error), headers)
            peer.stands(undo.pop_all())
        self._registry.attach(key, peer.close)
        headers = {"Location": self._location(request, key), "ETag": f'"{key[:8]}"', "ID": key}
        return web.Response(status=201, text=offer.answer(answer), content_type="application/sdp", headers=headers)

    def _location(self, request: web.Request, key: str) -> str:
        """The session's address: relative to the endpoint's (RFC 3986, 4.2), whatever a proxy has put before that.

        A path from the root where a trusted proxy says what it has put there, for clients that expect one.
        """
        name, kind = request.match_info["avatar"], request.match_info["kind"]
        prefix = request.headers.get("X-Forwarded-Prefix", "").rstrip("/")
        if request.remote and _PREFIX.fullmatch(prefix) and self._trusts(request.remote):
            return f"{prefix}/{quote(name)}/{kind}/{key}"
        return f"{kind}/{key}"

    def _trusts(self, remote: str) -> bool:
        address = ip_address(remote.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)

    def _perform(self, stage: ServedAvatar, offer: Offer, undo: AsyncExitStack) -> Peer:
        """A camera with the avatar back, or a publisher of the shared performance."""
        if offer.direction == "recvonly":
            raise OfferError(406, "a WHIP offer must send video; use the WHEP address to watch")
        if offer.direction == "sendonly":
            return self._publish(stage, undo)
        live = Live(stage, self._totals)
        undo.push_async_callback(live.close)
        return Peer(live, watches=True, drives=True)

    def _publish(self, stage: ServedAvatar, undo: AsyncExitStack) -> Peer:
        shared = self.shared[stage.avatar.name]
        live = shared.acquire()
        undo.push_async_callback(shared.release, live)
        if live.published:
            raise OfferError(409, "somebody else's camera drives this avatar; try again when it has gone")
        live.published = True
        undo.push_async_callback(shared.unpublish, live)
        return Peer(live, watches=False, drives=True)

    def _watch(self, stage: ServedAvatar, offer: Offer, undo: AsyncExitStack) -> Peer:
        if offer.direction == "sendonly":
            raise OfferError(406, "a WHEP offer must receive video")
        shared = self.shared[stage.avatar.name]
        live = shared.acquire()
        undo.push_async_callback(shared.release, live)
        return Peer(live, watches=True, drives=False)

    async def _delete(self, request: web.Request) -> web.Response:
        key = request.match_info["session"]
        if not self._registry.knows(key):
            return problem(404, NO_SESSION)
        await self._registry.close(key)
        return web.Response(status=200)

    async def _patch(self, request: web.Request) -> web.Response:
        """Trickled candidates are accepted and not needed; ICE restarts are refused, and the session goes on."""
        key = request.match_info["session"]
        if not self._registry.knows(key):
            return problem(404, NO_SESSION)
        if request.content_type != "application/trickle-ice-sdpfrag":
            return problem(415, "only application/trickle-ice-sdpfrag can be patched in")
        match = request.headers.get("If-Match")
        if match is None:
            return problem(428, "a PATCH needs If-Match with the session's ETag")
        if match == "*":
            return problem(422, "ICE restarts are not supported; open a new session")
        if match != f'"{key[:8]}"':
            return problem(412, "the ETag is not this session's")
        if not is_fragment(await _body(request)):
            return problem(400, "the body is no SDP fragment (RFC 8840): a=candidate and other a= lines, m= lines")
        return web.Response(status=204)


async def _body(request: web.Request) -> bytes:
    """All of a request's body. Raises HTTPRequestTimeout where it takes too long to come."""
    try:
        async with asyncio.timeout(BODY_LIMIT):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {BODY_LIMIT:g} seconds") from None
