"""Verdicts on made-up measurements, one fault at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offline.track.appearance import correlation, least_agreement, turn
from offline.track.look import Looks
from offline.track.pieces import pieces
from offline.track.reasons import Reason
from offline.track.verdict import COVERED, judge
from runtime.contract.axes import rotation_from_angles
from runtime.contract.head_model import FACE_VERTICES, HeadModel

COUNT, WIDTH, HEIGHT = 60, 400, 300
FACE = 100.0
"""Height of the face, pixels."""


def landmarks(yaw: float = 0.0, x: float = 200.0, y: float = 150.0, height: float = FACE) -> np.ndarray:
    """The mean face seen from far away, its box's middle at (x, y) pixels: [478, 3]."""
    head = HeadModel.load().mean @ rotation_from_angles(yaw, 0, 0).T * [1, -1, -1]
    face = head[:FACE_VERTICES]
    low, high = face.min(0), face.max(0)
    pixels = (head - (low + high) / 2) * (height / (high[1] - low[1])) + [x, y, 0]
    return pixels / [WIDTH, HEIGHT, WIDTH]


def someone(seed: int) -> np.ndarray:
    """How a person looks at the landmarks, [468]."""
    return np.random.default_rng(seed).uniform(60, 200, FACE_VERTICES)


def clean() -> Looks:
    """A person who moves by a pixel from frame to frame."""
    places = 200 + (np.arange(COUNT) % 2)
    return Looks(
        np.arange(COUNT) / 25,
        np.full(COUNT, 1.0, np.float32),
        np.full(COUNT, 1.0, np.float32),
        np.array([landmarks(x=x) for x in places], np.float32),
        np.zeros((COUNT, 2), np.float32),
        np.full(COUNT, 100.0, np.float32),
        np.tile(someone(0), (COUNT, 1)).astype(np.float32),
        np.where(np.arange(COUNT) % 5 == 0, 0.0, np.nan).astype(np.float32),
        WIDTH,
        HEIGHT,
        np.ones(COUNT, np.float32),
        limited=False,
    )


def spoiled(name: str, frames: slice, value: object) -> Looks:
    looks = clean()
    array = getattr(looks, name).copy()
    array[frames] = value
    return replace(looks, **{name: array})


def dropped(looks: Looks) -> dict[Reason, list[int]]:
    found: dict[Reason, list[int]] = {}
    for i, verdict in enumerate(judge(looks)[0]):
        if verdict is not None:
            found.setdefault(verdict, []).append(i)
    return found


def test_nothing_is_dropped_of_what_is_clean() -> None:
    verdicts, segments = judge(clean())
    assert verdicts == [None] * COUNT and segments.tolist() == [0] * COUNT


@pytest.mark.parametrize(
    "name, value, reason",
    [
        ("stir", 0.04, Reason.REPEAT),
        ("sharpness", 19.0, Reason.BLURRED),
        ("landmarks", landmarks(x=30), Reason.LEAVES),
        ("landmarks", landmarks(x=200 + 80), Reason.LEAVES),
        ("landmarks", landmarks(height=60), Reason.TINY),
        ("scale", 0.5, Reason.TINY),
        ("scale", np.nan, Reason.OTHER_SHAPE),
        ("landmarks", landmarks(height=170), Reason.OTHER_FRAMING),
    ],
)
def test_each_fault_has_its_reason(name: str, value: object, reason: Reason) -> None:
    assert dropped(spoiled(name, slice(20, 30), value)) == {reason: list(range(20, 30))}


@pytest.mark.parametrize(
    "name, value",
    [
        ("stir", 0.05),
        ("scale", 0.8),
        ("sharpness", 21.0),
        ("landmarks", landmarks(height=150)),
        ("landmarks", landmarks(x=200 + 45)),
    ],
)
def test_what_is_within_bounds_is_used(name: str, value: object) -> None:
    assert dropped(spoiled(name, slice(20, 30), value)) == {}


def test_frames_without_a_face_part_the_video_where_they_are_many() -> None:
    looks = spoiled("landmarks", slice(20, 23), np.nan)
    looks.sharpness[20:23] = np.nan
    verdicts, segments = judge(looks)
    assert verdicts[20:23] == [Reason.NO_FACE] * 3 and segments.max() == 0
    looks = spoiled("landmarks", slice(20, 30), np.nan)
    looks.sharpness[20:30] = np.nan
    assert judge(looks)[1].tolist() == [0] * 20 + [-1] * 10 + [1] * 30


def test_another_face_counts_between_the_looks_around_it() -> None:
    assert dropped(spoiled("other", slice(30, 31), 0.6)) == {Reason.OTHER_FACE: list(range(26, 35))}
    assert dropped(spoiled("other", slice(30, 31), 0.4)) == {}


