"""From a picture of a head to the picture that `head_camera` would take of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from offline.joker.captures.convert.heads import fit_heads
from offline.joker.captures.convert.stills import Finder
from offline.joker.captures.framing import FIXED, Framing, Lens
from offline.joker.captures.views import CENTRE, SHARE, head_camera
from offline.joker.world.looks import EVERYDAY, person
from offline.studio.render import render
from runtime.contract.axes import PORTRAIT_FOCAL, rotation_from_angles
from runtime.contract.drive import DriveState
from runtime.tracking.fit import COEFFICIENTS, Solution

HEAD_LENS = Lens(PORTRAIT_FOCAL / SHARE)


def seen_by_head_camera(yaw: float, pitch: float) -> Solution:
    """The head at rest relative to `head_camera`."""
    extrinsics = head_camera(yaw, pitch).extrinsics.astype(np.float64)
    return Solution(FIXED @ extrinsics[:, :3], FIXED @ extrinsics[:, 3], np.zeros(COEFFICIENTS))


def in_picture(solution: Solution, points: np.ndarray, lens: Lens, width: int, height: int) -> np.ndarray:
    """Head-space points [n, 3] to pixels [n, 2]."""
    seen = lens.matrix(width, height) @ FIXED @ solution.place(points).T
    return np.asarray((seen[:2] / seen[2]).T)


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (0.6, 0.0), (0.0, -0.3), (-0.4, 0.25)])
def test_what_head_camera_took_is_left_as_it_is(yaw: float, pitch: float) -> None:
    framing = Framing.of(seen_by_head_camera(yaw, pitch))
    assert (framing.yaw, framing.pitch) == pytest.approx((yaw, pitch), abs=1e-6)
    np.testing.assert_allclose(framing.turn, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(framing.camera.extrinsics, head_camera(yaw, pitch).extrinsics, atol=1e-5)
    np.testing.assert_allclose(framing.camera.intrinsics, head_camera(yaw, pitch).intrinsics, atol=1e-5)
    assert framing.side(HEAD_LENS, 300) == pytest.approx(300, rel=1e-5)


def test_a_head_that_leans_is_set_upright() -> None:
    straight = seen_by_head_camera(0.3, 0.1)
    lean = rotation_from_angles(0, 0, 0.5).astype(np.float64)
    framing = Framing.of(Solution(lean @ straight.rotation, lean @ straight.translation, straight.coefficients))
    assert (framing.yaw, framing.pitch) == pytest.approx((0.3, 0.1), abs=1e-6)
    np.testing.assert_allclose(framing.turn, FIXED @ lean.T @ FIXED, atol=1e-6)


def test_the_framing_camera_sees_the_head_where_the_turned_picture_shows_it() -> None:
    rng = np.random.default_rng(0)
    points = np.array(CENTRE) + rng.uniform(-1, 1, (50, 3))
    lens, width, height, size = Lens(1.7, (0.47, 0.55)), 640, 480, 128
    pose = Solution(rotation_from_angles(-0.5, 0.2, 0.4).astype(np.float64), np.array([1.1, -0.7, -8.0]), np.zeros(60))
    framing = Framing.of(pose)
    out = Lens(float(framing.camera.intrinsics[0])).matrix(size, size)
    pixels = np.column_stack([in_picture(pose, points, lens, width, height), np.ones(50)])
    moved = pixels @ (out @ framing.turn @ np.linalg.inv(lens.matrix(width, height))).T
    at_rest = framing.camera.project(points) * size - 0.5
    np.testing.assert_allclose(moved[:, :2] / moved[:, 2:], at_rest, atol=1e-3)
    middle = framing.camera.project(np.array([CENTRE]))
    np.testing.assert_allclose(middle, [[0.5, 0.5]], atol=1e-5)


def test_a_cut_moves_pixels_as_the_cameras_say_and_knows_what_was_not_filmed() -> None:
    lens, width, height, size = Lens(2.0), 400, 300, 128
    pose = Solution(rotation_from_angles(0.2, 0, 0.3).astype(np.float64), np.array([1.6, 0.0, -9.0]), np.zeros(60))
    framing = Framing.of(pose)
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.stack([u / width * 255, v / height * 255, 0 * u], -1).astype(np.uint8)
    square, seen = framing.cut(picture, lens, size, margin=10)
    assert square.shape == (148, 148, 3) and seen.shape == (148, 148)
    points = np.array(CENTRE) + np.random.default_rng(1).uniform(-0.4, 0.4, (20, 3))
    places = np.round(framing.camera.project(points) * size - 0.5).astype(int) + 10
    wanted = in_picture(pose, points, lens, width, height) / [width, height] * 255
    found = square[places[:, 1], places[:, 0], :2]
    np.testing.assert_allclose(found, wanted, atol=3)  # half a pixel of the square is 0.9 levels, twice rounded
    assert seen[74, 74] and not seen[:, -1].any()  # the head is at the right of the picture, and leans
    assert 0.1 < 1 - seen.mean() < 0.6


@pytest.mark.parametrize(("yaw", "pitch"), [pytest.param(0.0, 0.0, marks=pytest.mark.slow), (0.45, 0.1)])
def test_a_studio_picture_is_framed_as_it_was_taken(yaw: float, pitch: float) -> None:
    """4° of yaw and pitch and 6 % of size: the studio's people are no faces of the head model's making."""
    taken = render(person(3), DriveState(), head_camera(yaw, pitch), 160, EVERYDAY[0].manner, antialias=False)
    rgba = taken.rgba().astype(np.float32)
    alpha = rgba[..., 3:] / 255
    rgb = np.ascontiguousarray((rgba[..., :3] * alpha + 127 * (1 - alpha)).astype(np.uint8))
    tally: Counter[str] = Counter()
    with Finder() as finder:
        still = finder.find(np.pad(rgb, ((30, 30), (30, 30), (0, 0)), mode="edge"), "", tally)
    assert still is not None, tally
    lens = Lens(HEAD_LENS.focal * 160 / 220)
    heads = fit_heads([type(still)(still.rgb, still.landmarks, "", lens)], 160, tally)
    assert heads is not None and len(heads.shots) == 1, tally
    framing = heads.shots[0][1].framing
    assert np.degrees([framing.yaw - yaw, framing.pitch - pitch]) == pytest.approx([0, 0], abs=4)
    assert framing.side(lens, 220) == pytest.approx(160, rel=0.06)
