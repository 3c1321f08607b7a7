"""The One-Euro filter by hand, and what it costs in delay for the calm it buys."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import INDEX, DriveState, coefficients
from runtime.driving.quaternions import angle_between
from runtime.driving.smoothing import SPEED_CUTOFF, OneEuro, Smoother, blend

FPS = 30


def test_three_steps_by_hand() -> None:
    filtered = OneEuro(np.array([2.0]), np.array([4.0]))
    dt = 0.05
    assert filtered(np.array([1.0]), dt) == pytest.approx([1.0])

    def share(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * dt))

    speed = share(SPEED_CUTOFF) * (2.0 - 1.0) / dt
    value = 1.0 + share(2.0 + 4.0 * speed) * (2.0 - 1.0)
    assert filtered(np.array([2.0]), dt) == pytest.approx([value])
    speed += share(SPEED_CUTOFF) * (0.0 - speed)
    value += share(2.0 + 4.0 * speed) * (2.0 - value)
    assert filtered(np.array([2.0]), dt) == pytest.approx([value])
    assert blend(np.array([1.0]), 1 / (2 * math.pi)) == pytest.approx([0.5])


def _smoothed(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    smoother = Smoother()
    states = [DriveState(coefficients({name: v}), timestamp=k / FPS) for k, v in enumerate(values)]
    return np.array([smoother(state).expression[INDEX[name]] for state in states])


def _delay(raw: NDArray[np.float64], smooth: NDArray[np.float64]) -> float:
    """Seconds by which `smooth` lags: the shift with the least squared difference."""
    shifts = np.arange(0, 0.2, 0.001)
    times = np.arange(len(raw)) / FPS
    errors = [np.square(np.interp(times - s, times, raw)[FPS:] - smooth[FPS:]).mean() for s in shifts]
    return float(shifts[int(np.argmin(errors))])


def test_talking_and_blinking_are_delayed_by_less_than_a_frame() -> None:
    times = np.arange(10 * FPS) / FPS
    talking = 0.4 - 0.4 * np.cos(2 * math.pi * 2.5 * times)
    assert _delay(talking, _smoothed(talking, "jawOpen")) < 0.012
    blinking = np.exp(-np.square((times % 2.0 - 1.0) / 0.08))
    shut = _smoothed(blinking, "eyeBlinkLeft")
    assert _delay(blinking, shut) < 0.012
    assert shut[FPS:].max() > 0.93


@pytest.mark.parametrize(("name", "least"), [("jawOpen", 1.5), ("eyeBlinkLeft", 1.4), ("browInnerUp", 1.9)])
def test_jitter_of_a_still_face_is_calmed(name: str, least: float) -> None:
    noise = 0.5 + np.random.default_rng(0).normal(0, 0.01, 60 * FPS)
    smooth = _smoothed(noise, name)[FPS:]
    assert np.diff(noise[FPS:]).std() / np.diff(smooth).std() > least


def test_a_head_at_rest_is_calm_and_a_turning_one_prompt() -> None:
    rng = np.random.default_rng(1)

    def run(yaws: NDArray[np.float64]) -> list[DriveState]:
        smoother = Smoother()
        quaternions = [quaternion_from_rotation(rotation_from_angles(float(y), 0, 0)) for y in yaws]
        return [smoother(DriveState(rotation=q, timestamp=k / FPS)) for k, q in enumerate(quaternions)]

    noise = rng.normal(0, math.radians(0.3), 20 * FPS)
    calm = run(noise)[FPS:]
    steps = [angle_between(a.rotation, b.rotation) for a, b in itertools.pairwise(calm)]
    assert np.abs(np.diff(noise)).mean() / np.mean(steps) > 2.5
    turning = 0.5 * np.sin(2 * math.pi * 0.5 * np.arange(10 * FPS) / FPS)
    rest = np.array([0, 0, 0, 1], np.float32)
    shown = [angle_between(rest, s.rotation) * math.copysign(1, s.rotation[1]) for s in run(turning)]
    assert _delay(turning, np.array(shown)) < 0.025


def test_starts_anew_after_a_pause_and_ignores_what_is_not_newer() -> None:
    smoother = Smoother()
    smoother(DriveState(coefficients({"jawOpen": 1.0}), timestamp=0.0))
    later = smoother(DriveState(timestamp=5.0))
    assert later.expression[INDEX["jawOpen"]] == 0
    assert smoother(DriveState(coefficients({"jawOpen": 1.0}), timestamp=5.0)) is later
