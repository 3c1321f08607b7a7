"""An idle face behaves as people do: measured over five minutes of it."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation, rotation_from_quaternion
from runtime.contract.drive import INDEX, DriveState
from runtime.driving.idle import Idle

RATE = 60


@cache
def performance(seed: int = 1, seconds: int = 300) -> tuple[DriveState, ...]:
    idle = Idle(seed)
    return tuple(idle.sample(1000.0 + k / RATE) for k in range(seconds * RATE))


@cache
def _lids() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([s.expression[INDEX["eyeBlinkLeft"]] for s in performance()])


@cache
def _blinks() -> list[tuple[int, int, int]]:
    """(start, fullest, end) of each blink, in samples."""
    down = _lids() > 0.01
    edges = np.flatnonzero(np.diff(down.astype(int)))
    pairs = edges[: len(edges) // 2 * 2].reshape(-1, 2)
    return [(int(a), int(a + _lids()[a : b + 1].argmax()), int(b)) for a, b in pairs]


def test_blinks_every_two_to_six_seconds_with_double_blinks_at_times() -> None:
    starts = np.array([start for start, _, _ in _blinks()]) / RATE
    pauses = np.diff(starts)
    single, double = pauses[pauses > 1.0], pauses[pauses <= 1.0]
    assert starts[0] < 2.0
    assert single.min() >= 2.0 - 0.1 and single.max() <= 6.0 + 0.1
    assert 3.0 < single.mean() < 4.5
    assert 0.04 < len(double) / len(pauses) < 0.25


def test_lids_close_within_150_ms_and_open_more_slowly() -> None:
    closing = np.array([(top - start) / RATE for start, top, _ in _blinks()])
    opening = np.array([(end - top) / RATE for _, top, end in _blinks()])
    assert closing.min() > 0.08 and closing.max() < 0.2
    assert opening.min() > 0.16 and opening.max() < 0.35
    assert (opening > closing).mean() > 0.95
    assert min(_lids()[top] for _, top, _ in _blinks()) > 0.9


def test_breathes_and_sways_a_little() -> None:
    angles = np.degrees([angles_from_rotation(rotation_from_quaternion(s.rotation)) for s in performance()[::4]])
    assert (np.abs(angles).max(0) < [7, 5, 2]).all()
    assert (angles.std(0) > 0.2).all()
    height = np.array([s.translation[1] for s in performance()[::4]])
    spectrum = np.abs(np.fft.rfft(height - height.mean()))
    frequencies = np.fft.rfftfreq(len(height), 4 / RATE)
    assert 0.2 < frequencies[spectrum.argmax()] < 0.27


def test_looks_at_the_viewer_most_of_the_time_and_away_at_times() -> None:
    world = np.degrees(
        [np.add(s.gaze, angles_from_rotation(rotation_from_quaternion(s.rotation))[:2]) for s in performance()[::4]]
    )
    away = np.hypot(*world.T)
    assert 0.6 < (away < 2.5).mean() < 0.95
    assert 4 < away.max() < 14


def test_nothing_jumps() -> None:
    faces = np.array([s.expression for s in performance()])
    steps = np.abs(np.diff(faces, axis=0)).max(0)
    eyes = [i for name, i in INDEX.items() if name.startswith("eyeBlink")]
    gaze = [i for name, i in INDEX.items() if name.startswith("eyeLook")]
    others = np.setdiff1d(np.arange(52), eyes + gaze)
    assert steps[eyes].max() <= 1.5 / 0.10 / RATE * 1.01  # smoothstep over the quickest closing
    assert steps[gaze].max() <= 0.5
    assert steps[others].max() <= 1.875 / 0.4 * 0.25 / RATE
    angles = np.array([angles_from_rotation(rotation_from_quaternion(s.rotation)) for s in performance()])
    assert np.abs(np.diff(angles, axis=0)).max() < math.radians(0.3)


def test_in_range() -> None:
    faces = np.array([s.expression for s in performance()])
    assert np.isfinite(faces).all() and faces.min() >= 0 and faces.max() <= 1


def test_same_seed_same_performance_at_any_frame_rate() -> None:
    fast, slow = Idle(7), Idle(7)
    quick = [fast.sample(50 + k / 60) for k in range(60 * 20)]
    for k in range(25 * 20):
        if k % 5 == 0:
            state = slow.sample(50 + k / 25)
            assert state.expression == pytest.approx(quick[k // 5 * 12].expression, abs=1e-5)
            assert state.rotation == pytest.approx(quick[k // 5 * 12].rotation, abs=1e-5)
    other = Idle(8)
    assert any(not np.allclose(other.sample(50 + k / 25).expression, quick[0].expression) for k in range(3))


def test_a_long_pause_costs_nothing() -> None:
    idle = Idle(2)
    idle.sample(0.0)
    state = idle.sample(1e7)
    assert state.timestamp == 1e7 and state.expression[INDEX["eyeBlinkLeft"]] < 0.05
