"""Which part of MakeHuman's body is the head, and with which eyeballs, teeth and lashes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from offline.head_model.dense import Part
from offline.head_model.makehuman import MakeHuman
from runtime.tracking.bounded import Floats

LOWEST, WIDEST = 3.6, 3.0
"""dm on MakeHuman's standing body: the chest and the upper arms end here, outside of a portrait."""
GROUPS = {
    "body": Part.SKIN,
    "helper-upper-teeth": Part.UPPER_TEETH,
    "helper-lower-teeth": Part.LOWER_TEETH,
    "helper-tongue": Part.TONGUE,
    "helper-r-eyelashes-1": Part.RIGHT_LASHES,
    "helper-r-eyelashes-2": Part.RIGHT_LASHES,
    "helper-l-eyelashes-1": Part.LEFT_LASHES,
    "helper-l-eyelashes-2": Part.LEFT_LASHES,
}
EYES = {"helper-r-eye": Part.RIGHT_EYE, "helper-l-eye": Part.LEFT_EYE}
RINGS, SECTORS = 20, 32
"""Of an eyeball, around its optical axis."""


class Anatomy:
    """The head's mesh; see `offline.head_model.dense.DenseHead` for what its arrays hold."""

    def __init__(self, source: MakeHuman) -> None:
        base = source.base
        quads, quad_uv, part = [], [], np.full(len(base), -1)
        for group, kind in GROUPS.items():
            corners, uv = source.groups[group].corners, source.groups[group].uv
            inside = (base[corners, 1] > LOWEST).all(1) & (np.abs(base[corners, 0]) < WIDEST).all(1)
            quads.append(corners[inside])
            quad_uv.append(uv[inside])
            part[corners[inside]] = kind
        self.kept = np.flatnonzero(part >= 0)
        """The vertices of MakeHuman's mesh that the head has, before the eyeballs'."""
        self.eyes = [np.unique(source.groups[group].corners) for group in EYES]
        """The vertices that tell where the eyeballs are."""
        place = np.zeros(len(base), np.int32)
        place[self.kept] = np.arange(len(self.kept))
        used, corner_uv = np.unique(np.concatenate(quad_uv), return_inverse=True)
        self.ball, ball_triangles, ball_uv = eyeball()
        starts = [len(self.kept), len(self.kept) + len(self.ball)]
        corners = np.concatenate(quads)
        order = diagonals(base[corners])
        halved = np.concatenate([place[np.take_along_axis(corners, o, 1)] for o in order])
        self.triangles = np.concatenate([halved, *(ball_triangles + start for start in starts)]).astype(np.int32)
        self.uv = np.concatenate([source.uv[used], ball_uv]).astype(np.float32)
        self.uv_triangles = np.concatenate(
            [*(np.take_along_axis(corner_uv.reshape(-1, 4), o, 1) for o in order), *2 * [ball_triangles + len(used)]]
        ).astype(np.int32)
        balls = np.repeat(list(EYES.values()), len(self.ball))
        self.part = np.concatenate([part[self.kept], balls]).astype(np.uint8)

    @property
    def needed(self) -> NDArray[np.intp]:
        """All vertices of MakeHuman's mesh that `head` looks at."""
        return np.concatenate([self.kept, *self.eyes])

    def head(self, needed: Floats) -> Floats:
        """The head's vertices [V, 3] of the positions [n, 3] of the `needed` vertices."""
        ends = np.cumsum([len(self.kept), *(len(eye) for eye in self.eyes)])
        parts = [needed[: ends[0]]]
        for start, end in pairwise(ends):
            centre, radius = fitted_sphere(needed[start:end])
            parts.append(centre + radius * self.ball)
        return np.concatenate(parts)


def eyeball() -> tuple[Floats, NDArray[np.int32], Floats]:
    """A unit sphere around +z: vertices [n, 3], triangles, and polar texture coordinates; finer towards its front."""
    angles = np.pi * np.linspace(0, 1, RINGS + 1)[1:-1] ** 1.3
    turn = 2 * np.pi * np.arange(SECTORS) / SECTORS
    angle, around = (a.ravel() for a in np.meshgrid(angles, turn, indexing="ij"))
    angle, around = np.concatenate([[0], angle, [np.pi]]), np.concatenate([[0], around, [0]])
    direction = np.column_stack([np.cos(around), np.sin(around)])
    vertices = np.column_stack([np.sin(angle)[:, None] * direction, np.cos(angle)])
    ring = 1 + np.arange(SECTORS)
    following = np.roll(ring, -1)
    last = len(vertices) - 1
    triangles = [np.column_stack([np.zeros(SECTORS), ring, following])]
    for i in range(RINGS - 2):
        near, far = i * SECTORS, (i + 1) * SECTORS
        triangles.append(np.column_stack([ring + near, ring + far, following + far]))
        triangles.append(np.column_stack([ring + near, following + far, following + near]))
    end = (RINGS - 2) * SECTORS
    triangles.append(np.column_stack([ring + end, np.full(SECTORS, last), following + end]))
    return vertices, np.concatenate(triangles).astype(np.int32), 0.5 + angle[:, None] / (2 * np.pi) * direction


def fitted_sphere(points: Floats) -> tuple[Floats, float]:
    """Centre [3] and radius of the sphere nearest to points [n, 3], least squares."""
    mean = points.mean(0)
    near = points - mean
    solved = np.linalg.lstsq(np.column_stack([2 * near, np.ones(len(near))]), np.square(near).sum(1), rcond=None)[0]
    return solved[:3] + mean, float(np.sqrt(solved[3] + solved[:3] @ solved[:3]))


def diagonals(quads: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which corners the two triangles [Q, 3] of each quad [Q, 4, 3] have: cut along the shorter diagonal, so that a
    symmetric mesh stays one."""
    first, second = (np.linalg.norm(quads[:, i] - quads[:, i + 2], axis=1) for i in (0, 1))
    along = (first <= second + 1e-6)[:, None]
    return np.where(along, [0, 1, 2], [0, 1, 3]), np.where(along, [0, 2, 3], [1, 2, 3])
