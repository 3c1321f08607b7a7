"""From a decoded frame to what a player shows: colours, alpha, pixel aspect, turned and mirrored."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.media.pixels import Pixels

BEHIND = 255
"""What shows through where a picture is transparent: white, as on a page."""
ASPECTS = Fraction(1, 4), Fraction(4)
"""Pixel aspects beyond which a file's word is not believed."""


def displayed(frame: av.VideoFrame, aspect: Fraction | None) -> Pixels:
    """RGB [H, W, 3] of a frame whose pixels are `aspect` times as wide as high (None: not known, so square)."""
    if any(component.is_alpha for component in frame.format.components) or frame.format.has_palette:
        rgb = composite(np.asarray(frame.to_ndarray(format="rgba"), np.uint8), BEHIND)
    else:
        rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return turned(squared(rgb, aspect), display_matrix(frame))


def composite(rgba: Pixels, behind: int) -> Pixels:
    """Straight RGBA [H, W, 4] over a grey of so many levels: RGB [H, W, 3]."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + behind * (255 - alpha) + 127) // 255).astype(np.uint8)


def squared(rgb: Pixels, aspect: Fraction | None) -> Pixels:
    """A picture [H, W, 3] with square pixels; it grows along one side, so that nothing is lost."""
    if aspect is None or aspect == 1 or not ASPECTS[0] <= aspect <= ASPECTS[1]:
        return rgb
    height, width = rgb.shape[:2]
    size = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def display_matrix(frame: av.VideoFrame) -> NDArray[np.int32] | None:
    """[3, 3], how the frame is to be shown (ISO/IEC 14496-12, 6.2.2: ``(x, y, 1) = (p, q, 1) M``), where it says so."""
    found: Any = frame.side_data.get("DISPLAYMATRIX")
    return None if found is None else np.frombuffer(bytes(found), np.int32).reshape(3, 3)


def turned(rgb: Pixels, matrix: NDArray[np.int32] | None) -> Pixels:
    """A picture [H, W, 3] turned by quarters and mirrored as a display matrix says; to the nearest of these eight."""
    if matrix is None:
        return rgb
    (a, b), (c, d) = matrix[:2, :2].astype(np.int64)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:  # what was a row becomes a column
        rgb, across, down = rgb.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(rgb[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
