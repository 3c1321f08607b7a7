"""Worked by hand: quarter turns about one axis."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.contract.axes import rotation_from_quaternion
from runtime.driving.quaternions import angle_between, conjugate, multiply, power, slerp

REST = np.array([0, 0, 0, 1], np.float32)
HALF = math.sqrt(0.5)
QUARTER_Y = np.array([0, HALF, 0, HALF], np.float32)
QUARTER_X = np.array([HALF, 0, 0, HALF], np.float32)


def test_product_turns_by_the_second_factor_first() -> None:
    both = rotation_from_quaternion(multiply(QUARTER_Y, QUARTER_X))
    # y goes to z about x, then z to x about y.
    assert both @ np.array([0, 1, 0]) == pytest.approx(np.array([1, 0, 0]), abs=1e-6)
    assert multiply(QUARTER_Y, conjugate(QUARTER_Y)) == pytest.approx(REST, abs=1e-6)


def test_power_shares_the_angle_the_short_way_round() -> None:
    eighth = np.array([0, math.sin(math.pi / 8), 0, math.cos(math.pi / 8)])
    assert power(QUARTER_Y, 0.5) == pytest.approx(eighth, abs=1e-6)
    assert power(-QUARTER_Y, 0.5) == pytest.approx(eighth, abs=1e-6)
    assert power(REST, 0.3) == pytest.approx(REST)


def test_slerp_is_at_constant_speed() -> None:
    angles = [angle_between(QUARTER_X, slerp(QUARTER_X, QUARTER_Y, share)) for share in (0, 0.25, 0.5, 1)]
    whole = angle_between(QUARTER_X, QUARTER_Y)
    assert angles == pytest.approx([0, whole / 4, whole / 2, whole], abs=1e-3)
    assert whole == pytest.approx(2 * math.pi / 3, abs=1e-3)  # the diagonal of the cube
