"""The conventions of `runtime.contract.axes`, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.contract.axes import (
    PLANE_AXES,
    Camera,
    Neck,
    angles_from_rotation,
    portrait_camera,
    pose_matrix,
    quaternion_from_rotation,
    rotation_from_angles,
    rotation_from_quaternion,
)

NOSE = np.array([0.0, 0.0, 1.0])
CROWN = np.array([0.0, 1.0, 0.0])


def test_the_three_planes_hold_three_different_pairs_of_axes() -> None:
    point = np.array([10, 20, 30])
    assert [tuple(point[list(axes)]) for axes in PLANE_AXES] == [(10, 20), (10, 30), (30, 20)]


@pytest.mark.parametrize(
    ("angles", "vector", "expected"),
    [
        ((np.pi / 2, 0, 0), NOSE, (1, 0, 0)),  # yaw turns the nose to the picture's right
        ((0, np.pi / 2, 0), NOSE, (0, -1, 0)),  # pitch lowers it
        ((0, 0, np.pi / 2), CROWN, (-1, 0, 0)),  # roll leans the crown to the picture's left
    ],
)
def test_positive_angles(angles: tuple[float, float, float], vector: np.ndarray, expected: tuple[int, ...]) -> None:
    np.testing.assert_allclose(rotation_from_angles(*angles) @ vector, expected, atol=1e-6)


def test_angles_and_quaternions_go_there_and_back() -> None:
    rng = np.random.default_rng(0)
    for yaw, pitch, roll in rng.uniform(-1.4, 1.4, (50, 3)):
        rotation = rotation_from_angles(yaw, pitch, roll)
        np.testing.assert_allclose(angles_from_rotation(rotation), (yaw, pitch, roll), atol=1e-5)
        quaternion = quaternion_from_rotation(rotation)
        assert quaternion[3] >= 0
        np.testing.assert_allclose(rotation_from_quaternion(quaternion), rotation, atol=1e-6)


def test_a_quaternion_is_x_y_z_w() -> None:
    half = np.sqrt(0.5)
    np.testing.assert_allclose(rotation_from_quaternion(np.array([0, half, 0, half])) @ NOSE, (1, 0, 0), atol=1e-6)


def test_half_turns_have_a_quaternion() -> None:
    for axis in np.eye(3):
        rotation = 2 * np.outer(axis, axis) - np.eye(3)
        np.testing.assert_allclose(rotation_from_quaternion(quaternion_from_rotation(rotation)), rotation, atol=1e-6)


def test_the_portrait_camera_sees_right_as_right_and_up_as_up() -> None:
    camera = portrait_camera()
    centre = camera.project(np.array([0.0, -0.3, 0.0]))
    np.testing.assert_allclose(centre, (0.5, 0.5), atol=1e-6)
    # 1 dm at 9 dm with a focal length of 2.2 pictures is 2.2 / 9 of the picture
    np.testing.assert_allclose(camera.project(np.array([1.0, -0.3, 0.0])), (0.5 + 2.2 / 9, 0.5), atol=1e-6)
    np.testing.assert_allclose(camera.project(np.array([0.0, 0.7, 0.0])), (0.5, 0.5 - 2.2 / 9), atol=1e-6)


def test_a_camera_walked_to_the_right_sees_the_nose_move_left() -> None:
    nose = np.array([0.0, -0.3, 0.7])
    assert portrait_camera(yaw=0.3).project(nose)[0] < 0.5
    assert portrait_camera(pitch=0.3).project(nose)[1] > 0.5
    np.testing.assert_allclose(portrait_camera(0.5, 0.2).project(np.array([0, -0.3, 0])), (0.5, 0.5), atol=1e-6)


def test_rays_pass_through_what_projects_to_their_pixel() -> None:
    camera = portrait_camera(0.2, -0.1)
    origin, directions = camera.rays(8)
    point = origin + 9.3 * directions[2, 5]
    np.testing.assert_allclose(camera.project(point), ((5 + 0.5) / 8, (2 + 0.5) / 8), atol=1e-6)
    camera_space = camera.extrinsics[:, :3] @ point + camera.extrinsics[:, 3]
    assert camera_space[2] == pytest.approx(9.3, abs=1e-5)


def test_projection_by_hand() -> None:
    camera = Camera(np.array([2, 3, 0.5, 0.25], np.float32), np.eye(3, 4, dtype=np.float32))
    np.testing.assert_allclose(camera.project(np.array([1.0, 2.0, 4.0])), (2 / 4 + 0.5, 3 * 2 / 4 + 0.25))


def test_a_pose_at_rest_changes_nothing_anywhere() -> None:
    points = np.random.default_rng(1).uniform(-2, 2, (100, 3))
    rest = pose_matrix(np.array([0, 0, 0, 1]), np.zeros(3))
    np.testing.assert_allclose(Neck().to_head(points, rest), points, atol=1e-6)


def test_the_head_turns_and_the_chest_stays() -> None:
    neck = Neck()
    pose = pose_matrix(quaternion_from_rotation(rotation_from_angles(0.5, 0.1, 0)), np.array([0.1, 0.2, 0.3]))
    forehead = np.array([0.1, 0.8, 0.4])
    np.testing.assert_allclose(neck.to_head(pose[:, :3] @ forehead + pose[:, 3], pose), forehead, atol=1e-6)
    shift = pose[:, :3] @ neck.pivot + pose[:, 3] - neck.pivot
    chest = np.array([0.9, -2.2, 0.1])
    np.testing.assert_allclose(neck.to_head(chest + shift, pose), chest, atol=1e-6)


def test_the_chin_belongs_to_the_head_and_the_collar_to_the_torso() -> None:
    neck = Neck()
    assert neck.weight(np.array([0, -0.94, 0.43])) == 1
    assert neck.weight(np.array([0, -1.8, 0.0])) == 0
