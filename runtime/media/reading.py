"""Reading a video file: every frame that it holds, as a player shows it, with times that always grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
from av.format import Flags
from av.stream import Disposition

from runtime.errors import BadInput
from runtime.media.display import displayed
from runtime.media.jumps import Jumps
from runtime.media.paths import ffmpeg_name
from runtime.media.pixels import Pixels

MIN_FPS, MAX_FPS = 1.0, 120.0
USUAL_RATE = 30.0
"""Frames a second where the file does not say."""
LARGEST = 40_000_000
"""Pixels that a frame may have; 8K has 33 million."""
LONGEST_HOLE = 600.0
"""Seconds between two frames beyond which a file's times are not believed."""
STUCK = 2
"""Frames in a row whose times do not grow beyond which a file's times are taken for missing."""
HDR_TRANSFERS = (16, 18)
"""PQ and HLG, as ITU-T H.273 numbers transfer characteristics."""
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that also see the transparency that WebM keeps beside its frames."""


class MediaFile:
    """An open file, the picture and the sound track that a player would choose, and their packets.

    Use it as a context manager. Raises BadInput, naming the file, where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container = _opened(path)
        self.picture: av.VideoStream | None = _best(self._container, "video")
        self.sound: av.AudioStream | None = _best(self._container, "audio")
        self.untimed = bool(Flags(self._container.format.flags) & Flags.no_timestamps)
        """Whether it is a bare stream of pictures without times."""
        self.seconds = (self._container.duration or 0) / av.time_base or None
        """How long the file says that it is; a cut file says what it was before."""

    def close(self) -> None:
        self._container.close()

    def packets(self) -> Iterator[Any]:
        """Both tracks' packets as far as the file can be read, on one clock that goes on where the file's jumps."""
        jumps = Jumps(bool(Flags(self._container.format.flags) & Flags.ts_discont))
        for packet in self._demuxed([s for s in (self.picture, self.sound) if s is not None]):
            jumps.mend(packet)
            yield packet

    def packets_from(self, pts: int) -> Iterator[Any]:
        """The picture's packets from the last key frame before `pts` (its own clock) on; none where there is none."""
        try:
            self._container.seek(pts, stream=self.picture)
        except av.FFmpegError:
            return
        yield from self._demuxed([self.picture])

    def _demuxed(self, streams: Sequence[Any]) -> Iterator[Any]:
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                return
            if packet.size:  # the empty ones at the end only flush the decoders
                yield packet


