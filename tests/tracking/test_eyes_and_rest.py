"""Lids, gaze and the pose at rest."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation, rotation_from_angles
from runtime.contract.head_model import EYE_CORNERS, IRIS, LOWER_LID, UPPER_LID, Side
from runtime.tracking.eyes import EyeReader, lid_gap
from runtime.tracking.fit import COEFFICIENTS, Solution
from runtime.tracking.rest import RestPose
from tests.tracking.synthetic import MODEL

STEP = 1 / 30


def face(left: float, right: float, look: tuple[float, float] = (0, 0)) -> np.ndarray:
    """A head whose lids are apart by these shares of the eyes' width, the irises moved by `look`, dm."""
    head = MODEL.mean.astype(np.float64).copy()
    gaps: dict[Side, float] = {"left": left, "right": right}
    for side, gap in gaps.items():
        outer, inner = EYE_CORNERS[side]
        width = np.linalg.norm(head[outer] - head[inner])
        middle = (head[outer, 1] + head[inner, 1]) / 2
        head[list(UPPER_LID[side]), 1] = middle + gap * width / 2
        head[list(LOWER_LID[side]), 1] = middle - gap * width / 2
        head[list(IRIS[side]), :2] += look
    return head


def read(reader: EyeReader, head: np.ndarray, frames: int = 1) -> dict[Side, float]:
    for _ in range(frames):
        blink = reader.read(head, STEP).blink
    return blink


def test_the_gap_by_hand() -> None:
    assert lid_gap(face(0.3, 0.1), "left") == pytest.approx(0.3, rel=0.02)
    assert lid_gap(face(0.3, 0.1), "right") == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("level", [0.16, 0.25, 0.45])
def test_narrow_and_wide_eyes_reach_the_full_range(level: float) -> None:
    reader = EyeReader()
    read(reader, face(level, level), 90)
    assert max(read(reader, face(level, level)).values()) < 0.05
    assert min(read(reader, face(0.3 * level, 0.3 * level), 3).values()) > 0.9
    assert max(read(reader, face(level, level)).values()) < 0.05


def test_a_wink_shuts_one_eye() -> None:
    reader = EyeReader()
    read(reader, face(0.3, 0.3), 60)
    blink = read(reader, face(0.08, 0.3), 3)
    assert blink["left"] > 0.9 and blink["right"] < 0.05


def test_a_long_blink_does_not_become_the_new_open() -> None:
    reader = EyeReader()
    read(reader, face(0.3, 0.3), 60)
    assert min(read(reader, face(0.06, 0.06), 150).values()) > 0.9
    assert max(read(reader, face(0.3, 0.3)).values()) < 0.05


def test_gaze_follows_the_irises_from_where_they_rest() -> None:
    reader = EyeReader()
    off_centre = (0.01, -0.01)
    read(reader, face(0.3, 0.3, off_centre), 90)
    right = reader.read(face(0.3, 0.3, (0.05, -0.01)), STEP).look
    assert right["eyeLookOutLeft"] > 0.4 and right["eyeLookInRight"] > 0.4, "the picture's right, the subject's left"
    assert right["eyeLookInLeft"] == right["eyeLookOutRight"] == 0
    up = reader.read(face(0.3, 0.3, (0.01, 0.03)), STEP).look
    assert up["eyeLookUpLeft"] > 0.4 and up["eyeLookDownLeft"] == 0


def solution(angles: tuple[float, float, float], place: tuple[float, float, float]) -> Solution:
    return Solution(rotation_from_angles(*angles).astype(float), np.array(place, float), np.zeros(COEFFICIENTS))


def test_who_sits_still_is_at_rest_wherever_the_camera_stands() -> None:
    rest = RestPose()
    for _ in range(40):
        rotation, translation = rest.relative(solution((0.05, 0.2, 0), (0.5, -0.3, -6)), STEP)
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-3)
    np.testing.assert_allclose(translation, 0, atol=1e-3)


def test_turning_and_moving_from_rest() -> None:
    rest = RestPose()
    for _ in range(40):
        rest.relative(solution((0, 0, 0), (0, 0, -6)), STEP)
    rotation, translation = rest.relative(solution((0.5, 0, 0), (0.4, 0.1, -5.5)), STEP)
    np.testing.assert_allclose(angles_from_rotation(rotation), [0.5, 0, 0], atol=1e-3)
    np.testing.assert_allclose(translation, [0.4, 0.1, 0.5], atol=1e-2)


def test_a_first_frame_in_profile_is_not_taken_for_rest() -> None:
    rest = RestPose()
    rest.relative(solution((0.9, 0, 0), (0, 0, -6)), STEP)
    for _ in range(40):
        rotation, _ = rest.relative(solution((0, 0, 0), (0, 0, -6)), STEP)
    assert abs(angles_from_rotation(rotation)[0]) < 0.02
