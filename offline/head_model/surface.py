"""Meshes and points on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BadInput
from runtime.tracking.bounded import Floats

LARGEST = 200_000_000
"""Bytes of an OBJ file."""


@dataclass(frozen=True)
class Surface:
    """Points fixed to a mesh."""

    mesh: NDArray[np.int32]
    """[F, 3]."""
    triangle: NDArray[np.int32]
    """[n], the triangle that holds each point."""
    weights: Floats
    """[n, 3], its place among the triangle's corners."""

    def points(self, vertices: NDArray[np.floating]) -> Floats:
        """Where they are, [..., n, 3], for vertices [..., V, 3] or displacements."""
        return np.einsum("lc,...lcx->...lx", self.weights, vertices[..., self.mesh[self.triangle], :])

    def with_points(self, others: Surface) -> Surface:
        """These and the points of another on the same mesh."""
        return Surface(
            self.mesh,
            np.concatenate([self.triangle, others.triangle]),
            np.concatenate([self.weights, others.weights]),
        )

    @classmethod
    def in_front(cls, vertices: Floats, mesh: NDArray[np.int32], places: Floats) -> Surface:
        """What is foremost (largest z) at places (x, y) [n, 2]. Raises BadInput where nothing is."""
        a, b, c = (vertices[mesh[:, i], :2] for i in range(3))
        area = np.cross(b - a, c - a)
        usable = np.abs(area) > 1e-12
        triangles, weights = [], []
        for place in places:
            shares = np.stack([np.cross(b - place, c - place), np.cross(c - place, a - place)], 1)
            shares = shares / np.where(usable, area, 1)[:, None]
            shares = np.column_stack([shares, 1 - shares.sum(1)])
            there = np.flatnonzero(usable & (shares >= -1e-9).all(1))
            if not len(there):
                raise BadInput(f"The mesh has no surface at {place.round(2).tolist()}, where an eye should be.")
            best = there[np.argmax((vertices[mesh[there], 2] * shares[there]).sum(1))]
            triangles.append(best)
            weights.append(shares[best])
        return cls(mesh, np.array(triangles, np.int32), np.array(weights))


def read_obj(path: Path) -> tuple[Floats, NDArray[np.int32]]:
    """Vertices [V, 3] and triangles [F, 3] of a Wavefront OBJ file; polygons are cut into fans. Raises BadInput."""
    vertices: list[list[float]] = []
    triangles: list[list[int]] = []
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} is larger than {LARGEST // 1_000_000} MB; give the head alone.")
        for line in path.read_text("utf-8", errors="replace").splitlines():
            kind, *values = line.split() or [""]
            if kind == "v":
                vertices.append([float(v) for v in values[:3]])
            elif kind == "f":
                corners = [int(value.split("/")[0]) for value in values]
                corners = [i - 1 if i > 0 else len(vertices) + i for i in corners]
                triangles += [[corners[0], *pair] for pair in pairwise(corners[1:])]
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as an OBJ file ({error}).") from error
    points, faces = np.array(vertices, np.float64), np.array(triangles, np.int32)
    if points.ndim != 2 or points.shape[1:] != (3,) or not len(faces) or not np.isfinite(points).all():
        raise BadInput(f"{path} holds no mesh of vertices and faces.")
    if faces.min() < 0 or faces.max() >= len(points):
        raise BadInput(f"{path} has a face whose vertex does not exist.")
    return points, faces


def nearest(points: Floats, among: Floats) -> NDArray[np.intp]:
    """The index of the nearest of `among` [m, 3] to each of `points` [n, 3]."""
    squares = np.square(among).sum(1)
    return np.concatenate(
        [(squares - 2 * some @ among.T).argmin(1) for some in np.array_split(points, 1 + len(points) // 500)]
    )


def components(mesh: NDArray[np.integer], count: int) -> NDArray[np.intp]:
    """[count], for each vertex the lowest vertex that triangles join it with."""
    label = np.arange(count)
    while True:
        lowest = label[mesh].min(1)
        after = label.copy()
        np.minimum.at(after, mesh, np.repeat(lowest[:, None], 3, 1))
        after = after[after]
        if (after == label).all():
            return label
        label = after
