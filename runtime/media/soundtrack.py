"""The sound of a video, copied as it is into another file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.packet import Packet

from runtime.errors import BadInput

CARRIED = {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}
"""Codecs that an MP4 can carry."""
SoundPacket: TypeAlias = "Packet[AudioStream]"


class Soundtrack:
    """The first sound track of a file, if an MP4 can carry it. Use it as a context manager."""

    def __init__(self, path: Path, start: float) -> None:
        """`start`: the time in the file, seconds, that becomes 0."""
        self._path = path
        self._container = av.open(str(path))
        self._start = start
        streams = [s for s in self._container.streams.audio if s.codec_context.name in CARRIED]
        self.stream: AudioStream | None = streams[0] if streams else None
        self._waiting: SoundPacket | None = None
        self._packets = self._read()

    def __enter__(self) -> Soundtrack:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def until(self, time: float) -> Iterator[SoundPacket]:
        """The packets not given yet that begin before `time` (seconds from `start`), in order."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = packet
            if packet is None or _begins(packet) >= time:
                return
            self._waiting = None
            yield packet

    def _read(self) -> Iterator[SoundPacket]:
        if self.stream is None:
            return
        for packet in self._demuxed(self.stream):
            if packet.pts is None or packet.time_base is None:
                continue  # the empty packet at the end
            shift = round(Fraction(self._start) / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            if packet.pts + (packet.duration or 0) > 0:
                yield packet

    def _demuxed(self, stream: AudioStream) -> Iterator[SoundPacket]:
        try:
            yield from self._container.demux(stream)
        except av.FFmpegError as error:
            raise BadInput(f"the sound of '{self._path}' is damaged ({error})") from None


def _begins(packet: SoundPacket) -> float:
    assert packet.pts is not None and packet.time_base is not None
    return float(packet.pts * packet.time_base)
