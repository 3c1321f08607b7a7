"""Who may ask: names, origins, tokens, proxies; and that no header upsets the server."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from runtime import core
from runtime.streaming import whip
from runtime.streaming.pages import FILES
from runtime.streaming.security import Access, guard, host_name
from tests.streaming.caller import LIMIT, SDP, until
from tests.streaming.serving import Running, serving


async def answers(access: Access, hosts: list[str]) -> list[int]:
    """The status for each Host, from a server that believes it can be reached as `access` says."""

    async def reply(request: web.Request) -> web.Response:
        return web.Response()

    application = web.Application(middlewares=[guard(access)])
    application.router.add_get("/", reply)
    async with TestServer(application) as server, aiohttp.ClientSession() as http:
        statuses = []
        for host in hosts:
            async with http.get(server.make_url("/"), headers={"Host": host}) as response:
                statuses.append(response.status)
        return statuses


def test_beyond_loopback_only_known_hosts_are_answered() -> None:
    known = ["localhost:80", "127.0.0.1", "[::1]:8080", "192.0.2.7:80", "Mien.Example", "mien.example.:8443"]
    known += [socket.gethostname(), f"{socket.gethostname()}.local:80"]
    strange = ["evil.example", "evil.example:8080", "192.0.2.7.evil.example", "mien.example.evil.example", "http://["]
    access = Access(loopback=False, hosts=("mien.example",), token=None)
    statuses = asyncio.run(answers(access, known + strange))
    assert statuses == [200] * len(known) + [421] * len(strange)


def test_on_loopback_a_name_must_be_allowed_and_the_refusal_says_how() -> None:
    async def scene() -> None:
        async with serving(allow_host=("mien.example",)) as running:
            url = f"{running.url}/api/avatars"
            for host, origin, status in [
                ("mien.example", "https://mien.example", 200),
                ("mien.example:443", "https://mien.example", 200),
                ("mien.example:80", "https://mien.example", 403),
                ("mien.example", "https://mien.example:8443", 403),
                ("mien.example", "https://mien.example.evil", 403),
            ]:
                async with running.http.get(url, headers={"Host": host, "Origin": origin}) as response:
                    assert response.status == status, "a TLS proxy that keeps Host"
            for name in ("other.example", "192.0.2.7"):
                async with running.http.get(url, headers={"Host": f"{name}:8443"}) as response:
                    detail = (await response.json(content_type=None))["detail"]
                    assert response.status == 421 and f"--allow-host {name}" in detail

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("a.example:80", "a.example"), ("a.example.", "a.example"), ("[::1]:8", "::1"), ("127.0.0.1", "127.0.0.1"),
        ("", None), ("[", None), ("[::1", None), ("a@b", None), ("a b", None), ("a:b", None), ("a/b", None),
    ],
)  # fmt: skip
def test_a_host_header_is_a_name_or_nothing(authority: str, name: str | None) -> None:
    assert host_name(authority) == name


def test_every_route_but_the_page_and_health_needs_the_token() -> None:
    async def scene() -> None:
        async with serving(token="sesame") as running:
            router = running.server.app.application.router
            routes = [(route.method, route.resource.canonical) for route in router.routes() if route.resource]
            assert len(routes) > 15
            for method, canonical in {*routes, ("GET", "/no/such/path"), ("PUT", "/fake/whip")}:
                path = re.sub(r"\{kind[^/]*", "whip", canonical).replace("{avatar}", "fake")
                path = path.replace("{session}", "none")
                is_open = path in (*FILES, "/healthz", "/readyz")
                for headers, query in [
                    ({}, ""),
                    ({"Authorization": "Bearer wrong"}, ""),
                    ({"Authorization": "sesame"}, ""),
                    ({}, "?token="),
                ]:
                    async with running.http.request(method, running.url + path + query, headers=headers) as response:
                        assert (response.status != 401) == is_open, (method, path, headers)
                for headers, query in [({"Authorization": "bearer sesame"}, ""), ({}, "?token=sesame")]:
                    async with running.http.request(method, running.url + path + query, headers=headers) as response:
                        assert response.status != 401, (method, path, headers)

    asyncio.run(scene())


def test_an_allowed_page_of_another_site_can_bring_its_token_to_every_route() -> None:
    async def scene() -> None:
        async with serving(token="sesame", allow_origin=("https://good.example",)) as running:
            asks = {"Origin": "https://good.example", "Access-Control-Request-Method": "GET"}
            for path in ("/api/avatars", "/fake/thumbnail.png", "/fake/whip"):
                async with running.http.options(running.url + path, headers=asks) as response:
                    assert (
                        response.status == 204 and "Authorization" in response.headers["Access-Control-Allow-Headers"]
                    )
            async with running.http.get(f"{running.url}/api/avatars", headers={"Origin": asks["Origin"]}) as response:
                assert response.status == 401 and response.headers["Access-Control-Allow-Origin"] == asks["Origin"]

    asyncio.run(scene())


ODD = [
    "",
    "[",
    "http://[",
    "http://[::1",
    "://",
    "null",
    "\x7f",
    "\xff\xfe",
    "\xe9",
    "%",
    ";",
    ",",
    '"',
    "a" * 5000,
    "*",
]
USUAL = {
    "Host": "127.0.0.1", "Origin": "http://127.0.0.1", "Authorization": "Bearer sesame", "If-Match": '"x"',
    "Content-Type": "application/sdp", "If-None-Match": '"x"', "X-Forwarded-Prefix": "/a", "Accept-Encoding": "gzip",
    "Upgrade": "websocket", "Connection": "keep-alive", "Sec-WebSocket-Key": "AA==", "Content-Length": "0",
}  # fmt: skip
TARGETS = ["/", "/api/avatars", "/fake/whip", "/fake/whip/none", "/fake/frames", "/metrics", "/fake/thumbnail.png"]


async def raw(running: Running, request: bytes) -> bytes:
    """What the server answers to these bytes, until it has sent headers or closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.server.config.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(4096), LIMIT)
    finally:
        writer.close()


