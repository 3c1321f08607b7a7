"""Rims of lids and lips: where they are on a mesh, and how to make them meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.head_model.drawing import rasterise
from runtime.contract.axes import Array, Camera, portrait_camera
from runtime.tracking.bounded import Floats

CLOSE_UP = 1024
"""Pixels of the picture in which rims are looked for."""

OVERLAP = 0.008
"""dm by which a shut upper lid covers the lower one, so that nothing shows between."""


@dataclass(frozen=True)
class Rims:
    """An upper and a lower rim, and how much the vertices about them follow."""

    upper: NDArray[np.int32]
    """[n] vertices from one corner to the other, x rising."""
    lower: NDArray[np.int32]
    """[m]."""
    above: NDArray[np.floating]
    """[V], 0..1, how much a vertex goes with the upper rim beside it."""

    def gap(self, vertices: NDArray[np.floating]) -> Floats:
        """[n], dm: how much higher the lower rim is than each vertex of the upper one."""
        upper, lower = vertices[self.upper], vertices[self.lower]
        order = np.argsort(lower[:, 0])
        return np.interp(upper[:, 0], lower[order, 0], lower[order, 1]).astype(np.float64) - upper[:, 1]

    def spread(self, vertices: NDArray[np.floating], rise: Floats) -> Array:
        """Displacements [V, 3] by which the upper rim of `vertices` rises as near to `rise` [n] as is smooth.

        That is ``(1 - t²)(a + b t + c t²)`` of the place t between the corners, -1..1, where it is 0.
        """
        x = vertices[self.upper, 0]
        middle, half = (x.max() + x.min()) / 2, max(float(np.ptp(x)) / 2, 1e-6)
        shape, *_ = np.linalg.lstsq(_bumps((x - middle) / half), rise, rcond=None)
        field = np.zeros((len(vertices), 3), np.float32)
        field[:, 1] = self.above * (_bumps((vertices[:, 0] - middle) / half) @ shape)
        return field

    def mirrored(self, mirror: NDArray[np.intp]) -> Rims:
        """The other side's, where `mirror` [V] names each vertex' mirror image."""
        return Rims(
            mirror[self.upper][::-1].astype(np.int32), mirror[self.lower][::-1].astype(np.int32), self.above[mirror]
        )


def _bumps(place: NDArray[np.floating]) -> NDArray[np.floating]:
    """[n, 3], smooth functions of a place that vanish at ±1 and beyond."""
    return np.stack([np.maximum(1 - place**2, 0) * place**power for power in range(3)], -1)


def close_up(point: NDArray[np.floating], focal: float) -> Camera:
    """A frontal camera with `point` (head space, dm) in the middle of its picture."""
    camera = portrait_camera()
    x, y, z = camera.extrinsics[:, :3] @ point + camera.extrinsics[:, 3]
    return Camera(np.array([focal, focal, 0.5 - focal * x / z, 0.5 - focal * y / z], np.float32), camera.extrinsics)


def visible_rims(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    inside: NDArray[np.bool_],
    skin: NDArray[np.bool_],
    camera: Camera,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The upper and the lower rim of an opening, as a camera sees it: the skin right above and below its columns.

    `inside` [F] says which triangles the opening shows, `skin` [F] which may be its rim.
    """
    drawn = rasterise(vertices, triangles, camera, CLOSE_UP)
    opening = (drawn.triangle >= 0) & inside[drawn.triangle]
    found: tuple[set[int], set[int]] = (set(), set())
    for x in np.flatnonzero(opening.any(0)):
        rows = np.flatnonzero(opening[:, x])
        for rim, y in zip(found, (rows[0] - 1, min(rows[-1] + 1, CLOSE_UP - 1)), strict=True):
            triangle = drawn.triangle[y, x]
            if triangle >= 0 and skin[triangle]:
                rim.add(int(triangles[triangle, drawn.weights[y, x].argmax()]))
    upper, lower = (np.array(sorted(rim, key=lambda v: vertices[v, 0]), np.int32) for rim in found)
    return upper, lower


def following(rim: NDArray[np.int32], vertices: NDArray[np.floating], movement: Floats) -> Floats:
    """[V], 0..1: how far each vertex goes when the rim beside it goes all the way, from an axis' lengths [V]."""
    x = vertices[rim, 0]
    order = np.argsort(x)
    reach = np.interp(vertices[:, 0], x[order], movement[rim][order])
    return np.clip(movement / np.maximum(reach, movement.max() / 20), 0, 1)
