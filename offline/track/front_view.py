"""The fixed front view of the head model that motion maps and the mean texture share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CENTRE = (0.0, -0.2)
HALF = 1.1
"""The orthographic window, head space, dm: from chin with the jaw open to the forehead."""


def to_window(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Head-space points [..., 3] to (u, v) [..., 2] in the front view, 0..1, v down."""
    return (points[..., :2] - CENTRE) * [0.5 / HALF, -0.5 / HALF] + 0.5


def pixel_centres(size: int) -> NDArray[np.float64]:
    """(u, v) of every pixel, [size, size, 2]."""
    centres = (np.arange(size) + 0.5) / size
    return np.stack(np.meshgrid(centres, centres), -1)


def vertex_normals(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """Unit normals [n, 3]: the mean of the adjacent triangles' by their area."""
    a, b, c = (vertices[triangles[:, i]].astype(np.float64) for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros((len(vertices), 3))
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def rasterise(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], size: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The nearest front-facing triangle at each pixel [size, size], -1 for none, and barycentrics [size, size, 3].

    The textbook z-buffer: all triangles, one after the other.
    """
    points = np.asarray(vertices, np.float64)
    return rasterise_projected(to_window(points), points[:, 2], triangles, size)


def rasterise_projected(
    points: NDArray[np.floating], nearness: NDArray[np.floating], triangles: NDArray[np.integer], size: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The same for vertices that are projected already: (u, v) [n, 2], 0..1, v down, and `nearness` [n], which rises
    towards the camera."""
    centres = pixel_centres(size)
    corners = np.asarray(points, np.float64)
    nearest = np.full((size, size), -np.inf)
    index = np.full((size, size), -1, np.intp)
    barycentrics = np.zeros((size, size, 3))
    for t, triangle in enumerate(triangles):
        a, b, c = corners[triangle]
        area = _cross(b - a, c - a)
        if area >= 0:  # v points down, so a front-facing triangle turns the other way
            continue
        low, high = np.floor(np.min([a, b, c], 0) * size), np.ceil(np.max([a, b, c], 0) * size)
        (left, top), (right, bottom) = np.clip([low, high], 0, size).astype(int)
        p = centres[top:bottom, left:right]
        weights = np.stack([_cross(b - p, c - p), _cross(c - p, a - p), _cross(a - p, b - p)], -1) / area
        depth = weights @ nearness[triangle]
        window = np.s_[top:bottom, left:right]
        wins = (weights >= 0).all(-1) & (depth > nearest[window])
        nearest[window][wins] = depth[wins]
        index[window][wins] = t
        barycentrics[window][wins] = weights[wins]
    return index, barycentrics


def _cross(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
