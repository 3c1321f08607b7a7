"""A small rasteriser, and heads drawn plainly: enough for MediaPipe to find a face and to look at a shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Camera
from runtime.tracking.bounded import Floats

NEAREST = 0.1
"""dm before the camera."""


@dataclass(frozen=True)
class Fragments:
    """What each pixel of a square picture shows."""

    triangle: NDArray[np.int64]
    """[S, S], -1 where nothing is."""
    weights: Floats
    """[S, S, 3], the place among the triangle's corners (in the picture; perspective within a triangle is left out)."""


def rasterise(vertices: NDArray[np.floating], triangles: NDArray[np.integer], camera: Camera, size: int) -> Fragments:
    """The nearest triangle at each pixel's centre, of world-space vertices [V, 3]; both sides of a triangle show.

    Triangles are put into buckets by the size of their boxes, so that each bucket is one array operation.
    """
    deep = vertices @ camera.extrinsics[2, :3] + camera.extrinsics[2, 3]
    corners = camera.project(vertices).astype(np.float64)[triangles] * size - 0.5
    depth = deep[triangles]
    low = np.maximum(np.ceil(corners.min(1)), 0).astype(np.int64)
    high = np.minimum(np.floor(corners.max(1)), size - 1).astype(np.int64)
    span = (high - low + 1).max(1)
    a, b, c = corners.transpose(1, 0, 2)
    area = _cross(b - a, c - a)
    seen = (high >= low).all(1) & (depth.min(1) > NEAREST) & (np.abs(area) > 1e-9)
    pixels, faces, places, depths = [], [], [], []
    bucket = 2
    while seen.any():
        chosen = np.flatnonzero(seen & (span <= bucket))
        seen &= span > bucket
        for some in np.array_split(chosen, 1 + len(chosen) * bucket**2 // 4_000_000):
            offset = np.stack(np.meshgrid(np.arange(bucket), np.arange(bucket)), -1).reshape(-1, 2)
            at = low[some, None] + offset
            point = at - a[some, None]
            first, second = (b - a)[some, None], (c - a)[some, None]
            v = _cross(point, second) / area[some, None]
            w = _cross(first, point) / area[some, None]
            face, pixel = np.nonzero((v >= 0) & (w >= 0) & (v + w <= 1) & (at <= high[some, None]).all(-1))
            v, w, at = v[face, pixel], w[face, pixel], at[face, pixel]
            weights = np.column_stack([1 - v - w, v, w])
            pixels.append(at[:, 1] * size + at[:, 0])
            faces.append(some[face])
            places.append(weights)
            depths.append((weights * depth[some[face]]).sum(1))
        bucket *= 2
    order = np.argsort(-np.concatenate(depths)) if depths else np.zeros(0, np.intp)
    triangle, place = np.full(size * size, -1), np.zeros((size * size, 3))
    if len(order):
        target = np.concatenate(pixels)[order]
        triangle[target] = np.concatenate(faces)[order]
        place[target] = np.concatenate(places)[order]
    return Fragments(triangle.reshape(size, size), place.reshape(size, size, 3))


def _cross(a: Floats, b: Floats) -> Floats:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def vertex_normals(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> Floats:
    """Unit normals [V, 3], weighted by area."""
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    face = np.cross(b - a, c - a)
    normals = np.stack([np.bincount(triangles.T.ravel(), np.tile(face[:, i], 3), len(vertices)) for i in range(3)], -1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


SKIN, LIPS, WHITE, IRIS, PUPIL, TEETH, TONGUE, INSIDE, BACKDROP = (
    np.array(c) for c in (
        (0.78, 0.6, 0.5), (0.72, 0.43, 0.41), (0.95, 0.95, 0.95), (0.35, 0.25, 0.15), (0.03, 0.03, 0.03),
        (0.92, 0.9, 0.85), (0.75, 0.35, 0.35), (0.3, 0.1, 0.1), (0.75, 0.75, 0.75),
    )
)  # fmt: skip
LIGHT = np.array([0.29, 0.39, 0.87])
AMBIENT = 0.4
GAMMA = 1 / 1.6


def plain_picture(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colours: NDArray[np.floating],
    camera: Camera,
    size: int,
) -> NDArray[np.uint8]:
    """RGB [size, size, 3] of a mesh with colours [V, 3], under one light from the upper left of the subject."""
    drawn = rasterise(vertices, triangles, camera, size)
    there = drawn.triangle >= 0
    corners, weights = triangles[drawn.triangle[there]], drawn.weights[there][..., None]
    normals = (vertex_normals(vertices, triangles)[corners] * weights).sum(1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    lit = AMBIENT + (1 - AMBIENT) * np.clip(normals @ LIGHT, 0, 1)
    picture = np.broadcast_to(BACKDROP, (size, size, 3)).copy()
    picture[there] = (colours[corners] * weights).sum(1) * lit[:, None]
    return (255 * np.clip(picture, 0, 1) ** GAMMA).astype(np.uint8)
