"""The square around head and shoulders, and the camera that sees it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.clip import Margin
from runtime.contract.axes import (
    PORTRAIT_CENTRE_Y,
    PORTRAIT_DISTANCE,
    PORTRAIT_FOCAL,
    Array,
    Camera,
)
from runtime.tracking.fit import Solution

WINDOW = PORTRAIT_DISTANCE / PORTRAIT_FOCAL
"""Height of the portrait's picture at the head, dm."""
MARGIN = 112 / 512
"""What is kept on each side of the square, as a share of its width: the paper's window of 512² slides inside 736²."""


@dataclass(frozen=True)
class Crop:
    """A square of a video's picture, constant over the clip; pixels."""

    left: int
    top: int
    side: int

    def cut(self, rgb: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The square of a picture [H, W, 3], scaled to [size, size, 3]."""
        square = rgb[self.top : self.top + self.side, self.left : self.left + self.side]
        shrinks = self.side > size
        return np.asarray(
            cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8
        )

    def margin(self, size: int, width: int, height: int) -> Margin:
        """How much of the video [height, width] there is around the square, in pixels of a picture of size²."""
        beyond = (self.left, self.top, width - self.left - self.side, height - self.top - self.side)
        left, top, right, bottom = (int(min(pixels / self.side, MARGIN) * size + 1e-6) for pixels in beyond)
        return left, top, right, bottom

    def cut_wide(self, rgb: NDArray[np.uint8], size: int, margin: Margin) -> NDArray[np.uint8]:
        """`cut` with the margin around it, [size + top + bottom, size + left + right, 3]; inside, exactly `cut`."""
        left, top, right, bottom = margin
        scale = size / self.side
        # of a smaller picture, smoothed as by areas; a pixel's centre is at half a pixel in both
        shrunk = cv2.GaussianBlur(rgb, (0, 0), 0.5 / scale) if scale < 0.8 else rgb
        x, y = ((np.arange(-a, size + b) + 0.5) / scale - 0.5 for a, b in ((left, right), (top, bottom)))
        u, v = np.meshgrid((x + self.left).astype(np.float32), (y + self.top).astype(np.float32))
        wide = cv2.remap(shrunk, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        wide[top : top + size, left : left + size] = self.cut(rgb, size)
        return np.asarray(wide, np.uint8)

    def landmarks(self, landmarks: NDArray[np.floating], width: int, height: int) -> Array:
        """Landmarks [..., 478, 3] of the whole picture as (u, v, z) of the crop."""
        scale = np.array([width, height, width]) / self.side
        return ((landmarks * scale) - np.array([self.left, self.top, 0]) / self.side).astype(np.float32)


def portrait_focal(solutions: list[Solution], focal: float) -> float:
    """Focal length over width with which the heads that were fitted under `focal` are at the portrait's distance.

    A video seldom says its focal length; this choice makes its camera the one that avatars are shown by.
    """
    distance = float(np.median([-s.translation[2] for s in solutions]))
    return focal * PORTRAIT_DISTANCE / distance


def square_around(solutions: list[Solution], focal: float, width: int, height: int) -> Crop:
    """The square that frames the median head as the portrait camera does, moved and shrunk to lie in the picture."""
    x, y, z = np.median([s.translation for s in solutions], 0)
    pixels = focal * width / -z
    side = int(min(round(WINDOW * pixels), width, height))
    centre_x = width / 2 + x * pixels
    centre_y = height / 2 - (y + PORTRAIT_CENTRE_Y) * pixels
    left = int(np.clip(round(centre_x - side / 2), 0, width - side))
    top = int(np.clip(round(centre_y - side / 2), 0, height - side))
    return Crop(left, top, side)


def camera_of(
    crop: Crop, rest: NDArray[np.floating], place: NDArray[np.floating], focal: float, width: int, height: int
) -> Camera:
    """The crop's camera in a world where the head rests at the origin, facing along +z.

    `rest` [3, 3] and `place` [3] are the head's pose at rest in camera-centred world axes.
    """
    f = focal * width / crop.side
    cx, cy = (width / 2 - crop.left) / crop.side, (height / 2 - crop.top) / crop.side
    fixed = np.diag([1.0, -1.0, -1.0])
    extrinsics = np.column_stack([fixed @ rest, fixed @ place])
    return Camera(np.array([f, f, cx, cy], np.float32), extrinsics.astype(np.float32))
