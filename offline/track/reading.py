"""Reading a video file: upright RGB frames with their times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from runtime.errors import BadInput


def read_frames(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """(seconds, picture [H, W, 3]) of each frame, turned upright where the file says that it was filmed sideways.

    Frames whose size differs from the first one's are left out. Raises BadInput where the file cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise BadInput(f"'{path}' has no picture; give a video file.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            step = float(1 / (stream.average_rate or 25))
            size: tuple[int, ...] | None = None
            for count, frame in enumerate(container.decode(stream)):
                seconds = frame.time if frame.time is not None else count * step
                picture = np.rot90(frame.to_ndarray(format="rgb24"), int(frame.rotation) // 90 % 4)
                size = size or picture.shape
                if picture.shape == size:
                    yield float(seconds), np.ascontiguousarray(picture)
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"'{path}' cannot be read as a video ({error}); convert it, for example to MP4.") from error


def frame_count(path: Path) -> int | None:
    """How many frames the file says it has, None where it does not say. Raises BadInput where it cannot be read."""
    try:
        with av.open(str(path)) as container:
            return (container.streams.video[0].frames or None) if container.streams.video else None
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"'{path}' cannot be read as a video ({error}); convert it, for example to MP4.") from error
