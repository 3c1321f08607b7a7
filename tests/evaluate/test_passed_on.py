"""What of a driver's face reaches an avatar that does exactly as it is told."""

from __future__ import annotations

import numpy as np

from offline.evaluate.face_features import FEATURES, face_features
from offline.evaluate.passed_on import SIZE, landmarks_of, table
from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import DriveState, coefficients
from runtime.contract.head_model import HeadModel

NAMES = [feature.name for feature in FEATURES]


def shown(values: dict[str, float], yaw: float = 0.0) -> dict[str, float]:
    turned = quaternion_from_rotation(rotation_from_angles(yaw, 0.0, 0.0))
    state = DriveState(expression=coefficients(values).astype(np.float32), rotation=turned)
    points = landmarks_of(HeadModel.load(), state)
    return dict(zip(NAMES, face_features(np.zeros((SIZE, SIZE, 3), np.uint8), points).tolist(), strict=True))


def test_the_average_head_does_as_it_is_told() -> None:
    rest, jaw = shown({}), shown({"jawOpen": 0.8})
    assert jaw["lips apart"] > rest["lips apart"] + 0.1
    smile = shown({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0})
    assert smile["mouth corners"] > rest["mouth corners"] + 0.02
    angle = 0.3
    turned = shown({}, yaw=angle)["yaw"] - rest["yaw"]
    assert abs(abs(turned) - np.degrees(angle)) < 2  # a camera that is near sees a face a little turned


def test_a_feature_that_no_video_uses_has_no_row() -> None:
    used = {"counts": True, "correlation": 0.5, "gain": 1.25}
    idle = {"counts": False, "correlation": 0.9, "gain": 1.0}
    text = table({"one": {"gaze": used, "teeth": idle}, "other": {"gaze": idle, "teeth": idle}})
    assert text.splitlines()[2:] == ["| gaze | 0.50 × 1.25 |  |"]
