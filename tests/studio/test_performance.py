"""The invented motion: smooth, varied, complete, alike in both parts."""

from __future__ import annotations

import numpy as np
import pytest

from offline.clip import drive_arrays
from offline.studio import performance
from runtime.contract.axes import angles_from_rotation, rotation_from_quaternion
from runtime.contract.drive import EXPRESSIONS, INDEX, checked


def test_every_state_is_valid_and_every_coefficient_used() -> None:
    states = performance(1600, 30.0, 7)
    for s in states[::20]:
        checked(s)
    e = drive_arrays(states)["expression"]
    assert e.min() >= 0 and e.max() <= 1
    weak = [
        n for n, top, used in zip(EXPRESSIONS, e.max(0), (e > 0.2).mean(0), strict=True) if top < 0.5 or used < 0.01
    ]
    assert weak == []


def test_motion_is_smooth() -> None:
    arrays = drive_arrays(performance(900, 30.0, 1))
    mouth = arrays["expression"][:, INDEX["jawOpen"]]
    assert np.abs(np.diff(mouth)).max() < 0.5
    assert np.abs(np.diff(arrays["translation"], axis=0)).max() < 0.15


def test_head_stays_in_range_and_uses_it() -> None:
    states = performance(1600, 30.0, 7)
    angles = np.degrees([angles_from_rotation(rotation_from_quaternion(s.rotation)) for s in states])
    assert (np.abs(angles) <= [40.1, 25.1, 20.1]).all()
    assert (np.abs(angles).max(0) > [28, 17, 14]).all()


def test_winks_happen_on_both_sides() -> None:
    e = drive_arrays(performance(1600, 30.0, 7))["expression"]
    left, right = e[:, INDEX["eyeBlinkLeft"]], e[:, INDEX["eyeBlinkRight"]]
    assert ((left > 0.9) & (right < 0.3)).any() and ((right > 0.9) & (left < 0.3)).any()
    assert ((left > 0.9) & (right > 0.9)).any()


def test_held_out_part_is_alike_but_not_the_same() -> None:
    e = drive_arrays(performance(1600, 30.0, 7))["expression"]
    train, test = e[:1280], e[1280:]
    assert np.abs(train.mean(0) - test.mean(0)).max() < 0.2
    nearest = min(float(np.abs(train - frame).max(1).min()) for frame in test[::16])
    assert nearest > 0.01


def test_seeds_repeat_and_differ() -> None:
    a, b, c = (drive_arrays(performance(60, 30.0, s))["expression"] for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.1


@pytest.mark.parametrize(("frames", "fps"), [(0, 30.0), (10, 0.0)])
def test_impossible_lengths_are_refused(frames: int, fps: float) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        performance(frames, fps, 0)


def test_one_frame_is_enough() -> None:
    assert len(performance(1, 30.0, 0)) == 1
