"""Single pictures of faces: found, and judged by what the authors' filters ask for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.joker.captures.framing import Framing, Lens
from offline.joker.captures.layout import Picture
from offline.track.look import sharpness
from offline.track.matte import Matting
from offline.track.reasons import Reason
from runtime.contract.axes import Array
from runtime.contract.head_model import FACE_VERTICES
from runtime.tracking.fit import Observation, Solution
from runtime.tracking.mesh import FaceMesh

MARGIN = 0.045
"""Share of the picture along its border that landmarks keep out of (Joker's released code)."""
BLURRED = 40.0
"""Least sharpness, variance of the Laplacian of a face 128 pixels high. It stands in for hyperIQA's score of 40, whose
weights are not ours to ship. Clean webcam and camera videos: 101 to 675; the webcam's after a quarter of its size: 25
to 34. A noisy or strongly sharpened picture passes it whatever it shows."""
ENLARGED = 2.0
"""Most times that a framed picture is larger than what was filmed."""
WRONG = 0.08
"""dm; a fit whose landmarks lie farther off on average is a wrong one."""
YAW, PITCH = np.radians([65.0, 40.0])
"""Angles beyond which half of the landmarks are guesses."""
LONGEST = 1600
"""Pixels; longer sides are averaged down, or a multi-view person would fill the memory."""
UNREADABLE = "unreadable video"
TURNED = "turned too far away"


@dataclass(frozen=True)
class Still:
    """A picture with a face."""

    rgb: Picture
    landmarks: Array
    """[478, 3], fractions of the picture."""
    caption: str
    lens: Lens | None = None
    """None where the camera is not known."""

    def observation(self, lens: Lens) -> Observation:
        return lens.observation(self.landmarks, self.rgb.shape[1], self.rgb.shape[0])


class Finder:
    """Finds and cuts out faces in pictures that have nothing to do with one another. Not safe for several threads."""

    def __init__(self) -> None:
        self._mesh, self._matting = FaceMesh(), Matting()

    def __enter__(self) -> Finder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mesh.close()
        self._matting.__exit__(kind, error, trace)

    def find(self, rgb: Picture, caption: str, tally: Counter[str], lens: Lens | None = None) -> Still | None:
        """The largest face of a picture [H, W, 3]; None, and the reason in `tally`, where it is of no use."""
        rgb = _reduced(rgb)
        self._mesh.reset()
        landmarks = self._mesh.detect(rgb, 0.0)
        if landmarks is not None:
            landmarks = self._mesh.detect(rgb, 0.0)  # the second look begins where the first one found the face
        reason = Reason.NO_FACE if landmarks is None else _fault(rgb, landmarks)
        if landmarks is None or reason is not None:
            tally[(reason or Reason.NO_FACE).words] += 1
            return None
        return Still(rgb, landmarks, caption, lens)

    def cut_out(self, still: Still, lens: Lens, framing: Framing, size: int) -> Picture:
        """The framed picture, RGBA [size, size, 4], straight alpha; what was not filmed is transparent."""
        margin = size // 6  # the segmentation was trained on more than a head
        square, seen = framing.cut(still.rgb, lens, size, margin)
        self._matting.forget_frame()
        rgba = self._matting.cut_out(square)
        rgba[..., 3] *= seen
        return np.ascontiguousarray(rgba[margin : margin + size, margin : margin + size])


def fault(solution: Solution | None, error: float, framing: Framing | None, side: float, size: int) -> str | None:
    """Why a fitted head is of no use, None where it is; `side` as `Framing.side` has it."""
    if solution is None or framing is None or error > WRONG:
        return Reason.NO_FIT.words
    if abs(framing.yaw) > YAW or abs(framing.pitch) > PITCH:
        return TURNED
    return Reason.TINY.words if side * ENLARGED < size else None


def _fault(rgb: Picture, landmarks: Array) -> Reason | None:
    places = landmarks[:FACE_VERTICES, :2]
    if (places < MARGIN).any() or (places > 1 - MARGIN).any():
        return Reason.LEAVES
    return Reason.BLURRED if sharpness(rgb, landmarks) < BLURRED else None


def _reduced(rgb: NDArray[np.uint8]) -> Picture:
    scale = LONGEST / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
