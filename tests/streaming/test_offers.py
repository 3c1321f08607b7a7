"""Offers as clients write them: what is completed, refused in part, refused in one sentence."""

from __future__ import annotations

import asyncio
import random
import re

import pytest

from runtime.streaming.offers import MAX_CANDIDATES, OfferError, checked_offer, is_fragment
from tests.streaming.caller import SDP, Camera
from tests.streaming.serving import serving

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
HEAD = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
ICE = ["a=ice-ufrag:EsAw", "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y"]
OPUS = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
VP8 = ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli"]

STANDARD = [
    *HEAD, "a=group:BUNDLE 0 1",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", *ICE, FINGERPRINT, "a=setup:actpass", "a=mid:0",
    "a=sendonly", "a=rtcp-mux", *OPUS,
    "m=video 0 UDP/TLS/RTP/SAVPF 96 97", "a=mid:1", "a=bundle-only", "a=sendonly", *VP8, "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
]  # fmt: skip
"""As in RFC 9725, 4.2: the video has a transport only through the audio that it is bundled into."""
REJECTED = [
    *HEAD, "a=sendrecv", FINGERPRINT, "a=group:BUNDLE 0 1",
    "m=audio 0 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", "a=inactive", "a=rtpmap:0 PCMU/8000",
    "m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=sendrecv", *ICE, "a=mid:0", "a=rtcp-mux", *VP8,
    "a=setup:actpass",
    "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=bundle-only", "a=mid:1", *ICE,
    "a=setup:actpass", "a=sctp-port:5000",
    "m=text 0 RTP/AVP 98", "a=mid:gone",
]  # fmt: skip
"""As a browser offers again after sections were rejected."""
RECORDER = [
    *HEAD, "a=group:BUNDLE 0 1", "a=group:LS 0 1", "a=setup:actpass", *ICE, FINGERPRINT,
    "m=audio 57249 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 192.0.2.10", "a=mid:0", "a=sendonly", "a=rtcp-mux", *OPUS,
    "a=candidate:1 1 UDP 2122317823 192.0.2.10 57249 typ host", "a=end-of-candidates",
    "m=video 57249 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 192.0.2.10", "a=mid:1", "a=sendonly", "a=rtcp-mux",
    "a=rtpmap:96 H264/90000", "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
    "a=fmtp:34 static=1",
]  # fmt: skip
"""Everything of the transport at the session's level; a format that nothing describes."""
HIGH = [line.replace("42e01f", "640c1f") for line in RECORDER]
OFFERS = {"standard": STANDARD, "rejected": REJECTED, "recorder": RECORDER}


