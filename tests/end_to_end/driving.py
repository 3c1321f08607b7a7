"""Which videos drive the avatar in end-to-end tests, and how Chromium takes them for a camera."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from runtime.media.paths import ffmpeg_name
from runtime.media.reading import read_frames

DATA = Path(os.environ.get("MIEN_DATA", Path(__file__).parents[3] / "shared" / "data"))
"""Folder of real people's videos, which are not part of the project."""
WIDTH, HEIGHT, FPS = 640, 480, 30


def real_video(name: str) -> Path | None:
    """A driving video by name, or None where the data is absent."""
    path = DATA / "driving" / f"{name}.mp4"
    return path if path.is_file() else None


def camera_file(video: Path, target: Path, seconds: float = 60.0) -> int:
    """Writes `video` as motion JPEG of 640×480 at 30 fps, letterboxed; returns the number of frames.

    The frame rate of the video is kept in time by repeating or leaving out frames.
    """
    with av.open(ffmpeg_name(target), "w", format="mjpeg") as sink:
        stream = sink.add_stream("mjpeg", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        stream.options = {"qmin": "3", "qmax": "3"}
        count = 0
        for at, rgb in read_frames(video):
            if at > seconds:
                break
            due = round((at + 1e-3) * FPS) + 1
            picture = letterboxed(rgb)
            for index in range(count, due):
                out = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
                out.pts, out.time_base = index, Fraction(1, FPS)
                sink.mux(stream.encode(out))
            count = max(count, due)
        sink.mux(stream.encode())
    return count


def letterboxed(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] fitted into [480, 640, 3] with black bars."""
    height, width = picture.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    inner = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    top, left = (HEIGHT - inner.shape[0]) // 2, (WIDTH - inner.shape[1]) // 2
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out
