"""Who leaves, politely or not, leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import aiohttp
import pytest

from runtime.streaming import peer
from tests.streaming.caller import LIMIT, Caller, Camera, until
from tests.streaming.serving import Running, free_port, serving


def ours() -> list[str]:
    names = ("mien-session", "mien-tracking", "video-decoder")
    return sorted(t.name for t in threading.enumerate() if t.name in names)


def tasks() -> set[str]:
    """All tasks but those of idle HTTP connections."""
    return {name for task in asyncio.all_tasks() if "RequestHandler" not in (name := str(task.get_coro()))}


def status(pid: int, field: str) -> int:
    """A number of /proc/PID/status: VmRSS in KiB, Threads."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields[field].split()[0])


async def come_and_vanish(running: Running) -> None:
    caller = await running.caller().call(camera=Camera(200))
    await caller.see(2)
    await caller.vanish()
    running.callers.remove(caller)


async def all_gone(running: Running) -> None:
    await until(lambda: not len(running.server.app.registry))
    await until(lambda: not ours())
    assert not running.server.app.lives()


def test_connections_that_vanish_leave_no_session_task_or_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "WATCH", 0.1)

    async def all_gone_after_silence(running: Running) -> None:
        """Silence is noticed only now, so that nobody counts as gone before all have come."""
        with monkeypatch.context() as patch:
            patch.setattr(peer, "SILENT_LIMIT", 0.2)
            await all_gone(running)

    async def scene() -> None:
        async with serving(max_sessions=8) as running:
            await come_and_vanish(running)
            await all_gone_after_silence(running)
            before = tasks()
            await asyncio.gather(*(come_and_vanish(running) for _ in range(5)))
            assert len(running.server.app.registry) == 5
            await all_gone_after_silence(running)
            await until(lambda: len(tasks() - before) == 0)

    asyncio.run(scene())


@pytest.mark.slow
def test_fifty_connections_leave_memory_as_it_was() -> None:
    """Against a server process of its own, which then ends on Ctrl-C."""
    port = free_port()
    command = [sys.executable, "-m", "tests.streaming.stub_server", str(port)]
    url = f"http://127.0.0.1:{port}"

    async def vanish_together(http: aiohttp.ClientSession, count: int) -> None:
        callers = [Caller(http, url) for _ in range(count)]
        for caller in callers:
            await caller.call(camera=Camera(200))
        await asyncio.gather(*(caller.see(2) for caller in callers))
        await asyncio.gather(*(caller.vanish() for caller in callers))

    async def scene(pid: int) -> None:
        async with aiohttp.ClientSession() as http:

            async def none_left() -> None:
                async with asyncio.timeout(LIMIT):
                    free = 0
                    while free != 8:
                        await asyncio.sleep(0.2)
                        async with http.get(f"{url}/readyz") as response:
                            free = (await response.json(content_type=None)).get("free")

            for _ in range(2):
                await vanish_together(http, 8)
                await none_left()
            before, threads = status(pid, "VmRSS"), status(pid, "Threads")
            for count in (8, 8, 8, 8, 8, 8, 2):
                await vanish_together(http, count)
                await none_left()
            assert status(pid, "VmRSS") < 1.05 * before
            assert status(pid, "Threads") <= threads

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None and server.stdout.readline().startswith("http://")
            asyncio.run(scene(server.pid))
            server.send_signal(signal.SIGINT)
            assert server.wait(LIMIT) == 0
        finally:
            server.kill()


def test_a_peer_that_never_connects_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "WATCH", 0.05)
    monkeypatch.setattr(peer, "CONNECT_LIMIT", 0.3)

    async def scene() -> None:
        async with serving() as running:
            offer = await running.caller().offer(None, "sendrecv")
            headers = {"Content-Type": "application/sdp"}
            async with running.http.post(f"{running.url}/fake/whip", data=offer, headers=headers) as response:
                assert response.status == 201
            assert len(running.server.app.registry) == 1
            await all_gone(running)

    asyncio.run(scene())


def test_stopping_the_server_ends_all_sessions_quickly() -> None:
    async def scene() -> None:
        async with serving() as running:
            callers = [await running.caller().call(camera=Camera(200)) for _ in range(3)]
            await asyncio.gather(*(caller.see(2) for caller in callers))
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < LIMIT / 2, "it waited for nobody"
        assert not ours()

    asyncio.run(scene())


def test_trackers_are_lent_reset_and_closed() -> None:
    async def scene() -> None:
        async with serving() as running:
            await until(running.server._warm.is_set)
            (warm,) = running.server.trackers._free
            first = await running.caller().call(camera=Camera(200))
            second = await running.caller().call(camera=Camera(200))
            await first.see(5)
            await second.see(5)
            assert running.server.trackers._free == []
            await first.hang_up()
            await second.hang_up()
            assert len(running.server.trackers._free) == 1
        assert warm.closed and warm.resets >= 1  # type: ignore[attr-defined]

    asyncio.run(scene())
