"""Garments: the torso's own surface, smoothed and lifted, cut at a neckline, with what is sewn to its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix

from offline.people.mesh import Indices, joined, tube, vertex_normals
from offline.people.surface import Surface
from runtime.contract.axes import Array

AXIS = -0.55
"""z of the neck's axis in the mean head, dm."""
HIDDEN = 0.10
"""Skin further below the edge than this (dm) is not drawn."""


@dataclass(frozen=True)
class Cut:
    """Where a garment ends, on the mean head: below ``level - lean · z``, lower in front of a V."""

    level: float
    lean: float
    vee: float = 0.0
    lift: float = 0.03
    """How far it is from the skin, dm."""

    def below(self, paint: Array) -> Array:
        """[N], dm under the edge."""
        front = np.clip((paint[:, 2] + 0.75) / 0.5, 0, 1)
        vee = self.vee * np.clip(1 - np.abs(paint[:, 0]) / 0.5, 0, 1) * front
        return np.asarray(self.level - self.lean * paint[:, 2] - vee - paint[:, 1])


CUTS = {
    "tee": Cut(-1.50, 0.30),
    "v-neck": Cut(-1.47, 0.30, vee=0.55),
    "shirt": Cut(-1.40, 0.25, vee=0.30, lift=0.035),
    "turtleneck": Cut(-1.13, 0.22, lift=0.045),
    "hoodie": Cut(-1.43, 0.30, lift=0.07),
}


@dataclass(frozen=True)
class Garment:
    """In torso space, dm."""

    vertices: Array
    triangles: Indices
    paint: Array
    """[N, 6]: place, share of the trim's colour, place along a rib, 0."""
    hides: NDArray[np.bool_]
    """[fine skin], vertices that it covers."""


def garment(name: str, face: Surface, skin: Array, normals: Array) -> Garment:
    """One of `CUTS` for a person's fine skin [F, 3] and its normals."""
    cut, bare = CUTS[name], skin
    below = cut.below(face.paint)
    inside = (below > 0) & (face.paint[:, 1] < -0.7)
    kept = face.triangles[inside[face.triangles].any(1)]
    own, local = np.unique(kept, return_inverse=True)
    triangles = local.reshape(-1, 3).astype(np.int32)
    skin = _cut_at_edge(skin, kept, inside, below)
    draped = _draped(skin[own], triangles, np.clip(below[own] / 0.5, 0, 1))
    lift = cut.lift * np.clip(0.4 + below[own] / 0.15, 0.4, 1)
    vertices = draped + vertex_normals(draped.astype(np.float32), triangles) * lift[:, None]
    # Never under the skin.
    depth = ((vertices - skin[own]) * normals[own]).sum(1)
    vertices += np.maximum(0.5 * lift - depth, 0)[:, None] * normals[own]
    edge = _neckline(face, bare, normals, below)
    pieces, paints = [(vertices.astype(np.float32), triangles)], [_painted(vertices, 0.0, vertices[:, 1])]
    for (places, faces), trim, rib in _sewn(name, edge, cut.lift):
        pieces.append((places, faces))
        paints.append(_painted(places, trim, rib))
    merged = joined(pieces)
    return Garment(*merged, np.concatenate(paints).astype(np.float32), below > HIDDEN)


def _cut_at_edge(skin: Array, triangles: Indices, inside: NDArray[np.bool_], below: Array) -> Array:
    """The skin with the vertices that lie beyond a garment's edge drawn back to where their sides cross it."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    sides = np.concatenate([sides, sides[:, ::-1]])
    out, into = sides[~inside[sides[:, 0]] & inside[sides[:, 1]]].T
    share = np.clip(below[into] / (below[into] - below[out] + 1e-9), 0, 1)[:, None]
    total, count = np.zeros_like(skin), np.zeros((len(skin), 1), np.float32)
    np.add.at(total, out, skin[into] + share * (skin[out] - skin[into]))
    np.add.at(count, out, 1)
    return np.where(count > 0, total / np.maximum(count, 1), skin)


def _painted(places: Array, trim: float, rib: Array) -> Array:
    rest = np.stack([np.full(len(places), trim), rib, np.zeros(len(places))], 1)
    return np.concatenate([places, rest], 1)


def _draped(places: Array, triangles: Indices, freedom: Array) -> Array:
    """Cloth does not follow every hollow."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    sides = np.concatenate([sides, sides[:, ::-1]])
    count = len(places)
    links = coo_matrix((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), (count, count)).tocsr()
    links.data[:] = 1
    many = np.asarray(links.sum(1)).ravel()
    smooth = places.astype(np.float64)
    for _ in range(12):
        smooth += 0.6 * freedom[:, None] * (links @ smooth / many[:, None] - smooth)
    return smooth.astype(np.float32)


