"""The orbit, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from offline.joker.captures.views import CENTRE, View, between, camera_tensors, grid, head_camera
from runtime.contract.axes import portrait_camera


def test_from_the_front_the_picture_is_three_quarters_of_the_portraits() -> None:
    # 9 dm away with focal length 2.2 / 0.75 the picture is 9 · 0.75 / 2.2 = 3.0682 dm high at the orbit's centre
    camera, (x, y, z) = head_camera(), CENTRE
    half = 9 * 0.75 / 2.2 / 2
    seen = camera.project(np.array([[x, y, z], [x + half, y, z], [x, y + half, z]]))
    np.testing.assert_allclose(seen, [[0.5, 0.5], [1.0, 0.5], [0.5, 0.0]], atol=1e-6)


def test_a_ray_of_96_has_the_footprint_of_one_of_128_of_the_portrait() -> None:
    head, portrait = head_camera().rays(96)[1], portrait_camera().rays(128)[1]
    np.testing.assert_allclose(head[0, 1] - head[0, 0], portrait[0, 1] - portrait[0, 0], atol=1e-7)


def test_positive_angles_see_the_subjects_left_side_and_the_crown() -> None:
    # a point on the subject's left (+x) comes nearer to a camera that went there; one on the crown to one above
    def depth(camera, point):
        return float(camera.extrinsics[2, :3] @ point + camera.extrinsics[2, 3])

    left, crown = np.array([1.0, 0.05, -0.1]), np.array([0.0, 1.05, -0.1])
    assert depth(head_camera(0.5), left) == pytest.approx(9 - np.sin(0.5), abs=1e-5)
    assert depth(head_camera(0.0, 0.3), crown) == pytest.approx(9 - np.sin(0.3), abs=1e-5)


def test_the_grid_goes_row_by_row_and_its_middles_lie_between() -> None:
    a, b = np.radians(45), np.radians(20)
    made = [(v.yaw, v.pitch) for v in grid(3, 2)]
    np.testing.assert_allclose(made, [(-a, -b), (0, -b), (a, -b), (-a, b), (0, b), (a, b)], atol=1e-12)
    np.testing.assert_allclose([(v.yaw, v.pitch) for v in between(3, 2)], [(-a / 2, 0), (a / 2, 0)], atol=1e-12)
    assert grid(1, 1) == [View(0.0, 0.0)] and len(grid(20, 20)) == 400
    with pytest.raises(ValueError, match="at least one"):
        grid(0, 3)


def test_cameras_as_tensors() -> None:
    intrinsics, extrinsics = camera_tensors(grid(2, 1))
    assert intrinsics.shape == (2, 4) and extrinsics.shape == (2, 3, 4)
