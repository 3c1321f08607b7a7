"""The runtime's head model: what a dense head does at MediaPipe's landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.head_model.dense import DenseHead
from runtime.contract.drive import DETAIL, EXPRESSIONS
from runtime.contract.head_model import VERTICES, HeadModel


def landmark_model(dense: DenseHead, triangles: NDArray[np.int32]) -> HeadModel:
    """`dense` at its landmarks, on MediaPipe's `triangles` [F, 3]; the detail axes are zero.

    What is not linear (eyes that turn, lids that shut) is taken at coefficient 1 of each axis alone.
    """
    mean = dense.landmarks(dense.mean)
    alone = np.eye(len(EXPRESSIONS), dtype=np.float32)
    return HeadModel(
        mean,
        dense.landmarks(dense.identity),
        np.stack([dense.landmarks(dense.vertices(expression=one)) - mean for one in alone]),
        np.zeros((DETAIL, VERTICES, 3), np.float32),
        triangles,
    )
