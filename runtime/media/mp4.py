"""Writing an MP4 that appears whole or not at all."""

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
from runtime.media.paths import ffmpeg_name
from runtime.media.pixels import Pixels
from runtime.media.soundtrack import Soundtrack

CRF = 18
"""x264's constant quality: smaller is better and larger, 18 hardly shows."""


class Mp4Writer:
    """H.264 in MP4 at a constant frame rate, with the sound of another file along with it."""

    def __init__(
        self, path: Path, width: int, height: int, fps: float, soundtrack: Soundtrack | None = None, crf: int = CRF
    ) -> None:
        self._container = av.open(ffmpeg_name(path), "w", format="mp4", options={"movflags": "faststart"})
        rate = Fraction(fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "veryfast"})
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        tag_colour(self._stream.codec_context)
        self._soundtrack = soundtrack
        if soundtrack is not None:
            soundtrack.join(self._container)
        self._period, self._written = float(1 / rate), 0

    def write(self, i420: Pixels) -> None:
        """One picture in I420 [H * 3/2, W]."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(i420, format="yuv420p")))
        self._written += 1
        if self._soundtrack is not None:
            for packet in self._soundtrack.until(self._written * self._period):
                self._container.mux(packet)

    def write_rgb(self, rgb: Pixels) -> None:
        """One picture [H, W, 3]."""
        self.write(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        if self._soundtrack is not None:
            for packet in self._soundtrack.rest():
                self._container.mux(packet)
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
def mp4(
    path: Path, width: int, height: int, fps: float, soundtrack: Soundtrack | None = None, crf: int = CRF
) -> Iterator[Mp4Writer]:
    """Write an MP4; it appears at `path` once the block ends well, and nothing does otherwise. Sides are even.

    Raises BadInput or Unavailable, before the block begins where that can be known, where it cannot be written.
    """
    check_target(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        temporary.touch()
        with closing(Mp4Writer(temporary, width, height, fps, soundtrack, crf)) as writer:
            yield writer
            writer.finish()
        os.replace(temporary, path)
    except (OSError, av.FFmpegError) as error:
        raise Unavailable(f"'{path}' could not be written ({error.strerror}); nothing was left behind") from error
    finally:
        temporary.unlink(missing_ok=True)