def test_a_covered_mouth_is_found_and_a_wider_gap_of_brightness_is_not() -> None:
    looks = clean()
    below = HeadModel.load().mean[:FACE_VERTICES, 1] < -0.2
    looks.brightness[20:30, below] = 130
    assert dropped(looks) == {Reason.COVERED: list(range(17, 33))}  # and 0.15 s around
    looks = clean()
    looks.brightness[20:30] = looks.brightness[20:30] * 0.4 + 90  # flat light
    assert dropped(looks) == {}


def test_a_piece_that_is_covered_is_not_taken_for_someone_else() -> None:
    looks = clean()
    looks.brightness[40:, HeadModel.load().mean[:FACE_VERTICES, 1] < 0.2] = 130
    looks.change[40], looks.landmarks[40:] = 30, landmarks(x=220)
    assert dropped(looks) == {Reason.COVERED: list(range(37, COUNT))}


def test_someone_else_after_a_cut_is_dropped_whichever_is_shorter() -> None:
    like_all_faces = 0.6 * someone(0) + 0.8 * someone(1)  # correlates by 0.6
    looks = spoiled("brightness", slice(0, 20), like_all_faces)
    looks.change[20], looks.landmarks[:20] = 30, landmarks(x=230)
    assert dropped(looks) == {Reason.OTHER_PERSON: list(range(20))}


def test_a_cut_needs_a_jump_of_the_face_too() -> None:
    """A flash changes the picture only."""
    looks = spoiled("change", slice(30, 31), 30)
    assert judge(looks)[1].max() == 0
    looks.landmarks[30:] = landmarks(x=215)
    assert judge(looks)[1].tolist() == [0] * 30 + [1] * 30


def test_a_face_that_is_elsewhere_at_once_begins_a_segment() -> None:
    """As when the landmarks are found anew; the picture need not change."""
    looks = clean()
    looks.landmarks[30:] = landmarks(x=200 + 0.6 * FACE)
    assert judge(looks)[1].tolist() == [0] * 30 + [1] * 30


def test_a_fast_turn_is_no_cut() -> None:
    looks = clean()
    looks.change[28:34] = [4, 8, 12, 12, 8, 4]
    looks.landmarks[28:] = [landmarks(x=200 + 5 * min(i - 27, 6)) for i in range(28, COUNT)]
    assert judge(looks)[1].max() == 0


def test_a_moment_between_two_cuts_is_dropped() -> None:
    looks = spoiled("landmarks", slice(30, 34), landmarks(x=260))
    looks.change[[30, 34]] = 30
    assert dropped(looks) == {Reason.SCRAP: [30, 31, 32, 33]}
    assert judge(looks)[1].tolist() == [0] * 30 + [-1] * 4 + [1] * 26


def test_of_a_slow_camera_every_frame_joins_the_one_before() -> None:
    looks = replace(clean(), times=np.arange(COUNT) / 3)
    all_of_them = np.ones(COUNT, bool)
    assert pieces(looks, all_of_them, all_of_them).max() == 0


def test_a_video_without_any_face_is_judged_too() -> None:
    looks = spoiled("landmarks", slice(0, COUNT), np.nan)
    looks.sharpness[:] = np.nan
    assert dropped(looks) == {Reason.NO_FACE: list(range(COUNT))}


def test_correlation_knows_no_gain_and_no_offset() -> None:
    a, b = someone(0), someone(1)
    assert correlation(0.5 * a + 20, a) == pytest.approx(1, abs=0.01)
    assert correlation(255.0 - a, a) == pytest.approx(-1, abs=0.01)
    assert abs(correlation(b, a)) < 0.15
    assert abs(correlation(np.full(FACE_VERTICES, 90.0), a)) < 0.01


@pytest.mark.parametrize("side", [-1, 1])
def test_turn_is_the_sine_of_yaw_and_the_far_eye_does_not_count(side: int) -> None:
    turned = landmarks(yaw=0.7 * side)[None].astype(np.float32)
    assert turn(turned)[0] == pytest.approx(np.sin(0.7 * side), abs=0.05)
    x, y, _ = HeadModel.load().mean[:FACE_VERTICES].T
    usual = someone(0).astype(np.float32)
    eye_covered = np.where((side * x > 0.1) & (y > -0.2), 130, usual).astype(np.float32)
    assert least_agreement(eye_covered[None], landmarks()[None].astype(np.float32), usual)[0] < COVERED
    assert least_agreement(eye_covered[None], turned, usual)[0] > 0.9
