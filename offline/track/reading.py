"""Reading a video file: upright RGB frames with their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from runtime.errors import BadInput

USUAL_RATE = 25
"""Frames a second where the file does not say."""
HDR_TRANSFERS = (16, 18)
"""PQ and HLG, as ITU-T H.273 numbers transfer characteristics."""


@dataclass(frozen=True)
class Stated:
    """What a file says of itself; a cut file says what it held before."""

    frames: int | None
    seconds: float | None
    hdr: bool
    """Its brightness is coded for HDR screens, and looks pale where it is read as common video."""


def read_frames(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(seconds, picture [H, W, 3]) of each frame, turned upright where the file says that it was filmed sideways.

    Times are the file's own and always grow. Frames that are damaged, or whose size differs from the first one's, are
    left out; a cut file gives what it holds. Raises BadInput where nothing can be read.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        step = float(1 / (stream.average_rate or USUAL_RATE))
        size: tuple[int, ...] | None = None
        last = -step
        for frame in _decoded(container, stream):
            picture = _upright(frame)
            seconds = frame.time if frame.time is not None and frame.time > last else last + step
            size = size or picture.shape
            if picture.shape == size:
                last = float(seconds)
                yield last, picture
    if size is None:
        raise BadInput(f"'{path}' cannot be read as a video (no frame can be decoded); film it again or convert it.")


def frames_at(path: Path, shares: Sequence[float]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(share, picture [H, W, 3]) of the frames at rising shares of a file's length, 0..1, upright.

    The file is not read as a whole, so its index is believed; what cannot be decoded and what comes twice is left out.
    Raises BadInput where nothing can be read or the file does not say how long it lasts.
    """
    seconds = stated(path).seconds
    if not seconds:
        raise BadInput(f"'{path}' does not say how long it lasts; convert it to MP4.")
    last: int | None = None
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        unit = float(stream.time_base or 1 / av.time_base)
        for share in shares:
            found = _first_from(container, stream, (stream.start_time or 0) + round(share * seconds / unit))
            if found is not None and found.pts != last:
                last = found.pts
                yield share, _upright(found)
    if last is None:
        raise BadInput(f"'{path}' cannot be read as a video (no frame can be decoded); copy it again.")


def stated(path: Path) -> Stated:
    """What the file says of itself. Raises BadInput where it cannot be read."""
    with _open(path) as container:
        stream = container.streams.video[0]
        length = stream.duration * stream.time_base if stream.duration and stream.time_base else None
        seconds = length if length is not None else (container.duration or 0) / av.time_base
        return Stated(stream.frames or None, float(seconds) or None, stream.codec_context.color_trc in HDR_TRANSFERS)


def _open(path: Path) -> av.container.InputContainer:
    """The file, which has a picture."""
    try:
        container = av.open(str(path))
    except av.InvalidDataError as error:
        raise BadInput(
            f"'{path}' cannot be read as a video ({error.strerror}); it is none, or was cut off while it was written: "
            "copy it again, or convert it to MP4."
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"'{path}' cannot be read ({error.strerror}); check its name.") from error
    if not container.streams.video:
        container.close()
        raise BadInput(f"'{path}' has no picture; give a video file.")
    return container


def _upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), int(frame.rotation) // 90 % 4))


def _first_from(container: av.container.InputContainer, stream: av.VideoStream, pts: int) -> av.VideoFrame | None:
    """The first frame at `pts` or later."""
    try:
        container.seek(pts, stream=stream)
    except av.FFmpegError:
        return None
    return next((f for f in _decoded(container, stream) if f.pts is not None and f.pts >= pts), None)


def _decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded, in order of time."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue
