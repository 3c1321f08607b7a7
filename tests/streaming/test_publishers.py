"""Publishers that are not browsers: FFmpeg, and peers with certificates of other kinds than aiortc makes."""

from __future__ import annotations

import asyncio
import datetime
import random
import sys

import av
import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from runtime.errors import Unavailable
from runtime.streaming import rtc_hooks
from runtime.streaming.gnutls import MTU, WAITING, GnutlsConnection, library
from tests.streaming.caller import SDP, Camera, until
from tests.streaming.serving import serving
from tests.streaming.test_offers import RECORDER, text

PUBLISHER = """
import sys, time, av, numpy as np
white = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 240, np.uint8), format="rgb24")
silence = np.zeros((1, 1920), np.int16)
with av.open(sys.argv[1], "w", format="whip") as whip:
    video = whip.add_stream("libx264", rate=30, options={"profile": "baseline", "tune": "zerolatency", "g": "10"})
    video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
    audio = whip.add_stream("libopus", rate=48000, layout="stereo")
    for i in range(int(sys.argv[2])):
        white.pts = i
        whip.mux(video.encode(white))
        for k in (0, 1):
            sound = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
            sound.rate, sound.pts = 48000, (2 * i + k) * 960
            whip.mux(audio.encode(sound))
        time.sleep(1 / 30)
"""


@pytest.mark.skipif("whip" not in av.formats_available, reason="this PyAV has no WHIP publisher")
def test_ffmpeg_publishes_and_its_pictures_arrive() -> None:
    async def scene() -> None:
        async with serving() as running:
            viewer = await running.caller().call("whep", direction="recvonly")
            command = [sys.executable, "-c", PUBLISHER, f"{running.url}/fake/whip", "60"]
            publisher = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
            await viewer.see_until(red_above=150, seconds=30)
            assert len(running.server.app.registry) == 2
            _, error = await asyncio.wait_for(publisher.communicate(), 30)
            assert publisher.returncode == 0, error.decode()
            await until(lambda: len(running.server.app.registry) == 1)
            await viewer.hang_up()

    asyncio.run(scene())


def test_without_gnutls_ffmpeg_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise Unavailable("this publisher's certificate needs GnuTLS; install it with: apt install libgnutls30")

    monkeypatch.setattr(rtc_hooks, "library", missing)

    async def scene() -> None:
        offer = text([line.replace("o=-", "o=FFmpeg") for line in RECORDER])
        async with (
            serving() as running,
            running.http.post(f"{running.url}/fake/whip", data=offer, headers=SDP) as response,
        ):
            assert response.status == 406 and "needs GnuTLS; install it with" in await response.text()

    asyncio.run(scene())


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(1))
    return builder.not_valid_after(now + datetime.timedelta(30)).sign(key, hashes.SHA256())


class RsaCertificate(RTCCertificate):
    """As older browsers and gateways have; allows the ciphers that go with it."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
        return context


@pytest.mark.parametrize("setup", ["active", "passive"])
def test_a_peer_may_have_an_rsa_certificate(setup: str) -> None:
    async def scene() -> None:
        async with serving() as running:
            caller = running.caller()
            key = rsa.generate_private_key(65537, 2048)
            made = RsaCertificate(key, certificate(key))  # type: ignore[arg-type]
            caller.pc._RTCPeerConnection__certificates = [made]  # type: ignore[attr-defined]
            sdp = (await caller.offer(Camera(230), "sendrecv")).replace("a=setup:actpass", f"a=setup:{setup}")
            async with running.http.post(f"{running.url}/fake/whip", data=sdp, headers=SDP) as response:
                await caller.take(response)
            await caller.see_until(red_above=150)
            assert await caller.hang_up() == 200

    asyncio.run(scene())


def talk(ends: list[GnutlsConnection]) -> None:
    """Shakes hands, handing each end's datagrams to the other."""
    done = [False, False]
    for _ in range(20):
        for i, end in enumerate(ends):
            if not done[i]:
                try:
                    end.do_handshake()
                    done[i] = True
                except SSL.WantReadError:
                    pass
            try:
                data = end.bio_read(1500)
            except SSL.WantReadError:
                continue
            assert len(data) <= 1500
            ends[1 - i].bio_write(data)
        if all(done):
            return
    raise TimeoutError


def pair(curve: ec.EllipticCurve) -> list[GnutlsConnection]:
    keys = [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(curve)]
    return [GnutlsConnection(i == 0, certificate(key), key) for i, key in enumerate(keys)]


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.SECP256R1(), ec.SECP384R1()], ids=lambda curve: curve.name)
def test_two_ends_agree_on_keys_and_data(curve: ec.EllipticCurve) -> None:
    server, client = ends = pair(curve)
    timeout = client.DTLSv1_get_timeout()
    assert timeout is not None and 0 < timeout <= 1
    talk(ends)
    assert client.DTLSv1_get_timeout() is None
    assert server.get_selected_srtp_profile() == client.get_selected_srtp_profile() == b"SRTP_AES128_CM_SHA1_80"
    keys = [end.export_keying_material(b"EXTRACTOR-dtls_srtp", 60) for end in ends]
    assert keys[0] == keys[1] and len(set(keys[0])) > 20
    key = server.get_peer_certificate().public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve.name
    client.send(b"hello")
    server.bio_write(client.bio_read(MTU))
    assert server.recv(1500) == b"hello"
    with pytest.raises(SSL.WantReadError):
        server.recv(1500)
    server.shutdown()
    client.bio_write(server.bio_read(MTU))
    with pytest.raises(SSL.ZeroReturnError):
        client.recv(1500)


def test_noise_is_no_worse_than_an_ssl_error_and_is_not_kept() -> None:
    chance = random.Random(6347)
    server, client = pair(ec.SECP256R1())
    for _ in range(3 * WAITING):
        server.bio_write(bytes([22]) + chance.randbytes(chance.randrange(200)))
    assert len(server._incoming) == WAITING
    for _ in range(2 * WAITING):
        try:
            server.do_handshake()
        except SSL.WantReadError:
            continue
        except SSL.Error:
            break
    with pytest.raises(SSL.Error):
        client.get_peer_certificate()
    with pytest.raises(SSL.WantReadError):
        client.recv(1500)


def test_gnutls_is_found_once() -> None:
    assert library() is library()
