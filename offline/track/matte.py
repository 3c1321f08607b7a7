"""The person cut out from the background: MediaPipe's selfie segmentation with its edge drawn to the picture's own."""

from __future__ import annotations

from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.tracking.mesh import quiet_start

RADIUS = 0.016
"""Reach of the guided filter, as a share of the picture's width: about as far as the coarse mask may be off."""
SMOOTH = 1e-4
"""The filter's ε: differences in colour, squared, that count as an edge."""
LOW, HIGH = 0.4, 0.95
"""Coarse alpha that becomes 0 and 1."""
MEMORY = 0.35
"""Share of the previous frame in the coarse mask, which steadies it."""


class Matting:
    """Mattes of consecutive pictures of one video."""

    def __init__(self) -> None:
        with quiet_start():
            from mediapipe.python.solutions import selfie_segmentation

            self._segmentation = selfie_segmentation.SelfieSegmentation(model_selection=0)
            self._segmentation.process(np.zeros((64, 64, 3), np.uint8))
        self._last: NDArray[np.float32] | None = None

    def __enter__(self) -> Matting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._segmentation.close()

    def matte(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Alpha [H, W], 0..1, of a picture [H, W, 3]."""
        coarse = np.asarray(self._segmentation.process(rgb).segmentation_mask, np.float32)
        if self._last is not None and self._last.shape == coarse.shape:
            coarse = (1 - MEMORY) * coarse + MEMORY * self._last
        self._last = coarse
        radius = max(int(RADIUS * rgb.shape[1]), 2)
        guide = rgb.astype(np.float32) / 255
        fine = cv2.ximgproc.guidedFilter(guide, _largest(coarse), radius, SMOOTH)
        return np.clip((fine - LOW) / (HIGH - LOW), 0.0, 1.0).astype(np.float32)


def _largest(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mask without everything that does not touch its largest part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0.3).astype(np.uint8))
    if count <= 2:
        return mask
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    others = (labels > 0) & (labels != largest)
    return np.where(others, np.float32(0), mask)
