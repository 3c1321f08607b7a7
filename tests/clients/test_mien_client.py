"""The Python client against a real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
sys.path.insert(0, str(PACKAGE))

from mien_client import Connection, MienClientError, connect  # noqa: E402
from mien_client.frame import parse  # noqa: E402

from tests.streaming.serving import serving  # noqa: E402


def against_a_server(client: Callable[[str], None], **settings: Any) -> None:
    async def scene() -> None:
        async with serving(**settings) as running:
            await asyncio.wait_for(asyncio.to_thread(client, running.url), 20)

    asyncio.run(scene())


def first(connection: Connection, count: int) -> list[Any]:
    return [frame for frame, _ in zip(connection.frames(5.0), range(count), strict=False)]


def test_coefficients_go_in_and_pictures_come_out() -> None:
    def client(url: str) -> None:
        with connect(url) as avatar:
            assert avatar.hello["avatar"] == "fake"
            number = avatar.drive({"jawOpen": 1.0}, rotation=(0, 0, 0, 1))
            for frame in avatar.frames(5.0):
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
            avatar.drive({"nonsense": 1})
            frames = first(avatar, 4)
            assert frames[0].payload[:2] == b"\xff\xd8"
            with pytest.raises(ValueError, match="JPEG"):
                frames[0].array()
            kinds = {reply["type"] for reply in avatar.replies()}
            assert kinds == {"prompt", "problem"}
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


def test_a_refusal_says_why() -> None:
    def client(url: str) -> None:
        with pytest.raises(MienClientError, match="no avatar of this name"):
            connect(url, avatar="nobody")
        with connect(url), pytest.raises(MienClientError, match="all sessions are taken"):
            connect(url)

    against_a_server(client, max_sessions=1)


def test_foreign_bytes_are_refused() -> None:
    for message, says in [(b"", "32 bytes"), (b"X" * 40, "another version")]:
        with pytest.raises(ValueError, match=says):
            parse(message)


def test_it_stands_alone() -> None:
    """Imports nothing of the server, and numpy only when pixels are asked for."""
    code = "import sys, mien_client; print([m for m in sys.modules if m.split('.')[0] in ('runtime', 'numpy')])"
    result = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
