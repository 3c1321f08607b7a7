"""Which parts of a video file carry the watermark."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from runtime.media.reading import VideoReader
from runtime.media.watermark import SECONDS, THRESHOLD, scores


@dataclass(frozen=True)
class Marks:
    """The scores of a video's stretches of two seconds."""

    stretches: int
    marked: int
    """How many score above the threshold."""
    median: float
    highest: float

    @property
    def found(self) -> bool:
        return self.marked > 0

    def __str__(self) -> str:
        said = "carries Mien's mark" if self.found else "no mark of Mien's was found"
        many = f"{self.marked} of {self.stretches} stretches of {SECONDS:g} s"
        return f"{said}: {many} score above {THRESHOLD}, median {self.median:.1f}, highest {self.highest:.1f}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"found": self.found, "threshold": THRESHOLD}


def read_marks(path: Path) -> Marks:
    """Reads a whole video, a stretch at a time. Raises BadInput, naming the file, where it is none."""
    with VideoReader(path) as reader:
        found = list(
            scores((time, np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)) for time, rgb in reader)
        )
    marked = sum(s > THRESHOLD for s in found)
    return Marks(len(found), marked, float(np.median(found or [0.0])), max(found, default=0.0))