def text(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize("name", OFFERS)
def test_offers_of_common_clients_are_answered_section_by_section(name: str) -> None:
    offered = [line for line in OFFERS[name] if line.startswith("m=")]

    async def scene() -> None:
        async with (
            serving() as running,
            running.http.post(f"{running.url}/fake/whip", data=text(OFFERS[name]), headers=SDP) as response,
        ):
            answer = await response.text()
            assert response.status == 201, answer
            answered = re.findall(r"^m=(\w+) (\d+)", answer, re.MULTILINE)
            assert [kind for kind, _ in answered] == [line[2:].split()[0] for line in offered]
            refused = [port == "0" for _, port in answered]
            assert refused == [name == "rejected" and kind in ("audio", "text") for kind, _ in answered]

    asyncio.run(scene())


def bundled_only(sdp: str) -> str:
    """The offer with a transport in its first section alone (RFC 9143, 7.1.3)."""
    head, first, *rest = re.split(r"(?=^m=)", sdp, flags=re.MULTILINE)
    transport = ("a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=end-of", "a=rtcp:", "a=rtcp-mux")
    for i, section in enumerate(rest):
        lines = [line for line in section.splitlines() if not line.startswith(transport)]
        kind, _, formats = lines[0].split(" ", 2)
        rest[i] = text([f"{kind} 0 {formats}", "a=bundle-only", *lines[1:]])
    return "".join([head, first, *rest])


def test_an_offer_with_one_transport_connects() -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = running.caller()
            caller.pc.addTransceiver("audio", direction="sendonly")
            sdp = bundled_only(await caller.offer(Camera(230), "sendrecv"))
            assert re.findall(r"^m=(\w+) 0", sdp, re.MULTILINE) == ["video", "application"]
            async with running.http.post(f"{running.url}/fake/whip", data=sdp, headers=SDP) as response:
                await caller.take(response)
            await caller.see_until(red_above=150)
            assert (await caller.say({"type": "prompt", "text": "smile"}))["type"] == "prompt"
            assert await caller.hang_up() == 200

    asyncio.run(scene())


def test_a_bundled_section_gets_the_transport_that_it_is_bundled_into() -> None:
    offer = checked_offer(text(STANDARD).encode())
    video = offer.sdp.partition("m=video")[2]
    assert video.startswith(" 9 ") and all(
        line in video for line in (*ICE, FINGERPRINT, "a=setup:actpass", "a=rtcp-mux")
    )
    assert offer.direction == "sendonly"


def test_a_direction_for_the_whole_session_counts_where_a_section_has_none() -> None:
    lines = [line for line in RECORDER if line != "a=sendonly"]
    lines.insert(len(HEAD), "a=recvonly")
    assert checked_offer(text(lines).encode()).direction == "recvonly"


@pytest.mark.parametrize(
    ("lines", "status", "says"),
    [
        (HIGH, 406, "Constrained High (profile-level-id 640c1f, packetization-mode 1)"),
        ([line.replace("tion-mode=1", "tion-mode=0") for line in RECORDER], 406, "packetization-mode 0"),
        ([line.replace("42e01f", "zzz") for line in RECORDER], 406, "of an unknown profile (profile-level-id zzz"),
        ([line for line in STANDARD if line != "a=group:BUNDLE 0 1"], 400, "bundle-only, but not in a bundle"),
        ([line.replace("a=mid:1", "a=mid:0") for line in STANDARD], 400, "the same a=mid"),
        ([line for line in STANDARD if line != "a=mid:1"], 400, "no a=mid"),
        ([line for line in STANDARD if line not in ICE], 400, "ICE credentials"),
        ([re.sub("^(m=[a-z]+) 9 ", r"\1 0 ", line) for line in REJECTED if "bundle-" not in line], 400, "no media"),
        ([*RECORDER, *(["a=rtpmap:96 x/1"] * 500), *(["a=rtcp-fb:* x"] * 500)], 413, "an offer may have 1000 lines"),
        ([*HEAD, *RECORDER[len(HEAD) : 11], *(["m=audio 9 RTP/AVP 0"] * 17)], 406, "16 media sections"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_said(lines: list[str], status: int, says: str) -> None:
    with pytest.raises(OfferError, match=re.escape(says)) as error:
        checked_offer(text(lines).encode())
    assert error.value.status == status


def test_no_more_candidates_are_tried_than_a_client_has() -> None:
    flood = [f"a=candidate:{i} 1 UDP 1 192.0.2.10 {2000 + i} typ host" for i in range(500)]
    assert checked_offer(text([*RECORDER, *flood]).encode()).sdp.count("a=candidate:") == MAX_CANDIDATES


def changed(lines: list[str], chance: random.Random) -> bytes:
    """An offer with up to four lines dropped, repeated, cut, filled, shuffled or made of noise."""
    lines = list(lines)
    for _ in range(chance.randint(1, 4)):
        i = chance.randrange(len(lines))
        line, j = lines[i], chance.randrange(len(lines[i]) + 1)
        words = line.split()
        chance.shuffle(words)
        odd = chance.choice(["", "\0", "\u00e9", "\u0663", " ", ":", "/", "=", ";", "-1", "9" * 20])
        noise = "".join(c if chance.random() > 0.1 else chr(chance.randrange(1, 300)) for c in line)
        changes = [line[:j], line[:j] + odd + line[j:], " ".join(words), line.partition(":")[0], noise]
        lines[i : i + 1] = chance.choice([[], [line, line], *([change] for change in changes)])
        lines = lines or ["v=0"]
    return text(lines).encode()


def test_no_offer_raises_anything_but_an_offer_error() -> None:
    chance, taken = random.Random(9725), 0
    for _ in range(400):
        body = changed(chance.choice(list(OFFERS.values())), chance)
        is_fragment(body)
        try:
            checked_offer(body)
            taken += 1
        except OfferError:
            continue
    assert 50 < taken < 350, "changes are neither all harmless nor all fatal"


def test_odd_offers_are_answered_or_refused_and_leave_nothing() -> None:
    async def scene() -> None:
        chance = random.Random(8843)
        async with serving(max_sessions=50) as running:
            for _ in range(40):
                body = changed(chance.choice(list(OFFERS.values())), chance)
                async with running.http.post(f"{running.url}/fake/whip", data=body, headers=SDP) as response:
                    assert response.status in (201, 400, 406, 409), await response.text()
                    location = response.headers.get("Location")
                if location:
                    async with running.http.delete(f"{running.url}/fake/{location}") as response:
                        assert response.status == 200
            assert not len(running.server.app.registry) and not running.server.app.lives()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (b"a=end-of-candidates", True),
        (
            b"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n",
            True,
        ),
        (b"a=candidate:1 1 udp 2122317823 192.0.2.10 57249 typ host\r\n", True),
        (b"a=candidate:1387637174 1 udp many 192.0.2.1 61764 typ host", False),
        (b"a=candidate:", False),
        (b"", False),
        (b"hello", False),
        (b"\xff\xfe", False),
        (b"m=audio nine", False),
    ],
)
def test_a_fragment_is_read(body: bytes, fits: bool) -> None:
    assert is_fragment(body) is fits
