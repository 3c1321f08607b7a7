"""Triangle meshes: normals, one step of smooth subdivision, places on a surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from runtime.contract.axes import Array

Indices = NDArray[np.int32]
BULGE = 0.75
"""How far a subdivided edge follows its ends' tangent planes (Boubekeur and Alexa, Phong tessellation, 2008)."""


@njit(cache=True)
def vertex_normals(vertices: Array, triangles: Indices) -> Array:
    """Unit normals [V, 3], each the mean of its triangles' by area; zero for a vertex of no triangle."""
    normals = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2])
        vx, vy, vz = (vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2])
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for i in range(normals.shape[0]):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2)
        if length > 0:
            for k in range(3):
                normals[i, k] /= length
    return normals


@dataclass(frozen=True)
class Subdivision:
    """Splits every triangle into four; the vertices that were there stay where they are."""

    coarse: Indices
    """[F, 3]."""
    edges: Indices
    """[E, 2], the ends of the edge that each new vertex halves."""
    triangles: Indices
    """[4 F, 3]; the new vertices follow the old ones."""

    @classmethod
    def of(cls, triangles: Indices, vertices: int) -> Subdivision:
        sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        edges, which = np.unique(sides, axis=0, return_inverse=True)
        ab, bc, ca = (which.reshape(-1, 3) + vertices).T
        a, b, c = triangles.T
        fine = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        split = np.stack([np.stack(corners, 1) for corners in fine], 1).reshape(-1, 3)
        return cls(triangles, edges.astype(np.int32), split.astype(np.int32))

    def values(self, values: Array) -> Array:
        """Values [V, ...] at the old and the new vertices [V + E, ...], halfway between the ends."""
        return np.concatenate([values, (values[self.edges[:, 0]] + values[self.edges[:, 1]]) / 2])

    def places(self, vertices: Array) -> Array:
        """Places [V + E, 3]: new vertices bulge as the normals of their ends say."""
        normals = vertex_normals(vertices, self.coarse)
        a, b = vertices[self.edges[:, 0]], vertices[self.edges[:, 1]]
        na, nb = normals[self.edges[:, 0]], normals[self.edges[:, 1]]
        half = (b - a) / 2
        lift = -(half * na).sum(1, keepdims=True) * na + (half * nb).sum(1, keepdims=True) * nb
        # Across a sharp rim the tangent planes say nothing.
        lift *= np.clip((na * nb).sum(1, keepdims=True) * 2, 0, 1)
        return np.concatenate([vertices, (a + b) / 2 + BULGE / 2 * lift]).astype(np.float32)


def scattered(
    rng: np.random.Generator, vertices: Array, triangles: Indices, density: Array, count: int
) -> tuple[NDArray[np.int64], Array]:
    """`count` random places on a surface: triangle [N] and weights of its corners [N, 3].

    `density` [V] is how likely a place is, per area.
    """
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) * density[triangles].mean(1)
    chosen = np.sort(rng.choice(len(triangles), count, p=area / area.sum()))
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], 1)
    return chosen, weights.astype(np.float32)


def at(values: Array, triangles: Indices, places: tuple[NDArray[np.int64], Array]) -> Array:
    """Values [V, C] at places of `scattered`, [N, C]."""
    chosen, weights = places
    corners = values[triangles[chosen]]
    return np.einsum("nk,nkc->nc", weights, corners).astype(np.float32)


def tube(
    path: Array, radius: Array | float, *, closed: bool, around: int = 8, flat: float = 1.0
) -> tuple[Array, Indices]:
    """Vertices and triangles of a tube along `path` [N, 3] of a radius [N] dm, `flat` times as thick across."""
    count = len(path)
    tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    up = np.where(np.abs(tangent[:, 1:2]) < 0.9, np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    side = np.cross(tangent, up)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, tangent)
    angle = np.arange(around) * (2 * np.pi / around)
    wide = np.broadcast_to(radius, count)[:, None, None]
    ring = np.cos(angle)[None, :, None] * side[:, None] * flat + np.sin(angle)[None, :, None] * up[:, None]
    vertices = (path[:, None] + wide * ring).reshape(-1, 3)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(count if closed else count - 1), np.arange(around), indexing="ij"))
    following, beside = (i + 1) % count, (j + 1) % around
    a, b, c, d = i * around + j, i * around + beside, following * around + beside, following * around + j
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([a, d, c], 1)])
    return vertices.astype(np.float32), triangles.astype(np.int32)


def joined(pieces: list[tuple[Array, Indices]]) -> tuple[Array, Indices]:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(v) for v, _ in pieces)])
    triangles = [t + s for (_, t), s in zip(pieces, starts, strict=False)]
    return np.concatenate([v for v, _ in pieces]).astype(np.float32), np.concatenate(triangles).astype(np.int32)
