"""The Python client against a real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
sys.path.insert(0, str(PACKAGE))

from mien_client import Connection, MessageRefused, MienClientError, connect  # noqa: E402
from mien_client.address import parse_address  # noqa: E402
from mien_client.frame import parse  # noqa: E402

from tests.streaming.caller import LIMIT  # noqa: E402
from tests.streaming.prefix_proxy import PREFIX, behind_prefix  # noqa: E402
from tests.streaming.serving import serving  # noqa: E402


def against_a_server(client: Callable[[str], None], **settings: Any) -> None:
    async def scene() -> None:
        async with serving(**settings) as running:
            await asyncio.wait_for(asyncio.to_thread(client, running.url), LIMIT)

    asyncio.run(scene())


def first(connection: Connection, count: int) -> list[Any]:
    return [frame for frame, _ in zip(connection.frames(LIMIT), range(count), strict=False)]


def test_coefficients_go_in_and_pictures_come_out() -> None:
    def client(url: str) -> None:
        with connect(url) as avatar:
            assert avatar.hello["avatar"] == "fake"
            number = avatar.drive({"jawOpen": 1.0}, rotation=(0, 0, 0, 1))
            for frame in avatar.frames(LIMIT):
                picture = frame.array()
                if frame.drive_sequence == number and picture[64, 24, 0] > 250:
                    break
                avatar.drive({"jawOpen": 1.0})
                number += 1
            assert picture.shape == (128, 128, 4)
            assert frame.has_alpha and picture[64, 100, 3] == 0

    against_a_server(client)


def test_jpeg_prompts_and_answers() -> None:
    def client(url: str) -> None:
        with connect(url, avatar="fake", codec="JPEG") as avatar:
            avatar.prompt("smile")
            frames = first(avatar, 4)
            assert frames[0].payload[:2] == b"\xff\xd8"
            with pytest.raises(ValueError, match="JPEG"):
                frames[0].array()
            kinds = {reply["type"] for reply in avatar.replies()}
            assert kinds == {"prompt"}
            assert [f.sequence for f in frames] == sorted({f.sequence for f in frames})

    against_a_server(client)


def test_an_avatars_own_expressions_are_listed_and_played() -> None:
    def client(url: str) -> None:
        with connect(url) as avatar:
            assert avatar.expressions == ["tongue out", "mad and happy"]
            avatar.play("mad and happy")
            avatar.prompt("tongue out slightly")
            first(avatar, 4)
            replies = avatar.replies()
            assert [(r["type"], r["unknown"]) for r in replies] == [("prompt", [])] * 2
            assert replies[0]["seconds"] == pytest.approx(0.45 + 1.0 + 0.55), "one expression, not two after each other"
            with pytest.raises(ValueError, match=r"no expression 'smile'; its own: tongue out, mad and happy"):
                avatar.play("smile")

    against_a_server(client)


class Category:
    """As MediaPipe's Python package lists blendshapes."""

    def __init__(self, category_name: str, score: float) -> None:
        self.category_name, self.score = category_name, score


def test_coefficients_are_taken_in_the_forms_of_other_programs() -> None:
    forms: list[Any] = [{"JawOpen": np.float32(1)}, [Category("_neutral", 0.9), Category("jawOpen", 1.0)]]

    def client(url: str) -> None:
        for values in forms:
            with connect(url) as avatar:
                for frame in avatar.frames(LIMIT):
                    avatar.drive(values)
                    if frame.drive_sequence and frame.array()[64, 24, 0] > 250:
                        break

    against_a_server(client)


def test_a_refused_message_is_an_exception_or_a_callback() -> None:
    def client(url: str) -> None:
        with connect(url) as avatar:
            avatar.drive({"jawOpne": 1})
            with pytest.raises(MessageRefused, match="did you mean 'jawOpen'") as refusal:
                first(avatar, 1000)
            assert refusal.value.about == "coefficients"
            assert len(first(avatar, 2)) == 2, "the connection goes on"
            with pytest.raises(ValueError, match="65536 bytes"):
                avatar.script("x" * 70_000)
        refused: list[MessageRefused] = []
        with connect(url, on_problem=refused.append) as avatar:
            avatar.script("- at: soon")
            for _ in avatar.frames(LIMIT):
                if refused:
                    break
            assert [r.about for r in refused] == ["script"]

    against_a_server(client)


def test_the_path_of_the_address_is_kept() -> None:
    async def scene() -> None:
        async with serving() as running, behind_prefix(running.url) as url:
            assert url.endswith(PREFIX)
            for address in (url, f"{url}/", f"{url}/?avatar=fake#token=t"):
                await asyncio.wait_for(asyncio.to_thread(client, address), LIMIT)
            with pytest.raises(MienClientError, match="answered 404"):
                await asyncio.to_thread(client, url.removesuffix(PREFIX))

    def client(url: str) -> None:
        with connect(url) as avatar:
            assert avatar.hello["avatar"] == "fake" and first(avatar, 1)

    asyncio.run(scene())


def test_an_address_carries_avatar_and_token() -> None:
    address = parse_address("https://example.org/x/?avatar=me&token=no#token=t%20o")
    assert (address.avatar, address.token) == ("me", "t o")
    assert address.websocket("a b", "frames", codec="JPEG") == "wss://example.org/x/a%20b/frames?codec=JPEG"
    assert parse_address("http://[::1]:8080").http("api") == "http://[::1]:8080/api"
    for wrong in ("ftp://example.org", "127.0.0.1:8080", "http://"):
        with pytest.raises(ValueError, match="the address must"):
            parse_address(wrong)


def test_a_proxy_is_asked_for_neither_this_machine_nor_what_no_proxy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy in the environment that nobody answers at."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")

    def client(url: str) -> None:
        with connect(url) as avatar:
            assert first(avatar, 1)

    against_a_server(client)
    direct = {"localhost:80": True, "127.9.9.9": True, "[::1]:80": True, "a.example.org": True, "example.com": False}
    assert {host: parse_address(f"http://{host}").direct for host in direct} == direct
    with pytest.raises((OSError, MienClientError)):
        connect("http://example.com", avatar="demo", timeout=2.0)


def test_a_refusal_says_why() -> None:
    def client(url: str) -> None:
        with pytest.raises(MienClientError, match="no avatar of this name"):
            connect(url, avatar="nobody")
        with connect(url), pytest.raises(MienClientError, match="all sessions are taken"):
            connect(url)

    against_a_server(client, max_sessions=1)


def test_a_token_goes_along() -> None:
    def client(url: str) -> None:
        with pytest.raises(MienClientError, match="token"):
            connect(url, avatar="fake")
        for opened in (connect(url, token="secret"), connect(f"{url}#token=secret")):
            with opened as avatar:
                assert first(avatar, 1)

    against_a_server(client, token="secret")


def test_foreign_bytes_are_refused() -> None:
    for message, says in [(b"", "32 bytes"), (b"X" * 40, "another version")]:
        with pytest.raises(ValueError, match=says):
            parse(message)


def test_it_stands_alone() -> None:
    """Imports nothing of the server, and numpy only when pixels are asked for."""
    code = "import sys, mien_client; print([m for m in sys.modules if m.split('.')[0] in ('runtime', 'numpy')])"
    result = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
