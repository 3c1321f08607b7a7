"""How MediaPipe's landmarks slide over the face as the head turns.

The outline follows the silhouette, and depths shrink or grow with the angle. None of it is expression, so the fit
expects it: fields of displacements, linear and quadratic in yaw and pitch, measured on tracked videos together with
the head model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import angles_from_rotation
from runtime.contract.head_model import VERTICES

FEATURES = 5
LIMIT = 0.7
"""Radians; beyond, the fields are not extrapolated."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slide:
    """The fields, [5, 478, 3] dm, for each of `turn_features`."""

    fields: Floats

    @classmethod
    def none(cls) -> Slide:
        """Landmarks that stay where they belong."""
        return cls(np.zeros((FEATURES, VERTICES, 3)))

    @classmethod
    def load(cls) -> Slide:
        """The fields that ship with Mien."""
        return _shipped()

    def at(self, rotation: Floats) -> Floats:
        """Displacements [478, 3] in head space, dm, of a head turned by `rotation` [3, 3]."""
        features = turn_features(np.array([angles_from_rotation(rotation)]))[0]
        return (features @ self.fields.reshape(FEATURES, -1)).reshape(VERTICES, 3)


def turn_features(angles: Floats) -> Floats:
    """[N, 5]: yaw, pitch and their products, of angles [N, 3] in radians."""
    yaw, pitch = np.clip(angles[:, :2], -LIMIT, LIMIT).T
    return np.column_stack([yaw, pitch, yaw * yaw, yaw * pitch, pitch * pitch])


@cache
def _shipped() -> Slide:
    data = files("runtime.tracking").joinpath("data/slide.npz").read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        return Slide(arrays["fields"].astype(np.float64))
