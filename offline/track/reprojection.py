"""How well a clip's fitted head explains the landmarks that were seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.clip import Clip
from runtime.contract.axes import Array
from runtime.contract.head_model import HeadModel
from runtime.tracking.fit import landmark_weights
from runtime.tracking.slide import Slide

PICTURE = 512
"""Pixels to a side of the picture that errors are stated for, whatever the clip's size."""
_FLIP = np.diag([1.0, -1.0, -1.0])
"""Camera space to the world axes of a camera at the origin."""


def projected(clip: Clip, model: HeadModel) -> Array:
    """Where the clip's camera sees the fitted vertices, (u, v) [N, 478, 2], 0..1 inside the picture.

    MediaPipe's landmarks slide over the skin as the head turns; the vertices are moved likewise (`Slide`), so that they
    can be compared with the landmarks.
    """
    camera, slide = clip.info.camera, Slide.load()
    facing = _FLIP @ camera.extrinsics[:, :3]
    seen = np.empty((len(clip), len(model.mean), 2), np.float32)
    for i in range(len(clip)):
        pose = clip.state(i).pose
        head = model.vertices(clip.identity, clip.expression[i], clip.detail[i]) + slide.at(facing @ pose[:, :3])
        seen[i] = camera.project(head @ pose[:, :3].T + pose[:, 3])
    return seen


def reprojection_errors(points: Array, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean distance [N] of `projected` points from the landmarks [N, 478, 3], pixels of a 512² picture, over the
    landmarks that the fit looks at."""
    used = landmark_weights()[0]
    distance = np.linalg.norm(points[:, used] - landmarks[:, used, :2], axis=-1)
    return np.asarray(distance.mean(1) * PICTURE, np.float64)
