"""Landmarks of the head model as a camera would show them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runtime.contract.axes import rotation_from_angles
from runtime.contract.drive import DETAIL, coefficients
from runtime.contract.head_model import HeadModel
from runtime.tracking.slide import Slide

WIDTH, HEIGHT, FOCAL = 640, 480, 1.2
MODEL = HeadModel.load()


def landmarks(
    expression: Mapping[str, float] | None = None,
    angles: tuple[float, float, float] = (0, 0, 0),
    place: tuple[float, float, float] = (0, 0, -7),
    identity: np.ndarray | None = None,
) -> np.ndarray:
    """[478, 3] in the picture's fractions, of a head with its origin at `place` before the camera (x right, y up,
    dm)."""
    rotation = rotation_from_angles(*angles).astype(np.float64)
    head = MODEL.vertices(identity, coefficients(expression or {})) + Slide.load().at(rotation)
    x, y, z = (head @ rotation.T + place).T
    u = 0.5 + FOCAL * x / -z
    v = 0.5 - FOCAL * y / -z * WIDTH / HEIGHT
    return np.column_stack([u, v, (-z + place[2]) / -place[2] * FOCAL])


def vector(**expression: float) -> np.ndarray:
    """The fit's coefficients [60]."""
    return np.concatenate([coefficients(expression), np.zeros(DETAIL)])