def _neckline(face: Surface, skin: Array, normals: Array, below: Array) -> tuple[Array, Array]:
    """The edge as a closed curve [144, 3] around the neck, from behind over the right, and the skin's normals there."""
    a, b = face.subdivision.triangles[:, [0, 1]].T
    crossing = (below[a] > 0) != (below[b] > 0)
    crossing &= (np.abs(face.paint[a, 0]) < 1.2) & (face.paint[a, 1] < -0.7)
    a, b = a[crossing], b[crossing]
    share = (below[a] / (below[a] - below[b]))[:, None]
    place, normal = (x[a] * (1 - share) + x[b] * share for x in (skin, normals))
    angle = np.arctan2(place[:, 0], place[:, 2] - AXIS)
    order = np.argsort(angle)
    wanted = np.linspace(-np.pi, np.pi, 144, endpoint=False)

    def round_(values: Array) -> Array:
        columns = [np.interp(wanted, angle[order], values[order, k], period=2 * np.pi) for k in range(3)]
        return gaussian_filter1d(np.stack(columns, 1), 2.0, axis=0, mode="wrap")

    return round_(place), round_(normal)


def _sewn(name: str, edge: tuple[Array, Array], lift: float) -> list[tuple[tuple[Array, Indices], float, Array]]:
    """What is sewn to the edge: mesh, share of the trim's colour, place along a rib."""
    curve, normal = edge
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    around = np.repeat(np.linspace(0, 6, len(curve)), 8)
    if name in ("tee", "v-neck"):
        return [(tube(curve + normal * 0.022, 0.034, closed=True, flat=0.55), 0.0, around)]
    if name == "turtleneck":
        rolls = []
        for k, (up, wide) in enumerate(((-0.10, 0.075), (-0.01, 0.07), (0.06, 0.05))):
            path = curve + normal * (0.035 - 0.01 * k) + np.array([0, up, 0])
            rolls.append((tube(path, wide, closed=True, flat=0.7), 0.0, around))
        return rolls
    if name == "hoodie":
        turn = np.linspace(-np.pi, np.pi, len(curve), endpoint=False)
        back = np.clip((np.abs(turn) - 0.5) / 2.2, 0, 1)
        path = (
            curve + normal * (0.05 + 0.16 * back)[:, None] + np.array([0.0, 1.0, 0.0]) * (0.02 + 0.02 * back)[:, None]
        )
        return [(tube(path, 0.075 + 0.13 * back, closed=True, flat=0.8), 0.0, around)]
    collar = _collar(curve, normal)
    return [(collar, 0.0, collar[0][:, 1])]


def _collar(curve: Array, normal: Array) -> tuple[Array, Indices]:
    """A shirt's collar: it stands, folds over, and is open in front."""
    turn = np.linspace(-np.pi, np.pi, len(curve), endpoint=False)
    kept = np.abs(turn) > 0.16
    start = int(np.argmax(turn > 0.16))
    order = np.roll(np.arange(len(curve)), -start)
    order = order[kept[order]]
    base, out, angle = curve[order], normal[order], np.abs(turn[order])
    out = out * np.array([1.0, 0.35, 1.0])
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    front = np.clip(1 - (angle - 0.16) / 0.7, 0, 1)[:, None]
    up = np.array([0.0, 1.0, 0.0])
    stand = 0.15 + 0.05 * np.clip((angle - 1.2) / 1.8, 0, 1)[:, None]
    profile = [
        base + out * 0.02,
        base + out * 0.035 + up * stand * 0.6,
        base + out * 0.055 + up * stand,
        base + out * 0.085 + up * (stand - 0.01),
        base + out * (0.12 + 0.02 * front) + up * (stand * 0.4 - 0.04 * front),
        base + out * (0.15 + 0.03 * front) - up * (0.05 + 0.14 * front),
    ]
    rows, count = len(profile), len(base)
    grid = np.arange(rows * count).reshape(rows, count)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, 1:].ravel(), grid[1:, :-1].ravel()
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([a, d, c], 1)])
    return np.concatenate(profile).astype(np.float32), triangles.astype(np.int32)
