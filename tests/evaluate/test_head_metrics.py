"""Depth, normals and agreement of neighbouring views, on a wall and on the studio's head."""

from __future__ import annotations

import numpy as np
import pytest

from offline.evaluate.head_metrics import (
    depth_error,
    neighbours,
    normal_error,
    points_of,
    surface_normals,
    warp_error,
)
from offline.joker.captures.views import View, between, head_camera
from offline.studio import DEMO, render
from runtime.contract.drive import DriveState


def _wall(camera_yaw: float, size: int = 32) -> np.ndarray:
    """Depth of the plane z = 0 as the camera sees it."""
    origin, directions = head_camera(camera_yaw).rays(size)
    return np.asarray(-origin[2] / directions[..., 2])


def test_points_of_a_wall_lie_on_it() -> None:
    points = points_of(_wall(0.3), head_camera(0.3))
    np.testing.assert_allclose(points[..., 2], 0.0, atol=1e-5)
    np.testing.assert_allclose(points[..., 1].mean(), 0.05, atol=0.02)


@pytest.mark.parametrize("yaw", [0.0, 0.4, -0.4])
def test_normals_of_a_wall_point_out_of_it(yaw: float) -> None:
    normals = surface_normals(_wall(yaw), head_camera(yaw))
    np.testing.assert_allclose(normals[8, 8], [0, 0, 1], atol=1e-4)
    assert not normals[0].any()


def test_errors_by_hand() -> None:
    true = np.array([[9.0, 9.0], [0.0, 9.0]])
    assert depth_error(np.array([[9.01, 8.97], [9.0, 0.0]]), true) == pytest.approx(2.0)  # 1 mm and 3 mm
    up, right = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    assert normal_error(np.array([[up, right, 0 * up]]), np.array([[up, up, up]])) == pytest.approx(45.0)


def test_a_painted_wall_agrees_with_itself_and_a_sliding_one_does_not() -> None:
    cameras = head_camera(-0.1), head_camera(0.15)
    depths = _wall(-0.1), _wall(0.15)

    def painted(n: int, slide: float = 0.0) -> np.ndarray:
        x = points_of(depths[n], cameras[n])[..., 0] + slide
        return np.repeat(0.5 + 0.4 * np.sin(4 * x)[..., None], 3, 2)

    # Bilinear look-up of a sine of four radians a dm over pixels of a tenth of a dm: under 0.4² / 8 of its height.
    assert warp_error(painted(0), painted(1), depths, cameras) < 0.4 * 255 * 0.02 * 1.5
    assert warp_error(painted(0), painted(1, slide=0.3), depths, cameras) > 40


def test_what_is_hidden_does_not_count() -> None:
    cameras, depths = (head_camera(), head_camera()), (_wall(0.0), _wall(0.0))
    black, white = np.zeros((32, 32, 3)), np.ones((32, 32, 3))
    nearer = depths[1] - 1.0
    assert warp_error(black, white, depths, cameras) == pytest.approx(255)
    assert np.isnan(warp_error(black, white, (depths[0], nearer), cameras))


def test_the_studios_head_agrees_with_its_own_depth() -> None:
    views = [View(-0.1, 0.0), View(0.1, 0.0)]
    made = [render(DEMO, DriveState(), view.camera, 48, antialias=False) for view in views]
    here, there = (r.color + 0.5 * (1 - r.alpha[..., None]) for r in made)
    cameras = views[0].camera, views[1].camera
    moved = warp_error(here, there, (made[0].depth, made[1].depth), cameras)
    still = float(np.abs(here - there)[made[0].depth > 0].mean() * 255)
    assert moved < 0.6 * still
    found = surface_normals(made[0].depth, cameras[0])
    # Pixels of half a centimetre round off lips, lids and ears.
    assert normal_error(found, made[0].normals) < 20


def test_neighbours_are_side_by_side() -> None:
    views = between(4, 3)
    pairs = neighbours([v.yaw for v in views], [v.pitch for v in views])
    assert len(pairs) == 4
    assert all(views[a].pitch == views[b].pitch and views[b].yaw - views[a].yaw == pytest.approx(np.pi / 6)
               for a, b in pairs)  # fmt: skip