class VideoReader:
    """An open video file. Use it as a context manager; raises BadInput, naming the file, where it is no video.

    Frames that are damaged are left out; a cut file gives what it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = MediaFile(path)
        try:
            self._stream = _usable(self._file)
        except BadInput:
            self._file.close()
            raise
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.options = {"max_pixels": str(4 * LARGEST)}  # what is between gets a sentence
        self._decoder = _decoder(self._stream)
        self._unit = float(self._stream.time_base or 1 / av.time_base)  # the last frames do not name theirs
        rate = float((self._stream.guessed_rate if self._file.untimed else self._stream.average_rate) or USUAL_RATE)
        self.fps = rate if MIN_FPS <= rate <= MAX_FPS else USUAL_RATE
        """On average; some files name their clock's ticks instead, which is no rate."""
        self.frames: int | None = self._stream.frames or None
        """How many, where the file says; a cut file says what it held before."""
        self.seconds = self._stream.duration * self._unit if self._stream.duration else self._file.seconds
        """How long the file says that it is; likewise."""
        self.hdr = self._stream.codec_context.color_trc in HDR_TRANSFERS
        """Its brightness is coded for HDR screens, and looks pale where it is read as common video."""
        self.start = 0.0
        """Time in the file of the first frame, seconds; known once that has been read."""
        self.damaged = 0
        """Packets that could not be decoded so far."""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[float, Pixels]]:
        """(seconds from the first frame, RGB [H, W, 3]) of each frame, in order; once.

        Times are the file's own as far as they grow. Each frame has its own size: recordings of calls change theirs.
        Raises BadInput where the file holds no frame.
        """
        last: float | None = None
        stuck = 0
        for frame in self._decoded(self._file.packets()):
            time = None if frame.pts is None else frame.pts * self._unit
            if last is None:
                seconds = self.start = time or 0.0
            elif time is not None and time > last:
                self._believe(time - last, last - self.start)
                seconds, stuck = time, 0
            else:  # a few that share a time stay before the next one's, or pictures would fall behind the sound
                stuck += 1
                seconds = last + (0.5 if time is not None and stuck <= STUCK else 1.0) / self.fps
            last = seconds
            yield seconds - self.start, self._shown(frame)
        if last is None:
            raise _nothing_decoded(self.path)

    def at(self, shares: Sequence[float]) -> Iterator[tuple[float, Pixels]]:
        """(share, RGB [H, W, 3]) of the frames at rising shares of the file's length, 0..1.

        The file is not read as a whole, so its index is believed; what cannot be decoded and what comes twice is left
        out. Raises BadInput where nothing can be read or the file does not say how long it lasts.
        """
        if not self.seconds:
            raise BadInput(f"'{self.path}' does not say how long it lasts; convert it to MP4")
        last: int | None = None
        for share in shares:
            pts = (self._stream.start_time or 0) + round(share * self.seconds / self._unit)
            self._decoder.flush_buffers()
            frames = self._decoded(self._file.packets_from(pts))
            found = next((f for f in frames if f.pts is not None and f.pts >= pts), None)
            if found is not None and found.pts != last:
                last = found.pts
                yield share, self._shown(found)
        if last is None:
            raise _nothing_decoded(self.path)

    def _decoded(self, packets: Iterator[Any]) -> Iterator[av.VideoFrame]:
        """Every frame that can be decoded, in order of time."""
        for packet in packets:
            if packet.stream is self._stream:
                yield from self._decode(packet)
        yield from self._decode(None)

    def _decode(self, packet: Any) -> Sequence[av.VideoFrame]:
        try:
            return self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return []

    def _believe(self, step: float, at: float) -> None:
        if step > LONGEST_HOLE:
            raise BadInput(
                f"the times in '{self.path}' leap by {step:,.0f} s at {at:.1f} s; cut it there, or convert it to MP4"
            )

    def _shown(self, frame: av.VideoFrame) -> Pixels:
        _check_size(self.path, frame.width, frame.height)
        return displayed(frame, self._stream.sample_aspect_ratio or self._decoder.sample_aspect_ratio)


def read_frames(path: Path) -> Iterator[tuple[float, Pixels]]:
    """What iterating over a `VideoReader` gives."""
    with VideoReader(path) as reader:
        yield from reader


def _opened(path: Path) -> av.container.InputContainer:
    """A file, for which nothing but itself is read: playlists name others, even on the network."""
    try:
        if not path.is_file():
            raise BadInput(f"there is no file '{path}'")
        return av.open(ffmpeg_name(path), options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except av.InvalidDataError as error:
        raise BadInput(
            f"'{path}' cannot be read as a video ({error.strerror}); it is none, or was cut off while it was written: "
            "copy it again, or convert it to MP4"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"'{path}' cannot be read as a video ({why}); check the file, or convert it to MP4") from error


def _best(container: av.container.InputContainer, kind: Any) -> Any:
    """The track that a player would choose; a cover picture is none."""
    tracks = [s for s in container.streams if s.type == kind and not s.disposition & Disposition.attached_pic]
    best = container.streams.best(kind)
    return best if best in tracks else next(iter(tracks), None)


def _usable(file: MediaFile) -> av.VideoStream:
    stream = file.picture
    if stream is None:
        raise BadInput(f"'{file.path}' has no picture track; give a video that shows a face")
    if stream.codec_context is None:
        raise BadInput(f"the pictures in '{file.path}' are coded in a way that is not known here; convert it to MP4")
    _check_size(file.path, stream.width, stream.height)
    return stream


def _decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    """The stream's own, or one that sees transparency where the file has it."""
    name = WITH_ALPHA.get(stream.codec_context.name, "")
    if stream.metadata.get("alpha_mode") != "1" or name not in av.codecs_available:
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    return decoder


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > LARGEST:
        raise BadInput(
            f"'{path}' has pictures of {width} × {height}, and {LARGEST // 1_000_000} million pixels are the most; "
            "make it smaller"
        )


def _nothing_decoded(path: Path) -> BadInput:
    return BadInput(
        f"'{path}' cannot be read as a video (no frame can be decoded); copy it again, or convert it to MP4"
    )
