"""Checking an SDP offer before aiortc sees it."""

from __future__ import annotations

from dataclasses import dataclass

from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.sdp import SessionDescription

MAX_SDP = 128 * 1024
"""Bytes of the longest offer taken."""
CODECS = ("VP8", "H264")
"""Video codecs spoken, cheapest first."""


class OfferError(ValueError):
    """An offer that cannot be answered; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Offer:
    """An offer that can be answered."""

    sdp: str
    """Without candidates that this server cannot reach by name."""
    direction: str
    """Of its video, as the client sees it: sendrecv, sendonly or recvonly."""
    extensions: tuple[RTCRtpHeaderExtensionParameters, ...]
    """RTP header extensions that its video may carry."""


def checked_offer(body: bytes) -> Offer:
    """Reads an offer: one bundled video section, a codec in common, fingerprints and ICE credentials.

    Raises OfferError with status 400 where it is no SDP, 406 where its parts cannot be served, 413 where it is long.
    """
    if len(body) > MAX_SDP:
        raise OfferError(413, f"an offer may have {MAX_SDP} bytes, got {len(body)}")
    try:
        text = body.decode()
        description = SessionDescription.parse(text)
    except (ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError):
        raise OfferError(400, "the body is not an SDP offer") from None
    if not description.media:
        raise OfferError(400, "the offer has no media sections")
    for media in description.media:
        if media.ice is None or media.ice.usernameFragment is None or media.ice.password is None:
            raise OfferError(400, "the offer has no ICE credentials")
        if media.dtls is None or not media.dtls.fingerprints:
            raise OfferError(400, "the offer has no DTLS fingerprint")
        if media.kind not in ("audio", "video", "application"):
            raise OfferError(406, f"'{media.kind}' sections are not served")
    videos = [media for media in description.media if media.kind == "video"]
    if len(videos) != 1:
        raise OfferError(406, f"an offer needs exactly one video section, got {len(videos)}")
    names = {codec.name.upper() for codec in videos[0].rtp.codecs}
    if not names & set(CODECS):
        raise OfferError(406, f"the offer has none of the video codecs {', '.join(CODECS)}")
    direction = videos[0].direction or "sendrecv"
    if direction == "inactive":
        raise OfferError(406, "the offer's video is inactive")
    return Offer(_reachable(text), direction, tuple(videos[0].rtp.headerExtensions))


def _reachable(sdp: str) -> str:
    """`sdp` without mDNS and TCP candidates.

    A browser hides its address behind a `.local` name; waiting for that name costs seconds, while its first
    connectivity check tells the address at once. The end-of-candidates mark goes too: that check is still to come.
    """
    kept = []
    for line in sdp.splitlines():
        if line.startswith("a=end-of-candidates"):
            continue
        if line.startswith("a=candidate:"):
            fields = line.split()
            if len(fields) < 8 or fields[2].lower() != "udp" or fields[4].endswith(".local"):
                continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"
