"""Normal maps: what the driving network sees of the head model (Joker's conditioning images)."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from offline.track.front_view import rasterise_projected, vertex_normals
from runtime.contract.axes import Array, Camera
from runtime.contract.head_model import FACE_VERTICES, HeadModel


def normal_map(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], camera: Camera, size: int
) -> NDArray[np.float32]:
    """Camera-space normals of world-space vertices [n, 3] as a picture [3, size, size], 0..1.

    A normal's x runs right, y up and z to the camera; each is stored as ``n · 0.5 + 0.5``. Black where the mesh is not
    seen. (The conditioning of Joker's released code.)
    """
    rotation = camera.extrinsics[:, :3] * np.array([[1.0], [-1.0], [-1.0]], np.float32)
    depth = vertices @ camera.extrinsics[2, :3] + camera.extrinsics[2, 3]
    index, barycentrics = rasterise_projected(camera.project(vertices), -depth, triangles, size)
    turned = vertex_normals(vertices, triangles) @ rotation.T
    seen = np.einsum("hwk,hwkc->chw", barycentrics, turned[triangles[index]])
    seen /= np.maximum(np.linalg.norm(seen, axis=0, keepdims=True), 1e-9)
    return np.where(index >= 0, seen * 0.5 + 0.5, 0).astype(np.float32)


def head_normals(model: HeadModel, identity: Array | None, expression: Array, camera: Camera, size: int) -> Array:
    """The normal map [3, size, size] of the head model at rest with an expression [52]."""
    vertices = model.vertices(identity, expression)[:FACE_VERTICES]
    return normal_map(vertices, model.triangles, camera, size)


def face_weights(normals: Tensor, size: tuple[int, int], face: float) -> Tensor:
    """Weights [B, 1, *size] of mean 1 each: 1 + `face` on the head model's normals [B, 3, P, P], 1 beside them.

    The face is taken P / 16 pixels wider than the head model, whose mesh has no tongue to put out.
    """
    seen = (normals.amax(1, keepdim=True) > 0).to(normals.dtype)
    around = normals.shape[-1] // 16
    seen = F.max_pool2d(seen, 2 * around + 1, stride=1, padding=around)
    weights = 1 + face * F.adaptive_avg_pool2d(seen, size)
    return weights / weights.mean((2, 3), keepdim=True)
