"""The person cut out from the background.

MediaPipe's selfie segmentation says where the person is, to a few pixels. Between what is surely person and surely not,
a pixel's opacity is its place on the line from the background's colour nearby to the person's colour nearby; where the
two look alike, the segmentation's word stands. Colours of half-covered pixels are then freed from the background, which
would show as a rim on any other (after Forte, Approximate Fast Foreground Colour Estimation, 2021).
"""

from __future__ import annotations

from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.tracking.mesh import quiet_start

UNSURE = 0.018
"""How far from the segmentation's edge the true one may be, as a share of the picture's width."""
NEARBY = 0.035
"""Reach of the averages of surely known colours, likewise."""
ALIKE = 0.15
"""Distance of two colours (RGB, 0..1) at which the line between them counts as much as the segmentation."""
MOTLEY = 6.0
"""How much the variance of either side's colours adds to that: a line between means says little of a motley wall."""
SMOOTH_REACH, SMOOTH = 0.004, 1e-4
"""Reach of the guided filter over the result, and its ε: differences in colour, squared, that count as an edge."""
LOW, HIGH = 0.12, 0.9
"""Opacity that becomes 0 and 1: folds of a curtain and noise of a coat are no haze."""
RIM = 0.05
"""Reach of the averages that free colours from the background."""
WORKING = 256
"""Width at which averages of colours are taken, pixels."""
MEMORY = 0.35
"""Share of the previous frame in the segmentation, which steadies it."""


class Matting:
    """Mattes of consecutive pictures of one video."""

    def __init__(self) -> None:
        with quiet_start():
            from mediapipe.python.solutions import selfie_segmentation

            self._segmentation = selfie_segmentation.SelfieSegmentation(model_selection=0)
            self._segmentation.process(np.zeros((64, 64, 3), np.uint8))
        self._last: Array | None = None

    def __enter__(self) -> Matting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._segmentation.close()

    def forget_frame(self) -> None:
        """Takes the next picture afresh; for a cut or a gap."""
        self._last = None

    def cut_out(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGBA [H, W, 4], straight alpha, of the person in a picture [H, W, 3]."""
        alpha = self.matte(rgb)
        colour = person_colour(rgb.astype(np.float32) / 255, alpha)
        return np.round(np.dstack([colour, alpha]) * 255).astype(np.uint8)

    def matte(self, rgb: NDArray[np.uint8]) -> Array:
        """Opacity [H, W], 0..1, of the person in a picture [H, W, 3]."""
        coarse = np.asarray(self._segmentation.process(rgb).segmentation_mask, np.float32)
        if self._last is not None and self._last.shape == coarse.shape:
            coarse = (1 - MEMORY) * coarse + MEMORY * self._last
        self._last = coarse
        return on_colour_lines(rgb.astype(np.float32) / 255, _largest(coarse))


def on_colour_lines(picture: Array, coarse: Array) -> Array:
    """Opacity [H, W] of the person in a picture [H, W, 3], 0..1, from a coarse one [H, W]."""
    inside, outside, background, step, trust = (_enlarged(each, picture) for each in _lines(picture, coarse))
    place = np.einsum("hwc,hwc->hw", picture - background, step)
    unsure = trust * place.clip(0, 1) + (1 - trust) * ((coarse - 0.3) / 0.4).clip(0, 1)
    alpha = np.where(inside + outside > 0.5, inside, unsure).astype(np.float32)
    smooth = cv2.ximgproc.guidedFilter(picture, alpha, max(int(SMOOTH_REACH * picture.shape[1]), 1), SMOOTH)
    return ((smooth - LOW) / (HIGH - LOW)).clip(0, 1).astype(np.float32)


def _lines(picture: Array, coarse: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Of a reduced picture: where is surely person and surely not, [h, w]; the background's colour near by and the step
    from it that is one in opacity, [h, w, 3]; how far that is to be trusted, [h, w]."""
    picture, coarse = _reduced(picture), _reduced(coarse)
    width = picture.shape[1]
    shrink = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(int(UNSURE * width), 2) + 1,) * 2)
    sides = (np.asarray(side, np.float32) for side in (coarse > 0.5, coarse <= 0.5))
    inside, outside = (np.asarray(cv2.erode(side, shrink), np.float32) for side in sides)
    person, person_spread, near_person = _nearby(picture, inside)
    background, background_spread, near_background = _nearby(picture, outside)
    line = person - background
    length = np.einsum("hwc,hwc->hw", line, line)
    doubt = ALIKE**2 + MOTLEY * (person_spread + background_spread)
    trust = length / (length + doubt) * (near_person & near_background)
    return inside, outside, background, line / np.maximum(length, 1e-4)[..., None], trust.astype(np.float32)


def person_colour(picture: Array, alpha: Array) -> Array:
    """The person's colours [H, W, 3] in a picture ``α · person + (1 - α) · background``: first as a wide average of
    what is nearly opaque, then of the nearest."""
    small, weight = _reduced(picture), _reduced(alpha)[..., None]
    reach = max(int(RIM * small.shape[1]), 4)
    person = background = near = far = small
    for size in (2 * reach + 1, reach // 2 + 1):
        near = _mean(person * weight, size) / (_mean(weight, size) + 1e-5)
        far = _mean(background * (1 - weight), size) / (_mean(1 - weight, size) + 1e-5)
        person, background = _unmixed(small, weight, near, far), far
    return _unmixed(picture, alpha[..., None], _enlarged(near, picture), _enlarged(far, picture))


def _unmixed(picture: Array, weight: Array, person: Array, background: Array) -> Array:
    """The person's colours, near `person`, that make the picture with the background's under weights [H, W, 1]."""
    return (person + weight * (picture - weight * person - (1 - weight) * background)).clip(0, 1)


def _reduced(values: Array) -> Array:
    """[H, W, …] at the width where averages of colours are taken; larger pictures would only take longer."""
    height, width = values.shape[:2]
    if width <= WORKING:
        return values
    size = (WORKING, round(height * WORKING / width))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(values: Array, like: Array) -> Array:
    if values.shape[:2] == like.shape[:2]:
        return values
    return np.asarray(cv2.resize(values, like.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _nearby(picture: Array, where: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Of the pixels `where` [H, W] around each: mean colour [H, W, 3], variance [H, W], and whether there are any."""
    size = 2 * max(int(NEARBY * picture.shape[1]), 3) + 1
    weight = _mean(where[..., None], size)
    share = np.maximum(weight, 1e-4)
    mean = _mean(picture * where[..., None], size) / share
    square = _mean(np.einsum("hwc,hwc,hw->hw", picture, picture, where)[..., None], size) / share
    variance = square[..., 0] - np.einsum("hwc,hwc->hw", mean, mean)
    return mean, variance.clip(0), weight[..., 0] > 1e-3


def _mean(values: Array, size: int) -> Array:
    return np.asarray(cv2.blur(values, (size, size)), np.float32).reshape(values.shape)


def _largest(mask: Array) -> Array:
    """The mask without everything that does not touch its largest part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0.3).astype(np.uint8))
    if count <= 2:
        return mask
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    others = (labels > 0) & (labels != largest)
    return np.where(others, np.float32(0), mask)
