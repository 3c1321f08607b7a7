"""The frame websocket: greeting, pictures, slow readers, bad messages."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import numpy as np
import pytest

from runtime.contract.wire import MAX_MESSAGE, Codec, Flag, Header, unpack
from runtime.streaming.frames import MAX_UNACKED
from tests.streaming.caller import LIMIT, until
from tests.streaming.fakes import FakeAvatar
from tests.streaming.serving import serving


async def next_picture(socket: aiohttp.ClientWebSocketResponse) -> tuple[Header, bytes]:
    while True:
        message = await socket.receive(LIMIT)
        if message.type is aiohttp.WSMsgType.BINARY:
            header, payload = unpack(message.data)
            return header, bytes(payload)
        assert message.type is aiohttp.WSMsgType.TEXT, message


def test_pictures_come_in_order_and_show_the_coefficients() -> None:
    async def scene() -> None:
        async with serving() as running, running.http.ws_connect(f"{running.url}/fake/frames") as socket:
            hello = await socket.receive_json()
            assert hello["type"] == "hello" and (hello["width"], hello["height"]) == (128, 128)
            last, sent = Header(Codec.RGBA8, Flag(0), -1, 0, 0, -1, 0, 0), 0
            async with asyncio.timeout(LIMIT):
                while True:
                    await socket.send_json({"type": "coefficients", "values": {"jawOpen": 1.0}})
                    sent += 1
                    header, payload = await next_picture(socket)
                    assert header.sequence > last.sequence and header.pts_us > last.pts_us
                    assert header.drive_sequence <= sent
                    picture = np.frombuffer(payload, np.uint8).reshape(128, 128, 4)
                    last = header
                    if picture[64, 24, 0] >= 253:  # less what the watermark may take
                        break
            assert header.flags & Flag.ALPHA and picture[64, 100].tolist() == [0, 0, 0, 0]

    asyncio.run(scene())


def test_a_refused_message_counts_among_the_clients_coefficients() -> None:
    async def scene() -> None:
        async with serving() as running, running.http.ws_connect(f"{running.url}/fake/frames") as socket:
            await socket.send_json({"type": "coefficients", "values": {"jawOpen": "wide"}})
            await socket.send_json({"type": "coefficients", "values": {"jawOpen": 1.0}})
            shown = 0
            async with asyncio.timeout(LIMIT):
                while not shown:
                    shown = (await next_picture(socket))[0].drive_sequence
            assert shown == 2

    asyncio.run(scene())


def test_the_sequence_counts_pictures_and_not_ticks() -> None:
    async def scene() -> None:
        avatar = FakeAvatar(cost=0.02)
        async with (
            serving(avatar, fps=120.0) as running,
            running.http.ws_connect(f"{running.url}/fake/frames") as socket,
        ):
            for _ in range(4):
                header, _ = await next_picture(socket)
            (live,) = running.server.app.lives()
            assert live.session.clock.skipped and header.sequence < live.session.rendered

    asyncio.run(scene())


def test_the_codec_can_be_chosen_and_changed() -> None:
    async def scene() -> None:
        async with serving() as running, running.http.ws_connect(f"{running.url}/fake/frames?codec=jpeg") as socket:
            header, payload = await next_picture(socket)
            assert header.codec is Codec.JPEG and payload[:2] == b"\xff\xd8"
            await socket.send_json({"type": "format", "codec": "rgba8"})
            async with asyncio.timeout(LIMIT):
                while (await next_picture(socket))[0].codec is not Codec.RGBA8:
                    pass

    asyncio.run(scene())


def test_a_client_that_acknowledges_late_gets_fewer_pictures_and_fresh_ones() -> None:
    async def scene() -> None:
        async with serving(fps=60.0) as running, running.http.ws_connect(f"{running.url}/fake/frames") as socket:
            (live,), (client,) = running.server.app.lives(), running.server.app.sockets.open
            acknowledged = -1
            while not client._acknowledges or len(client._in_flight) > MAX_UNACKED:
                acknowledged = (await next_picture(socket))[0].sequence
                await socket.send_json({"ack": acknowledged})
            await until(lambda: len(client._in_flight) == MAX_UNACKED and client._in_flight[0] > acknowledged)
            missed = live.counters()["viewerDropped"] + 15
            await until(lambda: live.counters()["viewerDropped"] > missed)
            waiting = [(await next_picture(socket))[0].sequence for _ in range(MAX_UNACKED)]
            await socket.send_str("hello")
            assert (await socket.receive(LIMIT)).type is aiohttp.WSMsgType.TEXT, "no further picture was on its way"
            await socket.send_json({"ack": waiting[-1]})
            fresh, _ = await next_picture(socket)
            assert fresh.sequence - waiting[-1] > 15

    asyncio.run(scene())


def test_a_client_that_does_not_read_costs_no_memory() -> None:
    async def scene() -> None:
        async with serving(fps=120.0) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.server.config.port)
            writer.write(
                b"GET /fake/frames HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await until(running.server.app.lives)
            (live,) = running.server.app.lives()
            await until(lambda: live.session.rendered > 150)
            client = next(iter(running.server.app.sockets.open))
            transport = client._socket._req.transport  # type: ignore[union-attr]
            assert transport is not None
            assert transport.get_write_buffer_size() < 4 * 65536 + 70000
            assert live.counters()["viewerDropped"] > 30
            writer.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "must be JSON"),
        ("[1]", "JSON object"),
        ('{"type": "coefficients", "values": {"jawOpen": NaN}}', "not finite"),
        ('{"type": "coefficients", "values": {"jawOpen": 1e999}}', "not finite"),
        ('{"type": "format", "codec": "av9"}', "unknown codec 'av9'; known: RGBA8, JPEG"),
        ('{"ack": "all"}', "'ack' must be"),
        ('{"type": "script", "text": "]["}', "script"),
    ],
)
def test_a_bad_message_is_answered_and_the_pictures_go_on(text: str, says: str) -> None:
    async def scene() -> None:
        async with serving() as running, running.http.ws_connect(f"{running.url}/fake/frames") as socket:
            await socket.receive_json()
            await socket.send_str(text)
            reply: dict[str, Any] = {}
            async with asyncio.timeout(LIMIT):
                while not reply:
                    message = await socket.receive()
                    if message.type is aiohttp.WSMsgType.TEXT:
                        reply = message.json()
            assert reply["type"] == "problem" and says in reply["detail"]
            await next_picture(socket)

    asyncio.run(scene())


@pytest.mark.parametrize(("message", "code"), [("x" * (MAX_MESSAGE + 100), 1009), (b"\x00", 1003)])
def test_messages_that_are_too_long_or_binary_end_the_connection(message: str | bytes, code: int) -> None:
    async def scene() -> None:
        async with serving() as running, running.http.ws_connect(f"{running.url}/fake/frames") as socket:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
            async with asyncio.timeout(LIMIT):
                while (received := await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    pass
            assert received.type is aiohttp.WSMsgType.CLOSE and received.data == code
            await until(lambda: not len(running.server.app.registry))

    asyncio.run(scene())


def test_the_end_of_the_server_is_said() -> None:
    async def scene() -> None:
        async with aiohttp.ClientSession() as http:
            async with serving(FakeAvatar()) as running:
                socket = await http.ws_connect(f"{running.url}/fake/frames")
                await next_picture(socket)
            while (message := await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                pass
            assert message.data == 1001

    asyncio.run(scene())
