"""How a page reaches its server: from another origin, under a path prefix, without a way for media, with a token."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.end_to_end.browsing import LIMIT, browsing, chromium, wait_for
from tests.end_to_end.process import open_sessions, server_process
from tests.streaming.prefix_proxy import behind_prefix

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium is installed"),
]

LIVE = "window.mien?.stats().state === 'live'"

NO_CANDIDATES = """
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(settings) {
    super({ ...settings, iceTransportPolicy: 'relay' });
  }
};
"""
"""The browser itself gives no address for media, as some policies demand."""
UNREACHABLE = """
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  get localDescription() {
    const { type, sdp } = super.localDescription;
    return { type, sdp: sdp.replaceAll(/(a=candidate:\\S+ \\d+ udp \\d+) \\S+ \\d+/g, '$1 192.0.2.1 9') };
  }
  setRemoteDescription({ type, sdp }) {
    return super.setRemoteDescription({ type, sdp: sdp.replaceAll(/a=candidate:.*\\r\\n/g, '') });
  }
};
"""
"""Both sides have candidates, but no packet finds its way: as behind a firewall that drops UDP."""

FOREIGN = """<!doctype html><video autoplay muted playsinline></video>
<script type="module">
  import {{ connect }} from '{server}/mien.js';
  for (const target of [window, HTMLVideoElement.prototype]) {{
    for (const name of ['requestVideoFrameCallback', 'cancelVideoFrameCallback']) {{
      const plain = target[name];
      if (plain) target[name] = function (...given) {{
        window[name] = (window[name] ?? 0) + 1;
        return plain.apply(this, given);
      }};
    }}
  }}
  window.mien = await connect(document.querySelector('video'));
</script>"""


@contextlib.contextmanager
def site() -> Iterator[tuple[str, dict[str, str]]]:
    """Another origin: its address, and its pages by their paths."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", pages
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def prefixed(upstream: str) -> Iterator[str]:
    """The address of `upstream` behind a proxy with a path prefix, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(LIMIT)

    proxy = behind_prefix(upstream)
    try:
        yield run(proxy.__aenter__())
    finally:
        run(proxy.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_page_of_another_origin_uses_it_and_gets_everything_back() -> None:
    with (
        site() as (origin, pages),
        server_process("--allow-origin", origin, stub=True) as server,
        browsing(None) as page,
    ):
        pages["/"] = FOREIGN.format(server=server.url)
        page.goto(origin)
        wait_for(page, LIVE)
        assert page.evaluate("mien.prompt('smile').then(({ seconds }) => seconds)") > 0
        page.evaluate("mien.useCamera().then(() => {})")
        wait_for(page, "mien.stats().source === 'camera' && mien.stats().delayMs.p50 !== null")
        page.evaluate("mien.close()")
        assert page.evaluate("mien.state") == "closed"
        before = page.evaluate("window.requestVideoFrameCallback")
        page.wait_for_timeout(200)
        assert page.evaluate("window.requestVideoFrameCallback") == before
        assert page.evaluate("window.cancelVideoFrameCallback") >= 1
        assert page.evaluate("document.querySelector('video').srcObject") is None
        assert len(page.workers) == 0
        assert open_sessions(server.url) == 0
        page.evaluate("mien.start()")
        wait_for(page, LIVE)


def test_an_origin_that_is_not_allowed_is_told_so() -> None:
    with server_process(stub=True) as server, site() as (origin, pages), browsing(None) as page:
        pages["/"] = "<!doctype html>"
        page.goto(origin)
        assert page.evaluate(f"import('{server.url}/mien.js').then(() => 'loaded', () => 'refused')") == "refused"


def test_the_page_works_under_a_path_prefix() -> None:
    with server_process(stub=True) as server, prefixed(server.url) as url, browsing(None) as page:
        failed: list[str] = []
        page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        page.goto(f"{url}/")
        wait_for(page, LIVE)
        assert page.evaluate("fetch(mien.thumbnail('fake')).then((r) => r.ok)")
        page.evaluate("mien.close()")
        assert open_sessions(server.url) == 0, "the session's address was understood"
        assert failed == []


RED = """(() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const context = canvas.getContext('2d');
  context.drawImage(document.getElementById('avatar'), 10, 60, 1, 1, 0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data[0] > 90;
})()"""
"""The fake avatar is red as far as its mouth is open."""


@pytest.mark.parametrize("how", [NO_CANDIDATES, UNREACHABLE], ids=["no candidates", "firewall"])
def test_without_a_route_for_media_pictures_come_over_the_websocket(how: str) -> None:
    with server_process("--max-sessions", "1", stub=True) as server, browsing(None) as page:
        page.add_init_script(how)
        page.goto(server.url)
        if how == UNREACHABLE:
            wait_for(page, "document.getElementById('state').textContent === 'Connecting'")
        wait_for(page, LIVE)
        assert page.evaluate("mien.stats().transport") == "websocket"
        assert page.evaluate("[mien.stats().delayMs.p50, mien.stats().source]") == [None, None]
        size = page.evaluate("document.getElementById('avatar').videoWidth")
        assert size == 128, "nothing is live before its picture is there"
        wait_for(page, "mien.stats().fps > 0")
        assert "no route for media" in page.inner_text("#route") and "camera" in page.inner_text("#route")
        assert page.is_disabled("#use-camera")
        assert "no route for media" in page.evaluate("mien.useCamera().catch((error) => error.message)")
        page.fill("#prompt", "open your mouth")
        page.press("#prompt", "Enter")
        wait_for(page, RED)
        assert "list of" in page.evaluate("mien.script('- at: soon').catch((error) => error.message)")
        page.evaluate("mien.close()")
        wait_for(page, "mien.state === 'closed'")


def test_a_refused_message_is_a_rejected_promise() -> None:
    with server_process(stub=True) as server, browsing(server.url) as page:
        wait_for(page, LIVE)
        refused = partial("mien.{0}.then(() => 'taken', (error) => error.message)".format)
        assert "did you mean 'jawOpen'" in page.evaluate(refused("coefficients({ jawOpne: 1 })"))
        assert page.evaluate(refused("coefficients({ JawOpen: 1, _neutral: 0.2 })")) == "taken"
        categories = "[{ categoryName: '_neutral', score: 1 }, { categoryName: 'jawOpen', score: 1 }]"
        assert page.evaluate(refused(f"coefficients({categories})")) == "taken"
        wait_for(page, "mien.stats().source === 'coefficients'")
        assert "65536 bytes" in page.evaluate(refused("script('x'.repeat(70000))"))
        assert page.evaluate(refused("stop()")) == "taken"
        page.evaluate("mien.view('left', 0)")
        wait_for(page, "document.getElementById('notice').textContent.includes('yaw')")
        page.evaluate("window.asked = mien.prompt('smile').catch((error) => error.message); mien.close()")
        assert page.evaluate("asked") == "The connection was closed."


def test_an_interruption_is_not_the_end() -> None:
    """The connection's state goes to `disconnected` and comes back; only what does not recover is opened anew."""
    with server_process(stub=True) as server, browsing(None) as page:
        page.add_init_script(
            "const Plain = RTCPeerConnection; window.peers = [];"
            "window.RTCPeerConnection = class extends Plain {"
            " constructor(...given) { super(...given); peers.push(this); }"
            " createDataChannel(...given) { return (this[given[0]] = super.createDataChannel(...given)); }"
            " get connectionState() { return this.pretended ?? super.connectionState; } };"
        )
        page.goto(server.url)
        wait_for(page, LIVE)
        page.evaluate("window.states = []; mien.addEventListener('state', ({ detail }) => states.push(detail))")
        pretend = "peers[0].pretended = '{}'; peers[0].dispatchEvent(new Event('connectionstatechange'))"
        page.evaluate(f"{pretend.format('disconnected')}; {pretend.format('connected')}")
        wait_for(page, LIVE)
        page.wait_for_timeout(500)
        assert page.evaluate("[states[0], peers.length]") == ["reconnecting", 1]
        page.evaluate(pretend.format("failed"))
        wait_for(page, "peers.length === 2 && mien.stats().state === 'live'")
        farewell = '{"type": "problem", "about": "session", "detail": "rendering failed"}'
        page.evaluate(f"peers[1].control.onmessage({{ data: '{farewell}' }})")
        assert page.inner_text("#veil") == "Rendering failed. Trying again…"
        wait_for(page, "peers.length === 3 && mien.stats().state === 'live'")