def test_no_header_upsets_the_server() -> None:
    async def scene() -> None:
        chance = random.Random(9110)
        async with serving(token="sesame", trusted_proxies=("127.0.0.1",)) as running:
            for _ in range(300):
                headers = dict(USUAL)
                for name in chance.sample(sorted(headers), chance.randint(1, 3)):
                    value, odd = headers.pop(name), chance.choice(ODD)
                    cut = chance.randrange(len(value) + 1)
                    headers[name] = chance.choice([odd, value[:cut] + odd + value[cut:], value[:cut]])
                query = chance.choice(
                    ["", "?token=" + chance.choice(["sesame", "%ff%fe", "%", "%ED%A0%80"]), "?codec=%00"]
                )
                method = chance.choice(["GET", "POST", "PATCH", "DELETE", "OPTIONS", "HEAD"])
                lines = [f"{method} {chance.choice(TARGETS)}{query} HTTP/1.1"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                answer = await raw(running, "\r\n".join([*lines, "", ""]).encode("latin-1"))
                status = int(answer.split(b" ")[1]) if answer else 0
                assert status < 500, (lines, answer)

    asyncio.run(scene())


def test_what_is_no_http_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with serving() as running:
            for request in (b"GET / HTTP/1.1\r\nHost: \x7f\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
                assert b" 400 " in await raw(running, request)

    asyncio.run(scene())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_an_offer_without_a_body_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[web.Request] = []
    body = whip._body

    async def noted(request: web.Request) -> bytes:
        begun.append(request)
        return await body(request)

    async def scene() -> None:
        async with serving(max_sessions=2) as running:
            lines = ["POST /fake/whip HTTP/1.1", "Host: localhost", "Content-Type: application/sdp"]
            head = "\r\n".join([*lines, "Content-Length: 900", "", ""]).encode()
            with monkeypatch.context() as patch:
                patch.setattr(whip, "_body", noted)
                patch.setattr(whip, "BODY_LIMIT", LIMIT)
                idle = [asyncio.create_task(raw(running, head)) for _ in range(4)]
                await until(lambda: len(begun) == 4)
                assert len(running.server.app.registry) == 0
                caller = await running.caller().call("whep", direction="recvonly")
                await caller.hang_up()
            for task in idle:
                task.cancel()
            monkeypatch.setattr(whip, "BODY_LIMIT", 0.05)
            answer = await raw(running, head)
            assert b" 408 " in answer and b"did not come within" in answer

    asyncio.run(scene())


def test_a_patch_must_bring_a_fragment_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = running.caller()
            sdp = await caller.offer(None, "recvonly")
            async with running.http.post(f"{running.url}/fake/whep", data=sdp, headers=SDP) as response:
                url = urljoin(str(response.url), response.headers["Location"])
                etag = response.headers["ETag"]
            headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": etag}
            for body, status in [(b"garbage", 400), (b"", 400), (b"a=end-of-candidates", 204)]:
                async with running.http.patch(url, data=body, headers=headers) as response:
                    assert response.status == status, body

            async def never() -> AsyncIterator[bytes]:
                yield b"a="
                await asyncio.Event().wait()

            monkeypatch.setattr(whip, "BODY_LIMIT", 0.05)
            async with running.http.patch(url, data=never(), headers=headers) as response:
                assert response.status == 408

    asyncio.run(scene())


def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "IDLE_LIMIT", 0.2)

    async def scene() -> None:
        async with serving() as running:
            upgrade = b"GET /fake/frames HTTP/1.1\r\nHost: localhost\r\nUpgrade: webso"
            for begun in (b"", b"GET / HTTP/1.1\r\nHos", upgrade):
                assert await raw(running, begun) == b""
            async with running.http.ws_connect(f"{running.url}/fake/frames") as socket:
                await asyncio.sleep(0.5)
                await socket.send_json({"type": "prompt", "text": "smile"})
                message = await socket.receive(5)
                while message.type is aiohttp.WSMsgType.BINARY or message.json()["type"] != "prompt":
                    message = await socket.receive(5)

    asyncio.run(scene())


async def proxy(target: str, forwards_prefix: bool) -> TestServer:
    """A reverse proxy that shows `target` under /mien."""

    async def forward(request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name in ("Content-Type", "If-Match")}
        if forwards_prefix:
            headers["X-Forwarded-Prefix"] = "/mien"
        async with (
            aiohttp.ClientSession() as http,
            http.request(
                request.method, f"{target}/{request.match_info['rest']}", data=await request.read(), headers=headers
            ) as response,
        ):
            kept = {
                name: value for name, value in response.headers.items() if name in ("Content-Type", "Location", "ETag")
            }
            return web.Response(status=response.status, body=await response.read(), headers=kept)

    application = web.Application()
    application.router.add_route("*", "/mien/{rest:.*}", forward)
    server = TestServer(application)
    await server.start_server()
    return server


@pytest.mark.parametrize(
    ("forwards", "trusted", "location"),
    [(False, (), "whip/"), (True, (), "whip/"), (True, ("127.0.0.0/8",), "/mien/fake/whip/")],
)
def test_all_works_under_a_path_of_a_proxy(forwards: bool, trusted: tuple[str, ...], location: str) -> None:
    async def scene() -> None:
        async with serving(trusted_proxies=trusted) as running:
            outside = await proxy(running.url, forwards)
            page = str(outside.make_url("/mien/"))
            async with running.http.get(page) as response:
                html = await response.text()
            linked = re.findall(r'(?:href|src)="([^"]+)"', html)
            assert len(linked) >= 3
            for link in linked:
                async with running.http.get(urljoin(page, link)) as response:
                    assert response.status == 200, link
            sdp = await running.caller().offer(None, "sendrecv")
            async with running.http.post(f"{page}fake/whip", data=sdp, headers=SDP) as response:
                assert response.status == 201 and response.headers["Location"].startswith(location)
                session = urljoin(str(response.url), response.headers["Location"])
            async with running.http.delete(session) as response:
                assert response.status == 200
            await outside.close()

    asyncio.run(scene())


def test_a_client_that_begins_at_the_root_ends_its_session_there() -> None:
    async def scene() -> None:
        async with serving() as running:
            sdp = await running.caller().offer(None, "sendrecv")
            async with running.http.post(f"{running.url}/fake/whip", data=sdp, headers=SDP) as response:
                location = response.headers["Location"]
            async with running.http.delete(f"{running.url}/{location}") as response:
                assert response.status == 200
            assert not len(running.server.app.registry)

    asyncio.run(scene())
