"""Status codes, headers and errors of the HTTP side."""

from __future__ import annotations

import asyncio

import pytest

from runtime.core import PAGE, listening
from runtime.errors import Unavailable
from runtime.streaming.offers import MAX_SDP
from runtime.streaming.pages import FILES
from tests.streaming.caller import SDP, Camera, until
from tests.streaming.fakes import FakeAvatar
from tests.streaming.serving import free_port, serving


def test_the_table_of_status_codes() -> None:
    async def scene() -> None:
        async with serving(max_sessions=2) as running:
            offer = await running.caller().offer(None, "sendrecv")
            watch = await running.caller().offer(None, "recvonly")
            send = await running.caller().offer(Camera(9), "sendonly")
            audio = offer.replace("m=video", "m=audio")
            bare = "\r\n".join(line for line in offer.splitlines() if not line.startswith("a=ice-ufrag"))
            unprinted = "\r\n".join(line for line in offer.splitlines() if not line.startswith("a=fingerprint"))
            strange = offer.replace("VP8/90000", "XY9/90000").replace("H264/90000", "XY8/90000")
            json_type = {"Content-Type": "application/json"}
            trickle = {"Content-Type": "application/trickle-ice-sdpfrag"}
            table = [
                ("POST", "/nobody/whip", offer, SDP, 404, "no avatar of this name"),
                ("POST", "/fake/whip", offer, json_type, 415, "application/sdp"),
                ("POST", "/fake/whip", "hello", SDP, 400, ""),
                ("POST", "/fake/whip", "", SDP, 400, ""),
                ("POST", "/fake/whip", "v=0\r\nm=video\r\n", SDP, 400, ""),
                ("POST", "/fake/whip", b"\xff\xfe\x00", SDP, 400, "not an SDP offer"),
                ("POST", "/fake/whip", bare, SDP, 400, "ICE credentials"),
                ("POST", "/fake/whip", unprinted, SDP, 400, "fingerprint"),
                ("POST", "/fake/whip", offer + "a=x:" + "y" * MAX_SDP, SDP, 413, "131072 bytes"),
                ("POST", "/fake/whip", audio, SDP, 406, "exactly one video"),
                ("POST", "/fake/whip", strange, SDP, 406, "none of the video codecs"),
                ("POST", "/fake/whip", watch, SDP, 406, "must send video"),
                ("POST", "/fake/whep", send, SDP, 406, "must receive video"),
                ("GET", "/fake/whip", None, {}, 405, "takes POST"),
                ("GET", "/fake/whep", None, {}, 204, None),
                ("PUT", "/fake/whep", None, {}, 405, ""),
                ("OPTIONS", "/fake/whip", None, {}, 204, None),
                ("DELETE", "/fake/whip/none", None, {}, 404, "no such session"),
                ("PATCH", "/fake/whip/none", "", trickle, 404, "no such session"),
                ("GET", "/fake/frames", None, {}, 426, "WebSocket"),
                ("GET", "/fake/frames?codec=gif", None, {}, 400, "unknown codec"),
                ("GET", "/nobody/frames", None, {}, 404, "no avatar"),
                ("GET", "/nobody/thumbnail.png", None, {}, 404, "no avatar"),
                ("GET", "/../pyproject.toml", None, {}, 404, ""),
                ("GET", "/%2e%2e/%2e%2e/etc/passwd", None, {}, 404, ""),
                ("GET", "/healthz", None, {}, 200, None),
                ("GET", "/metrics", None, {}, 200, None),
                ("GET", "/api/avatars", None, {}, 200, None),
                ("GET", "/fake/thumbnail.png", None, {}, 200, None),
            ]  # fmt: skip
            for method, path, body, headers, status, says in table:
                async with running.http.request(method, running.url + path, data=body, headers=headers) as response:
                    assert response.status == status, (method, path, await response.text())
                    if says is not None:
                        assert response.content_type == "application/problem+json", path
                        problem = await response.json(content_type=None)
                        assert says in problem["detail"] and problem["status"] == status
            assert len(running.server.app.registry) == 0, "refused offers leave no session"

    asyncio.run(scene())


def test_a_session_from_post_to_delete() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = running.caller()
            sdp = await caller.offer(None, "recvonly")
            async with running.http.post(f"{running.url}/fake/whep", data=sdp, headers=SDP) as response:
                assert response.status == 201 and response.content_type == "application/sdp"
                location, etag = response.headers["Location"], response.headers["ETag"]
                answer = await response.text()
            assert location.startswith("whep/") and len(location) > 35
            assert "a=sendonly" in answer and "a=candidate" in answer and "a=end-of-candidates" in answer
            url, trickle = f"{running.url}/fake/{location}", {"Content-Type": "application/trickle-ice-sdpfrag"}
            for headers, status in [
                (trickle | {"If-Match": etag}, 204),
                (trickle, 428),
                (trickle | {"If-Match": '"other"'}, 412),
                (trickle | {"If-Match": "*"}, 422),
                ({"Content-Type": "application/sdp", "If-Match": etag}, 415),
            ]:
                async with running.http.patch(url, data="a=end-of-candidates", headers=headers) as response:
                    assert response.status == status
            async with running.http.delete(url) as response:
                assert response.status == 200
            async with running.http.delete(url) as response:
                assert response.status == 404
            await caller.pc.close()

    asyncio.run(scene())


