"""Reading an SDP offer: checked and completed before aiortc sees it, its refused sections put back into the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiortc.codecs import CODECS as KNOWN_CODECS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters
from aiortc.sdp import DIRECTIONS, SessionDescription, candidate_from_sdp, parse_h264_profile_level_id

MAX_SDP = 128 * 1024
"""Bytes of the longest offer taken."""
MAX_SECTIONS = 16
"""Media sections of the longest offer taken; a call of one camera has three at most."""
MAX_LINES = 1000
"""Lines of the longest offer taken: aiortc's parser goes through all codecs for each line of feedback."""
MAX_CANDIDATES = 32
"""Candidates that are tried; each further one would be one more address to send packets to."""
CODECS = ("VP8", "H264")
"""Video codecs spoken, cheapest first."""
KINDS = ("audio", "video", "application")
TRANSPORT = ("ice-ufrag", "ice-pwd", "fingerprint", "setup", "rtcp-mux")
"""What a bundled section has from the one that it is bundled into (RFC 9143, 7.1.3)."""
UNREADABLE = (ValueError, LookupError, AssertionError, AttributeError, TypeError, StopIteration)
"""What aiortc's parser raises for lines it cannot read."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
_MEDIA = re.compile(r"m=(\S+) (\d{1,5})(?:/\d+)? (\S+) (.+)")
_ATTRIBUTE = re.compile(rf"a={_TOKEN.pattern}(:[^\x00-\x1f]+)?")


class OfferError(ValueError):
    """An offer that cannot be answered; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Section:
    """One media section, or what stands before the first."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        match = _MEDIA.fullmatch(self.lines[0]) if self.lines else None
        self.kind, port, self.protocol, self.formats = match.groups() if match else ("", "0", "", "")
        self.port = int(port)

    def values(self, attribute: str) -> list[str]:
        """The values of all `a=attribute:value` lines, "" for one without a value."""
        found = (line[2:].partition(":") for line in self.lines if line.startswith("a="))
        return [value.strip() for name, _, value in found if name.strip() == attribute]

    @property
    def mid(self) -> str:
        return next(iter(self.values("mid")), "")

    @property
    def bundle_only(self) -> bool:
        return bool(self.values("bundle-only"))

    @property
    def rejected(self) -> bool:
        """Port 0 (RFC 3264, 6), unless that says that the section is nothing without its bundle (RFC 9143, 6)."""
        return self.port == 0 and not self.bundle_only

    def refusal(self) -> str:
        """The section of the answer that refuses this one."""
        lines = [f"m={self.kind} 0 {self.protocol} {self.formats}", "c=IN IP4 0.0.0.0", "a=inactive"]
        return "".join(f"{line}\r\n" for line in (*lines, *([f"a=mid:{self.mid}"] if self.mid else [])))


@dataclass(frozen=True)
class Offer:
    """An offer that can be answered."""

    sdp: str
    """With all that a bundled section has from another; without refused sections, and without candidates that this
    server cannot reach by name."""
    direction: str
    """Of its video, as the client sees it: sendrecv, sendonly or recvonly."""
    extensions: tuple[RTCRtpHeaderExtensionParameters, ...]
    """RTP header extensions that its video may carry."""
    by_ffmpeg: bool
    """Whether FFmpeg's WHIP publisher made it, whose certificate only GnuTLS takes (`runtime.streaming.gnutls`)."""
    refused: Mapping[int, str]
    """The answer's sections, by their place, for those that `sdp` lacks."""

    def answer(self, sdp: str) -> str:
        """The answer to the offer as it came, made of the one to `self.sdp`: a section for each (RFC 3264, 6)."""
        head, *sections = _split(sdp.splitlines())
        texts = ["".join(f"{line}\r\n" for line in section.lines) for section in sections]
        for place, text in sorted(self.refused.items()):
            texts.insert(place, text)
        return "".join(f"{line}\r\n" for line in head.lines) + "".join(texts)


