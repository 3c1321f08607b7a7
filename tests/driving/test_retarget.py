"""A person's range becomes the avatar's, slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation, quaternion_from_rotation, rotation_from_angles
from runtime.contract.axes import rotation_from_quaternion as rotation_of
from runtime.contract.drive import INDEX, DriveState, coefficients
from runtime.driving.retarget import Retargeter

FPS = 30


def _run(retargeter: Retargeter, values: list[float], name: str = "jawOpen", start: float = 0.0) -> list[float]:
    return [
        float(retargeter(DriveState(coefficients({name: v}), timestamp=start + k / FPS)).expression[INDEX[name]])
        for k, v in enumerate(values)
    ]


def test_a_new_face_is_mapped_by_the_usual_reach() -> None:
    assert _run(Retargeter(), [0.4], "mouthSmileLeft") == pytest.approx([0.5])  # its first reach is 0.8


def test_speech_opens_the_mouth_twice_as_far_and_a_shout_no_further() -> None:
    """The jaw's first reach is 0.7."""
    assert _run(Retargeter(), [0.007]) == pytest.approx([0.02], rel=0.02)
    assert _run(Retargeter(), [0.35]) == pytest.approx([2 / 3])
    assert _run(Retargeter(), [0.7]) == pytest.approx([1])
    closed = Retargeter()(DriveState(coefficients({"jawOpen": 0.35, "mouthClose": 0.5}))).expression
    assert closed[INDEX["mouthClose"]] / closed[INDEX["jawOpen"]] == pytest.approx(1), "still shut"


def test_rest_is_learned_and_becomes_zero() -> None:
    shown = _run(Retargeter(), [0.08] * 5 * FPS, "eyeBlinkLeft")
    assert shown[0] > 0.1 and shown[-1] == pytest.approx(0, abs=1e-3)


def test_a_long_smile_does_not_become_the_new_rest() -> None:
    retargeter = Retargeter()
    _run(retargeter, [0.0] * 5 * FPS, "mouthSmileLeft")
    assert _run(retargeter, [0.6] * 60 * FPS, "mouthSmileLeft", 5.0)[-1] > 0.7
    assert retargeter.neutral[INDEX["mouthSmileLeft"]] < 0.01


def test_a_mouth_that_reads_little_still_opens_fully() -> None:
    """A tracker that reads 0.55 for this person's widest mouth: the avatar's opens, after some minutes wholly."""
    retargeter = Retargeter()
    wide = [0.0] * FPS + [0.55] * FPS
    first = max(_run(retargeter, wide))
    for k in range(60):
        last = max(_run(retargeter, wide, start=2.0 * (k + 1)))
    assert 0.75 < first < last
    assert last > 0.95


def test_a_mouth_that_reads_more_widens_the_reach() -> None:
    retargeter = Retargeter()
    _run(retargeter, [1.0] * 2 * FPS)
    assert retargeter.reach[INDEX["jawOpen"]] == pytest.approx(1.0)


def test_adaptation_never_jumps() -> None:
    rng = np.random.default_rng(0)
    retargeter = Retargeter()
    held = 0.3
    shown = []
    for k in range(60 * FPS):
        # A still face, but for moments of another that teach the retargeter.
        teaching = k % FPS < 3
        value = float(rng.uniform(0, 1)) if teaching else held
        out = _run(retargeter, [value], start=k / FPS)[0]
        if not teaching:
            shown.append(out)
    assert np.abs(np.diff(shown)).max() < 0.06


def test_gaze_is_left_as_it_is() -> None:
    state = DriveState(coefficients({"eyeLookUpLeft": 0.3}))
    assert Retargeter()(state).expression[INDEX["eyeLookUpLeft"]] == pytest.approx(0.3)


def test_head_gain_and_the_place_where_the_person_sits() -> None:
    rotation = quaternion_from_rotation(rotation_from_angles(0.2, 0.0, 0.0))
    retargeter = Retargeter(head_gain=1.5)
    sitting = [
        retargeter(DriveState(rotation=rotation, translation=np.array([x, 0, -2], np.float32), timestamp=k / FPS))
        for k, x in enumerate([0.5] * FPS + [0.7] * FPS)
    ]
    yaw, *_ = angles_from_rotation(rotation_of(sitting[0].rotation))
    assert yaw == pytest.approx(0.3, abs=1e-5)
    assert sitting[0].translation == pytest.approx([0, 0, 0])
    assert sitting[FPS].translation == pytest.approx([0.2, 0, 0], abs=0.01)
    assert sitting[-1].translation[0] < sitting[FPS].translation[0]
    assert math.isclose(float(np.linalg.norm(sitting[-1].rotation)), 1, abs_tol=1e-5)
