"""Pictures between the renderer's RGBA, codecs' I420 and trackers' RGB."""

from __future__ import annotations

import re

import av
import cv2
import numpy as np

from runtime.errors import BadInput
from runtime.media import watermark
from runtime.media.pixels import Pixels


class Backdrop:
    """Lays premultiplied pictures over one colour while converting them to I420 (BT.601, studio range).

    The conversion is linear, so the colour is added after it, scaled by ``1 - alpha``, on planes that are smaller than
    the picture: a tenth of the time of compositing in RGB. Chroma is taken from the upper left pixel of each four, as
    OpenCV does: picture and colour alike, or the two would not add up along an outline.
    """

    def __init__(self, colour: str, marked: bool = True) -> None:
        """`colour` is ``#rrggbb``; raises BadInput otherwise. `marked` pictures carry the watermark."""
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise BadInput(f"background must be a colour like #f4f4f2, got '{colour}'")
        r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        luma = (65.481 * r + 128.553 * g + 24.966 * b) / 255
        blue = (-37.797 * r - 74.203 * g + 112.0 * b) / 255
        red = (112.0 * r - 93.786 * g - 18.214 * b) / 255
        clear = 1.0 - np.arange(256) / 255.0
        self._bgr = [np.round(c * clear).astype(np.uint8) for c in (b, g, r)]
        self._luma = np.round(luma * clear).astype(np.uint8)
        self._chroma = [(np.round(abs(c) * clear).astype(np.uint8), c >= 0) for c in (blue, red)]
        self._marked = marked
        self._tinted = any(table.any() for table, _ in self._chroma)

    def i420(self, rgba: Pixels) -> Pixels:
        """[H, W, 4] premultiplied RGBA with even sides to I420 [H * 3/2, W]."""
        height, width = rgba.shape[:2]
        planes = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2YUV_I420), np.uint8)
        alpha = cv2.extractChannel(rgba, 3)
        cv2.add(planes[:height], cv2.LUT(alpha, self._luma), dst=planes[:height])
        if self._marked:
            watermark.mark(planes[:height])
        if not self._tinted:
            return planes
        small = np.ascontiguousarray(alpha[::2, ::2])
        chroma = planes[height:].reshape(2, height // 2, width // 2)
        for plane, (table, positive) in zip(chroma, self._chroma, strict=True):
            mix = cv2.add if positive else cv2.subtract
            mix(plane, cv2.LUT(small, table), dst=plane)
        return planes

    def bgr(self, rgba: Pixels) -> Pixels:
        """[H, W, 4] premultiplied RGBA laid over the colour, as BGR [H, W, 3]."""
        alpha = cv2.extractChannel(rgba, 3)
        behind = cv2.merge([cv2.LUT(alpha, table) for table in self._bgr])
        picture = np.asarray(cv2.add(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR), behind), np.uint8)
        if self._marked:
            watermark.mark_colour(picture)
        return picture

    def transparent(self, rgba: Pixels) -> Pixels:
        """The picture [H, W, 4] itself, with nothing behind it; marked in place."""
        if self._marked:
            watermark.mark_rgba(rgba)
        return rgba


def camera_rgb(frame: av.VideoFrame) -> Pixels:
    """A decoded camera frame as RGB [H, W, 3]."""
    if frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0:
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2RGB_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
