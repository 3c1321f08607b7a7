"""The pose at rest: where the user sits and how the camera is tilted towards them."""

from __future__ import annotations

import numpy as np

from runtime.contract.axes import angles_from_rotation, rotation_from_angles
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import Solution

FIRST = 1.0
"""Seconds over which the first reference is averaged."""
DRIFT = 60.0
"""Time constant, seconds, with which it follows a user who sits differently later."""
TILT = np.array([0.17, 0.35, 0.1])
"""Largest yaw, pitch and roll, radians, that count as the camera's tilt rather than as the user's pose."""
FRONTAL = np.array([0.3, 0.5, 0.25])
"""Angles within which the user may be looking into the camera."""


class RestPose:
    """A running reference: the first frontal second, drifting slowly afterwards."""

    def __init__(self) -> None:
        self._angles = np.zeros(3)
        self._place: Floats | None = None
        self._seconds = 0.0

    def relative(self, solution: Solution, elapsed: float) -> tuple[Floats, Floats]:
        """Rotation [3, 3] and translation [3] (dm) from rest, `elapsed` seconds after the last call."""
        angles = np.array(angles_from_rotation(solution.rotation))
        if self._place is None:
            self._angles, self._place = np.clip(angles, -TILT, TILT), solution.translation
        elif (np.abs(angles - self._angles) < FRONTAL).all():
            self._seconds += elapsed
            rate = min(1.0, elapsed / min(max(self._seconds, elapsed, 1e-3), FIRST))
            rate = rate if self._seconds < FIRST else min(1.0, elapsed / DRIFT)
            self._angles = self._angles + rate * (np.clip(angles, -TILT, TILT) - self._angles)
            self._place = self._place + rate * (solution.translation - self._place)
        reference = rotation_from_angles(*self._angles).astype(np.float64)
        return reference.T @ solution.rotation, reference.T @ (solution.translation - self._place)
