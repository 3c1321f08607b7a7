"""Which points of a mesh are MediaPipe's landmarks: heads are drawn, detected, and the landmarks traced back.

Every candidate point of the surface is projected into every picture; a landmark is the point that lies nearest to where
it was detected, over all pictures at once. Open mouths and eyes tell upper lips and lids from lower ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.head_model.drawing import rasterise
from runtime.contract.axes import Camera, angles_from_rotation
from runtime.contract.head_model import FACE_VERTICES
from runtime.errors import BadInput
from runtime.tracking.bounded import Floats
from runtime.tracking.mesh import FaceMesh

GRID = 6
"""Parts of a triangle's edge between candidate points."""
FRONTAL = 0.35
"""Radians of yaw and pitch at which a picture counts e⁻¹ of a frontal one: the outline's landmarks slide from there."""
SHOWN = 0.1
"""A triangle is a candidate if it shows in this share of the pictures, at least."""
FOUND = 0.5
"""Share of the pictures in which a face must be found."""


@dataclass(frozen=True)
class View:
    """A drawn head."""

    vertices: NDArray[np.floating]
    """[V, 3], dm, as it stands before the camera."""
    camera: Camera
    picture: NDArray[np.uint8]
    """[S, S, 3]."""


def correspondence(
    views: Iterable[View], triangles: NDArray[np.int32], mirror: NDArray[np.intp] | None, pairs: NDArray[np.intp]
) -> tuple[NDArray[np.int32], Floats]:
    """Triangle [468] and place among its corners [468, 3] of each landmark but the irises'.

    `mirror` [V] names each vertex' mirror image (None: the mesh is not symmetric), `pairs` [468] each landmark's.
    Raises BadInput where MediaPipe finds no face in half of the pictures.
    """
    seen, projected, weights, total = [], [], [], 0
    corners = barycentric_grid(GRID)
    shown = np.zeros(len(triangles), int)
    kept: list[View] = []
    with FaceMesh() as mesh:
        for view in views:
            total += 1
            mesh.reset()
            found = mesh.detect(view.picture, float(total))
            if found is None:
                continue
            kept.append(view)
            seen.append(found[:FACE_VERTICES, :2])
            fragments = rasterise(view.vertices, triangles, view.camera, view.picture.shape[0] // 2)
            shown[np.unique(fragments.triangle[fragments.triangle >= 0])] += 1
    if len(kept) < FOUND * total or not kept:
        raise BadInput(f"MediaPipe finds a face in {len(kept)} of {total} pictures of the head; is its front at +z?")
    chosen = np.flatnonzero(shown > SHOWN * len(kept))
    for view in kept:
        projected.append((corners @ view.camera.project(view.vertices)[triangles[chosen]]).reshape(-1, 2))
        yaw, pitch, _ = angles_from_rotation(view.camera.extrinsics[:, :3] * np.array([[1], [-1], [-1]]))
        weights.append(np.exp(-(yaw**2 + pitch**2) / FRONTAL**2))
    cost = _costs(np.stack(projected), np.stack(seen), np.array(weights))
    if mirror is None:
        best = np.argmin(cost, 0)
    else:
        twin = _twins(triangles[chosen], corners, mirror)
        best = np.argmin(cost + cost[twin][:, pairs], 0)
        best = np.where(np.arange(FACE_VERTICES) <= pairs, best, twin[best[pairs]])
    return chosen[best // len(corners)].astype(np.int32), corners[best % len(corners)]


def _costs(points: Floats, landmarks: Floats, weights: Floats) -> Floats:
    """[P, L] weighted squared distances over the pictures, of [N, P, 2] and [N, L, 2]."""
    root = np.sqrt(weights)[:, None, None]
    a = (points * root).transpose(1, 0, 2).reshape(points.shape[1], -1).astype(np.float32)
    b = (landmarks * root).transpose(1, 0, 2).reshape(landmarks.shape[1], -1).astype(np.float32)
    return np.square(a).sum(1)[:, None] - 2 * a @ b.T + np.square(b).sum(1)


def barycentric_grid(parts: int) -> Floats:
    """[n, 3], places evenly over a triangle, its edges included."""
    return np.array([(i, j, parts - i - j) for i in range(parts + 1) for j in range(parts + 1 - i)]) / parts


def _twins(triangles: NDArray[np.int32], corners: Floats, mirror: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each candidate [n × m] the index of its mirror image, or its own where the mirrored triangle is none."""
    place = {tuple(sorted(t)): i for i, t in enumerate(triangles.tolist())}
    grid = {tuple(np.round(c * GRID).astype(int)): i for i, c in enumerate(corners)}
    twins = np.arange(len(triangles) * len(corners))
    for i, mirrored in enumerate(mirror[triangles].tolist()):
        other = place.get(tuple(sorted(mirrored)))
        if other is None:
            continue
        order = [mirrored.index(v) for v in triangles[other].tolist()]
        for j, corner in enumerate(np.round(corners * GRID).astype(int)):
            twins[i * len(corners) + j] = other * len(corners) + grid[tuple(corner[order])]
    return twins