def test_full_is_503_and_disturbs_nobody() -> None:
    async def scene() -> None:
        async with serving(max_sessions=1) as running:
            first = await running.caller().call("whep", direction="recvonly")
            await first.see(2)
            sdp = await running.caller().offer(None, "sendrecv")
            posts = [running.http.post(f"{running.url}/fake/whip", data=sdp, headers=SDP) for _ in range(3)]
            for response in await asyncio.gather(*posts):
                assert response.status == 503 and int(response.headers["Retry-After"]) > 0
            async with running.http.get(f"{running.url}/readyz") as response:
                assert response.status == 503
            async with running.http.ws_connect(f"{running.url}/fake/frames") as socket:
                assert (await socket.receive()).data == 1013
            await first.see(3)
            await first.hang_up()
            again = await running.caller().call()
            await again.hang_up()

    asyncio.run(scene())


def test_the_description_lists_an_avatars_own_expressions() -> None:
    async def scene() -> None:
        async with serving() as running, running.http.get(f"{running.url}/api/avatars") as response:
            (avatar,) = (await response.json())["avatars"]
            tongue = {"name": "tongue out", "prompt": "a person sticking the tongue out", "drive": "tongueOut"}
            assert avatar["bank"][0] == tongue and len(avatar["bank"]) == 2

    asyncio.run(scene())


def test_other_sites_are_kept_out() -> None:
    async def scene() -> None:
        async with serving(allow_origin=("https://good.example",)) as running:
            for headers, status in [
                ({"Host": "evil.example"}, 421),
                ({"Origin": "https://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Origin": running.url}, 200),
                ({"Origin": "https://good.example"}, 200),
            ]:
                async with running.http.get(f"{running.url}/api/avatars", headers=headers) as response:
                    assert response.status == status, headers
                    allowed = response.headers.get("Access-Control-Allow-Origin")
                    assert allowed == ("https://good.example" if "good" in str(headers) else None)
            headers = {"Origin": "https://good.example", "Access-Control-Request-Method": "POST"}
            async with running.http.options(f"{running.url}/fake/whep", headers=headers) as response:
                assert response.status == 204
                assert {"Location", "ETag"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
                assert "Authorization" in response.headers["Access-Control-Allow-Headers"]

    asyncio.run(scene())


def test_a_token_opens_sessions_and_frames() -> None:
    async def scene() -> None:
        async with serving(token="sesame") as running:
            offer = await running.caller().offer(None, "recvonly")
            for token, status in [(None, 401), ("Bearer wrong", 401), ("Bearer sesame", 201)]:
                headers = SDP | ({"Authorization": token} if token else {})
                async with running.http.post(f"{running.url}/fake/whep", data=offer, headers=headers) as response:
                    assert response.status == status
                    if status == 401:
                        assert response.headers["WWW-Authenticate"] == "Bearer"
            async with running.http.ws_connect(f"{running.url}/fake/frames?token=sesame") as socket:
                assert (await socket.receive_json())["type"] == "hello"

    asyncio.run(scene())


def test_several_avatars_are_served_side_by_side() -> None:
    async def scene() -> None:
        async with serving(FakeAvatar(name="first"), FakeAvatar(name="a b")) as running:
            async with running.http.get(f"{running.url}/api/avatars") as response:
                assert [avatar["name"] for avatar in (await response.json())["avatars"]] == ["first", "a b"]
            for name in ("first", "a%20b"):
                caller = await running.caller().call("whep", direction="recvonly", avatar=name)
                await caller.see(1)
                assert await caller.hang_up() == 200

    asyncio.run(scene())


def test_the_page_and_its_parts_are_served_and_ask_nobody_else() -> None:
    async def scene() -> None:
        async with serving() as running:
            for path, (name, kind) in FILES.items():
                async with running.http.get(running.url + path) as response:
                    assert response.status == 200 and response.content_type == kind
                    text = await response.text()
                    outside = text.replace("http://www.w3.org/2000/svg", "")
                    assert "http://" not in outside and "https://" not in outside, name
                    assert "frame-ancestors" in response.headers["Content-Security-Policy"]
                    etag = response.headers["ETag"]
                async with running.http.get(running.url + path, headers={"If-None-Match": etag}) as response:
                    assert response.status == 304

    asyncio.run(scene())


def test_readiness_is_real() -> None:
    async def scene() -> None:
        async with serving() as running:
            await until(running.server._warm.is_set)
            assert (await running.http.get(f"{running.url}/readyz")).status == 200
            running.server.app.registry.admitting = False
            assert (await running.http.get(f"{running.url}/readyz")).status == 503

    asyncio.run(scene())


def test_metrics_count_sessions_that_ended() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = await running.caller().call(camera=Camera(200))
            await caller.see(5)
            await caller.hang_up()
            async with running.http.get(f"{running.url}/metrics") as response:
                text = await response.text()
            values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
            assert float(values["avatar_frames_rendered_total"]) >= 5
            assert float(values["avatar_camera_frames_tracked_total"]) >= 1
            assert float(values['avatar_sessions{state="open"}']) == 0

    asyncio.run(scene())


def test_a_taken_port_is_one_sentence() -> None:
    with listening("127.0.0.1", free_port()) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port} on 127.0.0.1 is taken; choose another with --port"):
            listening("127.0.0.1", port)
    assert Unavailable.code == 3


def test_nothing_of_the_page_is_missing() -> None:
    assert {path.name for path in PAGE.iterdir() if path.is_file()} == {name for name, _ in FILES.values()}
