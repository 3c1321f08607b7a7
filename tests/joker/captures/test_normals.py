"""Normal maps of a mesh worked by hand, and of the head model."""

from __future__ import annotations

import numpy as np

from offline.joker.captures.normals import head_normals, normal_map
from offline.joker.captures.views import head_camera
from runtime.contract.drive import DriveState
from runtime.contract.head_model import HeadModel

SQUARE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def test_a_wall_before_the_camera_is_blue() -> None:
    seen = normal_map(SQUARE, FACES, head_camera(), 16)
    np.testing.assert_allclose(seen[:, 8, 8], [0.5, 0.5, 1.0], atol=1e-6)
    assert not seen[:, 0, 0].any()


def test_a_wall_seen_from_the_pictures_right_points_left() -> None:
    # From a camera 30° to the right the wall's normal leans to the left: x = -sin 30°, z = cos 30°.
    seen = normal_map(SQUARE, FACES, head_camera(yaw=np.radians(30)), 16)[:, 8, 8]
    np.testing.assert_allclose(seen, [0.5 - 0.25, 0.5, 0.5 + np.sqrt(3) / 4], atol=1e-5)


def test_a_wall_seen_from_above_points_down() -> None:
    seen = normal_map(SQUARE, FACES, head_camera(pitch=np.radians(30)), 16)[:, 8, 8]
    np.testing.assert_allclose(seen, [0.5, 0.25, 0.5 + np.sqrt(3) / 4], atol=1e-5)


def test_the_back_of_a_wall_is_not_seen() -> None:
    assert not normal_map(SQUARE, FACES[:, ::-1], head_camera(), 16).any()


def test_the_nearer_of_two_walls_is_seen() -> None:
    near = SQUARE + np.array([0, 0, 0.5])
    near[[2, 3], 2] += 1.0  # leans to the camera at its top, so that its normal points down
    seen = normal_map(np.concatenate([SQUARE, near]), np.concatenate([FACES, FACES + 4]), head_camera(), 16)
    np.testing.assert_allclose(seen[:, 8, 8], [0.5, 0.5 - np.sqrt(0.125), 0.5 + np.sqrt(0.125)], atol=1e-5)


def test_the_head_models_face_is_where_the_camera_frames_it() -> None:
    seen = head_normals(HeadModel.load(), None, DriveState().expression, head_camera(), 64)
    rows, columns = np.nonzero(seen.any(0))
    assert rows.min() >= 12 and rows.max() <= 55
    assert abs(columns.mean() - 31.5) < 1.0
