"""Reading frames of a video file, and writing an MP4 that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from runtime.errors import BadInput, Unavailable
from runtime.media.encode import tag_colour
from runtime.media.pixels import Pixels
from runtime.media.soundtrack import Soundtrack

MIN_FPS, MAX_FPS = 1.0, 120.0
QUARTERS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


class VideoReader:
    """An open video file. Use it as a context manager; raises BadInput, naming the file, where it is no video."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInput(f"there is no file '{path}'")
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, ValueError) as error:
            raise BadInput(f"'{path}' cannot be read as a video ({error})") from None
        if not self._container.streams.video:
            self._container.close()
            raise BadInput(f"'{path}' has no picture track; give a video that shows a face")
        self.path = path
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        rate = float(self._stream.average_rate or 0)
        self.fps = rate if MIN_FPS <= rate <= MAX_FPS else 30.0
        """On average; some files name their clock's ticks instead, which is no rate."""
        self.start = 0.0
        """Time in the file of the first frame, seconds; known once that has been read."""
        self.frames: int | None = self._stream.frames or None
        """How many, where the file says."""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[tuple[float, Pixels]]:
        """(seconds from the first frame, RGB [H, W, 3] upright) of each frame."""
        first: float | None = None
        try:
            for frame in self._container.decode(self._stream):
                time = frame.time or 0.0
                if first is None:
                    first = self.start = time
                rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                turned = QUARTERS.get(frame.rotation % 360)
                yield time - first, rgb if turned is None else np.asarray(cv2.rotate(rgb, turned), np.uint8)
        except av.FFmpegError as error:
            raise BadInput(f"'{self.path}' is damaged ({error}); nothing after that can be read") from None


class Mp4Writer:
    """H.264 in MP4 at a constant frame rate, with the sound of another file along with it."""

    def __init__(self, path: Path, width: int, height: int, fps: float, soundtrack: Soundtrack | None = None) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        rate = Fraction(fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        tag_colour(self._stream.codec_context)
        self._soundtrack, self._sound = soundtrack, None
        if soundtrack is not None and soundtrack.stream is not None:
            self._sound = self._container.add_stream_from_template(soundtrack.stream)
        self._period, self._written = float(1 / rate), 0

    def write(self, i420: Pixels) -> None:
        """One picture [H * 3/2, W]."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(i420, format="yuv420p")))
        self._written += 1
        if self._soundtrack is not None and self._sound is not None:
            for packet in self._soundtrack.until(self._written * self._period):
                packet.stream = self._sound
                self._container.mux(packet)

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        self.close()

    def close(self) -> None:
        """Also where nothing was finished; may be called again."""
        self._container.close()


def check_target(path: Path) -> None:
    """Raises BadInput or Unavailable where an MP4 at `path` cannot be or would take the place of something else."""
    if path.suffix.lower() != ".mp4":
        raise BadInput(f"the video is written as MP4, so its name must end in .mp4; got '{path}'")
    if not path.parent.is_dir():
        raise Unavailable(f"there is no folder '{path.parent}'; make it first")
    if path.exists() and not path.is_file():
        raise BadInput(f"'{path}' is there and is no ordinary file; choose another name")


@contextmanager
def mp4(path: Path, width: int, height: int, fps: float, soundtrack: Soundtrack | None = None) -> Iterator[Mp4Writer]:
    """Write an MP4; it appears at `path` once the block ends well, and nothing does otherwise.

    Raises BadInput or Unavailable, before the block begins where that can be known, where it cannot be written.
    """
    check_target(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        temporary.touch()
        with closing(Mp4Writer(temporary, width, height, fps, soundtrack)) as writer:
            yield writer
            writer.finish()
        os.replace(temporary, path)
    except OSError as error:  # PyAV's file errors are OSErrors too
        raise Unavailable(f"'{path}' could not be written ({error.strerror}); nothing was left behind") from error
    finally:
        temporary.unlink(missing_ok=True)
