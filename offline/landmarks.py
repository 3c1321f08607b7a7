"""The face mesh on still pictures, where its own noise must not count.

One reading of a picture is off, and is off otherwise once the picture is moved by two pixels: by as much as a small
expression moves a face. The mean over a few copies that are turned, scaled and moved a little is off by less than half
of that (tests/test_landmarks.py). A live tracker cannot wait for that; a measurement can.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.tracking.mesh import FaceMesh

COPIES = 8
TURN, SCALE, SHIFT = 4.0, 0.06, 0.02
"""Most that a copy is turned, degrees, scaled, and moved, as shares of the picture."""


def still_landmarks(mesh: FaceMesh, rgb: NDArray[np.uint8], copies: int = COPIES) -> Array | None:
    """Landmarks [478, 3] of a picture [H, W, 3] by itself, as `FaceMesh.detect` has them, the mean over `copies`; None
    where no face is found. What pictures before it showed is forgotten."""
    mesh.reset()
    if mesh.detect(rgb, 0.0) is None:
        return None
    size = np.array([rgb.shape[1], rgb.shape[0]], np.float64)
    read = []
    for there in _changes(copies, size):
        copy = cv2.warpAffine(rgb, there, (rgb.shape[1], rgb.shape[0]), borderMode=cv2.BORDER_REPLICATE)
        found = mesh.detect(np.asarray(copy, np.uint8), 0.0)
        if found is not None:
            read.append(_taken_back(found, there, size))
    return np.mean(read, 0, dtype=np.float64).astype(np.float32) if read else None


def _changes(copies: int, size: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Similarities of the plane [2, 3], pixels, the same for every picture of a size."""
    drawn = np.random.default_rng(0).uniform(-1, 1, (copies, 4))
    made = []
    for turn, scale, *shift in drawn:
        matrix = np.array(
            cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), TURN * turn, 1 + SCALE * scale), np.float64
        )
        matrix[:, 2] += SHIFT * np.array(shift) * size.min()
        made.append(matrix)
    return made


def _taken_back(landmarks: Array, there: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks of a copy to where they are in the picture itself."""
    back = cv2.invertAffineTransform(there)
    flat = (landmarks[:, :2] * size) @ back[:, :2].T + back[:, 2]
    depth = landmarks[:, 2:] * np.sqrt(abs(np.linalg.det(back[:, :2])))
    return np.concatenate([flat / size, depth], 1)
