"""Small videos for the tests: written with PyAV, with a real face where the development data is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.media.paths import ffmpeg_name
from runtime.media.reading import read_frames

DATA = Path(__file__).parents[3] / "shared/data"
MILLISECONDS = Fraction(1, 1000)
Picture = NDArray[np.uint8]


def write_video(
    path: Path,
    frames: Iterable[Picture],
    fps: int = 25,
    times: Sequence[float] | None = None,
    pixels: str = "yuv420p",
    crf: int = 18,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes frames [H, W, 3] as H.264, evenly or at the given `times` (seconds)."""
    with av.open(ffmpeg_name(path), "w", options=options or {}) as container:
        stream = None
        for number, frame in enumerate(frames):
            if stream is None:
                stream = container.add_stream("libx264", rate=fps)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pixels
                stream.options = {"crf": str(crf)}
                stream.codec_context.time_base = MILLISECONDS
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            picture.pts = round(1000 * (times[number] if times is not None else number / fps))
            picture.time_base = MILLISECONDS
            container.mux(stream.encode(picture))
        assert stream is not None
        container.mux(stream.encode())
    return path


def person(name: str, count: int, first: int = 0, side: int = 256) -> list[Picture]:
    """Frames of one of the development data's videos, [side, side, 3]; skips where it is absent."""
    source = DATA / name
    if not source.exists():
        pytest.skip(f"{name} is not there; it comes with the development data")
    chosen = (rgb for i, (_, rgb) in zip(range(first + count), read_frames(source), strict=False) if i >= first)
    return [np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for rgb in chosen]


def noise(count: int, height: int = 96, width: int = 128) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (height, width, 3), np.uint8) for _ in range(count)]