def checked_offer(body: bytes) -> Offer:
    """Reads an offer: one bundled video section, a codec in common, fingerprints and ICE credentials.

    Raises OfferError with status 400 where it is no SDP, 406 where its parts cannot be served, 413 where it is long.
    """
    if len(body) > MAX_SDP:
        raise OfferError(413, f"an offer may have {MAX_SDP} bytes, got {len(body)}")
    try:
        lines = [line.rstrip() for line in body.decode().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise OfferError(400, "the body is not an SDP offer") from None
    if not lines or not lines[0].startswith("v="):
        raise OfferError(400, "the body is not an SDP offer")
    if len(lines) > MAX_LINES:
        raise OfferError(413, f"an offer may have {MAX_LINES} lines, got {len(lines)}")
    head, *sections = _split(lines)
    if len(sections) > MAX_SECTIONS:
        raise OfferError(406, f"an offer may have {MAX_SECTIONS} media sections, got {len(sections)}")
    if any(not section.kind for section in sections):
        raise OfferError(400, "the body is not an SDP offer")
    live = [section for section in sections if not section.rejected]
    if not live:
        raise OfferError(400, "the offer has no media sections")
    for section in live:
        if section.kind not in KINDS:
            raise OfferError(406, f"'{section.kind}' sections are not served")
    sdp = _completed(head, live)
    try:
        description = SessionDescription.parse(sdp)
        spoken = [c for media in description.media if media.kind == "video" for c in _spoken(media.rtp.codecs)]
    except UNREADABLE:
        raise OfferError(400, "the body is not an SDP offer") from None
    for media in description.media:
        if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
            raise OfferError(400, "the offer has no ICE credentials")
        if media.dtls is None or not media.dtls.fingerprints:
            raise OfferError(400, "the offer has no DTLS fingerprint")
    videos = [media for media in description.media if media.kind == "video"]
    if len(videos) != 1:
        raise OfferError(406, f"an offer needs exactly one video section, got {len(videos)}")
    if not spoken:
        raise OfferError(406, _not_spoken(videos[0].rtp.codecs))
    direction = videos[0].direction or "sendrecv"
    if direction == "inactive":
        raise OfferError(406, "the offer's video is inactive")
    refused = {place: section.refusal() for place, section in enumerate(sections) if section.rejected}
    by_ffmpeg = any(line.startswith("o=FFmpeg ") for line in head.lines)
    return Offer(sdp, direction, tuple(videos[0].rtp.headerExtensions), by_ffmpeg, refused)


def is_fragment(body: bytes) -> bool:
    """Whether a PATCH brings an SDP fragment (RFC 8840, 9): attributes and m= lines, each candidate a readable one."""
    try:
        lines = [line for line in body.decode().splitlines() if line]
        for line in lines:
            if line.startswith("a=candidate:"):
                candidate_from_sdp(line.removeprefix("a=candidate:"))
    except UNREADABLE:
        return False
    return bool(lines) and all(_ATTRIBUTE.fullmatch(line) or _MEDIA.fullmatch(line) for line in lines)


def _split(lines: Sequence[str]) -> list[_Section]:
    """What stands before the first media section, then each of those."""
    starts = [i for i, line in enumerate(lines) if line.startswith("m=")]
    return [_Section(lines[i:j]) for i, j in zip([0, *starts], [*starts, len(lines)], strict=True)]


def _completed(head: _Section, live: Sequence[_Section]) -> str:
    """One SDP text in which every section says for itself what aiortc wants to read there."""
    mids = [section.mid for section in live]
    if len(live) > 1 and not all(map(_TOKEN.fullmatch, mids)):
        raise OfferError(400, "a media section has no a=mid")
    if len(set(mids)) != len(mids):
        raise OfferError(400, "two media sections have the same a=mid")
    groups = [group.split()[1:] for group in head.values("group") if group.split()[:1] == ["BUNDLE"]]
    bundled = [section for mid in (groups[0] if groups else []) for section in live if section.mid == mid]
    # The first that has a port of its own carries the transport of all (RFC 9143, 7.2.1).
    tagged = next((section for section in bundled if not section.bundle_only), None)
    if any(section.bundle_only and (tagged is None or section not in bundled) for section in live):
        raise OfferError(400, "a section is bundle-only, but not in a bundle")
    direction = next((line for line in head.lines if line[2:] in DIRECTIONS), "a=sendrecv")
    out = [line for line in head.lines if not line.startswith("a=group:")]
    if tagged is not None:
        order = [tagged, *(section for section in bundled if section is not tagged)]
        out.append(f"a=group:BUNDLE {' '.join(section.mid for section in order)}")
    for section in live:
        own = [line for line in section.lines if line.partition(":")[0].strip() != "a=mid"]
        own[1:1] = [f"a=mid:{section.mid}"] if section.mid else []
        own[0] = f"m={section.kind} {section.port or 9} {section.protocol} {section.formats}"
        if not any(line[2:] in DIRECTIONS for line in own):
            own.append(direction)
        if tagged is not None and section is not tagged and section in bundled:
            own += _inherited(section, tagged)
        out += own
    return _reachable(_without_strays(out))


def _inherited(section: _Section, tagged: _Section) -> list[str]:
    """The lines of the transport that `section` lacks and `tagged` has."""
    lines = []
    for attribute in TRANSPORT:
        if not section.values(attribute):
            lines += [f"a={attribute}:{value}" if value else f"a={attribute}" for value in tagged.values(attribute)]
    return lines


def _without_strays(lines: Sequence[str]) -> list[str]:
    """`lines` without a=fmtp of formats that no a=rtpmap describes: static ones, which nobody here speaks."""
    kept: list[str] = []
    described: set[str] = set()
    for section in _split(lines):
        described = {value.split(" ")[0] for value in section.values("rtpmap")}
        for line in section.lines:
            if not line.startswith("a=fmtp:") or line[7:].split(" ")[0] in described:
                kept.append(line)
    return kept


def _spoken(offered: Sequence[RTCRtpCodecParameters]) -> list[RTCRtpCodecParameters]:
    common: list[RTCRtpCodecParameters] = find_common_codecs(KNOWN_CODECS["video"], list(offered))
    return [codec for codec in common if codec.name.upper() in CODECS]


def _not_spoken(offered: Sequence[RTCRtpCodecParameters]) -> str:
    """Why none of the video codecs offered can be spoken; names the profiles where it is H.264 of another kind."""
    profiles = sorted({_profile(codec) for codec in offered if codec.name.upper() == "H264"})
    if not profiles:
        return f"the offer has none of the video codecs {', '.join(CODECS)}"
    return (
        f"the offer's H.264 is {' or '.join(profiles)}; set the publisher to Baseline or Constrained Baseline profile "
        "with packetization-mode 1, or to VP8"
    )


def _profile(codec: RTCRtpCodecParameters) -> str:
    level_id = str(codec.parameters.get("profile-level-id", "42E01F"))
    mode = codec.parameters.get("packetization-mode", 0)
    try:
        profile = parse_h264_profile_level_id(level_id)[0].name.removeprefix("PROFILE_").replace("_", " ").title()
    except ValueError:
        profile = "of an unknown profile"
    return f"{profile} (profile-level-id {level_id[:8]}, packetization-mode {mode})"


def _reachable(lines: Sequence[str]) -> str:
    """The SDP text without mDNS and TCP candidates, nor more of the others than are tried.

    A browser hides its address behind a `.local` name; waiting for that name costs seconds, while its first
    connectivity check tells the address at once. The end-of-candidates mark goes too: that check is still to come.
    """
    kept: list[str] = []
    candidates = 0
    for line in lines:
        if line.startswith("a=end-of-candidates"):
            continue
        if line.startswith("a=candidate:"):
            fields = line.split()
            if len(fields) < 8 or fields[2].lower() != "udp" or fields[4].endswith(".local"):
                continue
            candidates += 1
            if candidates > MAX_CANDIDATES:
                continue
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"
