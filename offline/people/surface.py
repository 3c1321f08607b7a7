"""The head model's skin as studio people wear it: finer, and with what is known of every place of it.

A place on the skin is named by where it is on the mean head, its *paint place*; it is the same for everyone, so that
colours, hairlines and garments are described once, in dm of the mean head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from offline.head_model.dense import REGIONS, DenseHead, Part
from offline.people.mesh import Indices, Subdivision, vertex_normals
from runtime.contract.axes import Array


@dataclass(frozen=True)
class Surface:
    """The fine skin; see `surface`."""

    head: DenseHead
    vertices: NDArray[np.int64]
    """[S], the head model's vertices that are skin."""
    subdivision: Subdivision
    paint: Array
    """[F, 3], paint places."""
    normals: Array
    """[F, 3], of the mean head."""
    regions: dict[str, Array]
    """[F] each, 0..1, by the head model's names."""
    landmarks: Array
    """[478, 3], MediaPipe's, paint places."""

    @property
    def triangles(self) -> Indices:
        return self.subdivision.triangles

    def places(self, head_vertices: Array) -> Array:
        """The fine skin [F, 3] of the head model's vertices [V, 3]."""
        return self.subdivision.places(np.ascontiguousarray(head_vertices[self.vertices]))


@cache
def surface() -> Surface:
    """Of the shipped head."""
    head = DenseHead.load()
    skin = np.flatnonzero(head.part == Part.SKIN)
    place = np.full(len(head.part), -1, np.int32)
    place[skin] = np.arange(len(skin))
    triangles = head.triangles[(head.part[head.triangles] == Part.SKIN).all(1)]
    subdivision = Subdivision.of(place[triangles], len(skin))
    paint = subdivision.places(head.mean[skin])
    regions = {name: subdivision.values(head.regions[i][skin]) for i, name in enumerate(REGIONS)}
    normals = vertex_normals(paint, subdivision.triangles)
    return Surface(head, skin, subdivision, paint, normals, regions, head.landmarks(head.mean))