def test_a_token_comes_from_the_pages_address_and_goes_everywhere() -> None:
    with server_process("--token", "se cret", stub=True) as server, browsing(None) as page:
        page.add_init_script(NO_CANDIDATES)  # so that the websocket carries it, too
        for address in ("/#token=se%20cret", "/?token=se+cret"):
            page.goto(server.url + address)
            wait_for(page, LIVE)
            assert page.evaluate("fetch(mien.thumbnail('fake')).then((r) => r.ok)")
            page.goto("about:blank")
        page.goto(server.url)
        wait_for(page, "mien.state === 'closed'")
        assert "token" in page.inner_text("#veil")


def test_each_avatar_of_a_server_has_an_address() -> None:
    with server_process("--avatar", "one", "--avatar", "two & a half", stub=True) as server, browsing(None) as page:
        page.goto(f"{server.url}/#token=kept")
        wait_for(page, LIVE)
        links = page.get_by_role("navigation", name="Avatars").get_by_role("link")
        assert links.all_inner_texts() == ["one", "two & a half"]
        assert links.nth(0).get_attribute("aria-current") == "true"
        links.nth(1).click()
        page.wait_for_url("**/?avatar=two+%26+a+half#token=kept")
        wait_for(page, LIVE)
        assert page.evaluate("mien.avatar") == "two & a half"
        assert links.nth(1).get_attribute("aria-current") == "true"
        page.goto(f"{server.url}/?avatar=three")
        wait_for(page, "mien.state === 'closed'")
        assert "no avatar “three” here, only: one, two & a half" in page.inner_text("#veil")
        assert links.count() == 2


def test_a_server_that_is_away_is_named_and_asked_again() -> None:
    with server_process(stub=True) as server, browsing(None) as page:
        page.route("**/api/avatars", lambda route: route.abort())
        page.goto(server.url)
        wait_for(page, "document.getElementById('veil').textContent.includes('does not answer')")
        page.unroute("**/api/avatars")
        wait_for(page, LIVE)
        page.evaluate("mien.close()")
        page.context.set_offline(True)
        page.evaluate("{ mien.start().catch(() => {}) }")
        wait_for(page, "document.getElementById('veil').textContent.includes('This machine has no network')")
        page.context.set_offline(False)
        wait_for(page, LIVE)
