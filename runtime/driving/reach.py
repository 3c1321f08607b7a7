"""The poses that an avatar has learned, and a soft limit that keeps every source within them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from runtime.contract.axes import Array, angles_from_rotation, quaternion_from_rotation, rotation_from_angles
from runtime.contract.axes import rotation_from_quaternion as rotation_of
from runtime.contract.drive import DriveState

KNEE = 0.8
"""Share of the range that passes unchanged; beyond it the rest is approached and never left."""


def soft_limit(values: Array, limits: Array) -> Array:
    """`values` kept within ±`limits`: unchanged up to `KNEE` of them, then bent smoothly, slope 1 at the knee."""
    size = np.abs(values) / limits
    bent = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.where(size <= KNEE, values, np.sign(values) * bent * limits).astype(np.float32)


@dataclass(frozen=True)
class Reach:
    """How far an avatar's head may turn and move, each way from rest."""

    angles: tuple[float, float, float] = (math.radians(40), math.radians(25), math.radians(20))
    """(yaw, pitch, roll), radians."""
    shift: tuple[float, float, float] = (0.4, 0.4, 0.8)
    """(x, y, z), dm."""

    def clamp(self, state: DriveState) -> DriveState:
        """`state` with its head pose softly limited to this reach."""
        angles = np.array(angles_from_rotation(rotation_of(state.rotation)), np.float32)
        yaw, pitch, roll = (float(a) for a in soft_limit(angles, np.array(self.angles, np.float32)))
        return replace(
            state,
            rotation=quaternion_from_rotation(rotation_from_angles(yaw, pitch, roll)),
            translation=soft_limit(state.translation, np.array(self.shift, np.float32)),
        )
