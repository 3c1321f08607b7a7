"""The sound of a driving video, taken along into the avatar's: copied where an MP4 can carry it, else encoded anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from runtime.media.reading import MediaFile

CARRIED = {"aac": 0, "ac3": 0, "alac": 36, "eac3": 0, "flac": 34, "mp3": 0, "opus": 19}
"""Codecs that an MP4 can carry and players know there, and the bytes of a header that it then needs."""
AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
USUAL_RATE = 48_000
BITRATE = 96_000
"""Bits a second for each channel that is encoded."""
TOLERANCE = 0.04
"""Seconds by which encoded sound may be early or late before silence is put in or sound is cut."""


class Soundtrack:
    """The sound track of a file that a player would choose. Use it as a context manager.

    Raises BadInput where the file cannot be read. Sound that cannot be taken along does not stop the pictures; `lost`
    then says so.
    """

    def __init__(self, path: Path, start: float) -> None:
        """`start`: the time in the file, seconds, that becomes 0."""
        self._path, self._start = path, start
        self._file = MediaFile(path)
        self._packets = self._file.packets()
        self._waiting: Any = None
        self._track: _Track | None = None
        self._failed: str | None = None

    def __enter__(self) -> Soundtrack:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def lost(self) -> str | None:
        """What the film lacks of the sound, in a sentence; None where nothing is missing."""
        if self._failed is not None:
            return self._failed
        if self._track is not None and self._track.damaged:
            return f"{self._track.damaged} pieces of the sound of '{self._path}' are damaged and left out"
        return None

    def join(self, container: av.container.OutputContainer) -> None:
        """Adds a track to a film that is to be written; nothing where the file has no sound."""
        sound = self._file.sound
        if sound is None:
            return
        if sound.codec_context is None or not sound.codec_context.sample_rate or not sound.codec_context.channels:
            self._failed = f"the sound of '{self._path}' is coded in a way that is not known here, so it is left out"
        elif _carried(sound.codec_context):
            self._track = _Copied(container.add_stream_from_template(sound), sound.codec_context, self._start)
        else:
            self._track = _Encoded(container, sound.codec_context, self._start)

    def until(self, seconds: float) -> Iterator[Any]:
        """Packets to write of the sound not given yet that begins before `seconds` from `start`."""
        while self._track is not None:
            self._waiting = self._waiting or next(self._sound_packets(), None)
            if self._waiting is None or _begins(self._waiting) - self._start >= seconds:
                return
            packet, self._waiting = self._waiting, None
            yield from self._track.take(packet)

    def rest(self) -> Iterator[Any]:
        """The packets that were held back."""
        if self._track is not None:
            yield from self._track.rest()

    def _sound_packets(self) -> Iterator[Any]:
        return (p for p in self._packets if p.stream is self._file.sound and p.time_base and p.pts is not None)


class _Track(Protocol):
    """What makes a film's packets of a file's."""

    damaged: int

    def take(self, packet: Any) -> Iterator[Any]: ...

    def rest(self) -> Iterator[Any]: ...


class _Copied:
    """Packets as they are, moved in time; those that lie under the one before by more than half are left out.

    Each is decoded to see whether it can be: one that cannot would cost the whole film.
    """

    def __init__(self, stream: Any, decoder: av.AudioCodecContext, start: float) -> None:
        self.damaged = 0
        self._stream, self._decoder, self._start = stream, decoder, start
        self._end: int | None = None

    def take(self, packet: Any) -> Iterator[Any]:
        try:
            self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        begin = packet.pts - round(self._start / packet.time_base)
        length = packet.duration or 0
        if begin + length <= 0:
            return
        if self._end is not None and begin < self._end:
            if self._end - begin > length / 2:
                return
            begin = self._end
        packet.pts = packet.dts = begin  # sound is stored in the order in which it is heard
        packet.stream = self._stream
        self._end = begin + max(length, 1)
        yield packet

    def rest(self) -> Iterator[Any]:
        return iter(())


class _Encoded:
    """Decoded, put where its times say, and encoded as AAC."""

    def __init__(self, container: av.container.OutputContainer, decoder: av.AudioCodecContext, start: float) -> None:
        self.damaged = 0
        self._decoder, self._start = decoder, start
        self._rate = decoder.sample_rate if decoder.sample_rate in AAC_RATES else USUAL_RATE
        self._channels = 1 if decoder.channels == 1 else 2
        self._layout = ("mono", "stereo")[self._channels - 1]
        self._stream = container.add_stream("aac", rate=self._rate, layout=self._layout)
        self._stream.bit_rate = BITRATE * self._channels
        self._resampler: AudioResampler | None = None
        self._written = 0  # samples

    def take(self, packet: Any) -> Iterator[Any]:
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            for even in self._resampled(frame):
                yield from self._placed(even)

    def rest(self) -> Iterator[Any]:
        yield from self._stream.encode(None)

    def _resampled(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frame at the film's rate and layout; a track may change its own."""
        try:
            self._resampler = self._resampler or AudioResampler("fltp", self._layout, self._rate)
            return self._resampler.resample(frame)
        except ValueError:
            self._resampler = AudioResampler("fltp", self._layout, self._rate)
            return self._resampler.resample(frame)

    def _placed(self, frame: av.AudioFrame) -> Iterator[Any]:
        samples: NDArray[np.float32] = np.asarray(frame.to_ndarray(), np.float32)
        place = self._written if frame.time is None else round((frame.time - self._start) * self._rate)
        late = place - self._written
        if late < -TOLERANCE * self._rate or self._written == 0 > late:
            samples = samples[:, -late:]
        elif late > TOLERANCE * self._rate:
            samples = np.concatenate([np.zeros((self._channels, late), np.float32), samples], 1)
        if samples.shape[1]:
            made = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._layout)
            made.sample_rate, made.pts = self._rate, self._written
            self._written += samples.shape[1]
            yield from self._stream.encode(made)


def _carried(coded: av.AudioCodecContext) -> bool:
    header = CARRIED.get(coded.codec.canonical_name)
    return header is not None and len(coded.extradata or b"") >= header


def _begins(packet: Any) -> float:
    return float(packet.pts * packet.time_base)
