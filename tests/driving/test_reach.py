"""The soft limit: unchanged inside, never beyond, no corner."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation, quaternion_from_rotation, rotation_from_angles
from runtime.contract.axes import rotation_from_quaternion as rotation_of
from runtime.contract.drive import DriveState
from runtime.driving.reach import KNEE, Reach, soft_limit


def test_soft_limit_worked_by_hand() -> None:
    limits = np.full(5, 10.0, np.float32)
    values = soft_limit(np.array([0, 8, -8, 10, 1000], np.float32), limits)
    assert values == pytest.approx([0, 8, -8, 8 + 2 * math.tanh(1), 10], abs=1e-5)


def test_soft_limit_never_moves_faster_than_its_input() -> None:
    x = np.linspace(-3, 3, 6001, dtype=np.float32)
    y = soft_limit(x, np.ones_like(x))
    assert np.abs(y).max() <= 1
    slope = np.diff(y) / np.diff(x)
    assert slope.min() >= 0 and slope.max() < 1.01
    assert np.abs(np.diff(slope)).max() < 0.05
    assert KNEE < 1


def test_clamps_angles_and_shift_each_to_its_own() -> None:
    rotation = quaternion_from_rotation(rotation_from_angles(1.2, -1.0, 0.1))
    state = Reach().clamp(DriveState(rotation=rotation, translation=np.array([3, 0.1, -3], np.float32)))
    yaw, pitch, roll = np.degrees(angles_from_rotation(rotation_of(state.rotation)))
    assert 39 < yaw <= 40 and -25 <= pitch < -24
    assert math.radians(roll) == pytest.approx(0.1, abs=1e-4)
    assert state.translation == pytest.approx([0.4, 0.1, -0.8], abs=1e-3)
