"""The overlay video: the fitted head drawn over each frame of a clip, for people to check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array, Camera
from runtime.contract.head_model import (
    BROW,
    EYE_CORNERS,
    IRIS,
    LOWER_LID,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    MOUTH_CORNERS,
    OVAL,
    UPPER_LID,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
)
from runtime.media.mp4 import Mp4Writer, mp4
from runtime.tracking.fit import landmark_weights

SIDE = 512
CRF = 23
"""Quality; for looking at only."""
HEAD, SEEN, MATTE = (120, 255, 160), (255, 150, 60), (90, 190, 255)
AXES = ((255, 90, 90), (120, 230, 90), (90, 150, 255))
"""RGB: the fitted head, the landmarks, the matte's edge, and the head's x, y and z."""
AXIS = 0.7
"""dm."""
_SUB = 3
"""Binary digits of a pixel that OpenCV draws between."""


def _contours() -> list[tuple[tuple[int, ...], bool]]:
    """Lines over the head model's vertices, and whether each is closed."""
    right, left = MOUTH_CORNERS
    lines: list[tuple[tuple[int, ...], bool]] = [
        (OVAL, True),
        ((right, *UPPER_LIP_OUTER, left, *reversed(LOWER_LIP_OUTER)), True),
        ((78, *UPPER_LIP_INNER, 308, *reversed(LOWER_LIP_INNER)), True),
        ((168, 6, 197, 195, 5, 4), False),
        ((98, 97, 2, 326, 327), False),
    ]
    for side, (outer, inner) in EYE_CORNERS.items():
        lines.append(((outer, *UPPER_LID[side], inner, *reversed(LOWER_LID[side])), True))
        lines.append(((*BROW[side][:5], *reversed(BROW[side][5:])), True))
        lines.append((IRIS[side][1:], True))
    return lines


class Overlay:
    """Writes the video, frame by frame."""

    def __init__(self, writer: Mp4Writer) -> None:
        self._writer = writer
        self._contours = _contours()
        self._points = landmark_weights()[0]

    def used(
        self,
        rgb: NDArray[np.uint8],
        alpha: NDArray[np.uint8],
        fitted: NDArray[np.floating],
        landmarks: NDArray[np.floating],
        axes: Array,
    ) -> None:
        """A frame of the clip: picture [S, S, 3], matte [S, S], fitted vertices [478, 2] and landmarks [478, 2 or 3]
        as (u, v), and `axes_in_picture`."""
        canvas = _enlarged(rgb)
        edge, _ = cv2.findContours((_enlarged(alpha) > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, edge, -1, MATTE, 1, cv2.LINE_AA)
        for u, v in _pixels(landmarks[self._points, :2]):
            cv2.circle(canvas, (u, v), 1 << _SUB, SEEN, -1, cv2.LINE_AA, _SUB)
        for line, closed in self._contours:
            cv2.polylines(canvas, [_pixels(fitted[list(line)])], closed, HEAD, 1, cv2.LINE_AA, _SUB)
        origin, *ends = _pixels(axes)
        for end, colour in zip(ends, AXES, strict=True):
            cv2.line(canvas, origin, end, colour, 2, cv2.LINE_AA, _SUB)
        self._writer.write_rgb(canvas)

    def dropped(self, rgb: NDArray[np.uint8], words: str) -> None:
        """A frame [S, S, 3] that is not in the clip, dimmed, with the reason."""
        canvas = (_enlarged(rgb) * 0.4).astype(np.uint8)
        cv2.putText(canvas, words, (24, SIDE - 28), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2, cv2.LINE_AA)
        self._writer.write_rgb(canvas)


@contextmanager
def overlay_video(path: Path, fps: float) -> Iterator[Overlay]:
    """The video at `path`, whole once the block ends well. Raises Unavailable where it cannot be written."""
    with mp4(path, SIDE, SIDE, fps, crf=CRF) as writer:
        yield Overlay(writer)


def axes_in_picture(camera: Camera, pose: Array) -> Array:
    """The head's origin and the ends of its x, y and z axes, (u, v) [4, 2], for a head pose [3, 4]."""
    points = np.concatenate([np.zeros((1, 3)), np.eye(3) * AXIS])
    return camera.project(points @ pose[:, :3].T + pose[:, 3])


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _pixels(places: NDArray[np.floating]) -> NDArray[np.int32]:
    """(u, v) to OpenCV's integers with a fraction."""
    return np.round((places * SIDE - 0.5) * (1 << _SUB)).astype(np.int32)
