"""The mean texture: a person's average face, unrolled to the head model's front view."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.clip import Clip
from offline.track.front_view import rasterise, vertex_normals
from runtime.contract.axes import Array
from runtime.contract.head_model import FACE_VERTICES, HeadModel

LONG = 300
"""Frames from which the work shows a bar."""
GRAZING = 0.15
"""Cosine between skin and line of sight below which a frame does not count."""


def mean_texture(clip: Clip, model: HeadModel, size: int) -> Array:
    """[size, size, 3] in 0..1, what the clip's training frames show at each place of the neutral front view.

    Frames count by how squarely they see the skin. Places seen by none take the colour of their nearest neighbours.
    """
    neutral = model.vertices(clip.identity)[:FACE_VERTICES]
    index, barycentrics = rasterise(neutral, model.triangles, size)
    corners = model.triangles[index]
    total = np.zeros((size, size, 3), np.float64)
    weight = np.zeros((size, size), np.float64)
    for frame in tqdm(clip.train, "mean texture", unit="frame", disable=len(clip.train) < LONG):
        places, facing = _seen(clip, model, frame)
        where = np.einsum("hwk,hwkc->hwc", barycentrics, places[corners]).astype(np.float32)
        cosine = np.einsum("hwk,hwk->hw", barycentrics, facing[corners])
        colours = clip.frame(frame).astype(np.float32) / 255
        pixels = where * clip.info.size - 0.5
        sampled = cv2.remap(colours, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        counts = np.clip(cosine - GRAZING, 0, None) ** 2 * sampled[..., 3] * (index >= 0)
        total += counts[..., None] * sampled[..., :3]
        weight += counts
    return _filled(total, weight)


def _seen(clip: Clip, model: HeadModel, frame: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Where the vertices are in a frame (u, v) [468, 2], and the cosines between their normals and the line of
    sight."""
    state, camera = clip.state(frame), clip.info.camera
    head = model.vertices(clip.identity, state.expression, state.detail)[:FACE_VERTICES]
    pose = state.pose
    world = head @ pose[:, :3].T + pose[:, 3]
    eye = -camera.extrinsics[:, :3].T @ camera.extrinsics[:, 3]
    sight = (eye - world) / np.linalg.norm(eye - world, axis=1, keepdims=True)
    facing = (vertex_normals(world, model.triangles) * sight).sum(1)
    if clip.landmarks is not None:
        return clip.landmarks[frame, :FACE_VERTICES, :2], facing
    return camera.project(world), facing


def _filled(total: NDArray[np.floating], weight: NDArray[np.floating]) -> Array:
    """Weighted means, spread outwards over what has no weight by ever coarser averages."""
    level_total: NDArray[Any] = total
    level_weight: NDArray[Any] = weight
    result = np.zeros_like(total)
    known = np.zeros(weight.shape, bool)
    size = weight.shape[0]
    while not known.all():
        mean = level_total / np.maximum(level_weight, 1e-6)[..., None]
        wide = cv2.resize(mean, (size, size), interpolation=cv2.INTER_NEAREST)
        has = cv2.resize(level_weight, (size, size), interpolation=cv2.INTER_NEAREST) > 1e-6
        new = has & ~known
        result[new] = wide[new]
        known |= has
        if level_weight.shape[0] == 1:
            break
        half = (max(level_weight.shape[0] // 2, 1),) * 2
        level_total = cv2.resize(level_total, half, interpolation=cv2.INTER_AREA)
        level_weight = cv2.resize(level_weight, half, interpolation=cv2.INTER_AREA)
    return np.clip(result, 0, 1).astype(np.float32)
