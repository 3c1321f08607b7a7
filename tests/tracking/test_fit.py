"""The fit on landmarks whose pose and coefficients are known."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation, rotation_from_angles
from runtime.contract.drive import INDEX
from runtime.contract.head_model import mouth_opening
from runtime.tracking.fit import FaceFit, Observation, Solution
from runtime.tracking.identity import IdentityEstimator
from runtime.tracking.slide import FEATURES, Slide, turn_features
from tests.tracking.synthetic import FOCAL, HEIGHT, MODEL, WIDTH, landmarks


def observe(points: np.ndarray) -> Observation:
    return Observation.of(points, WIDTH, HEIGHT, FOCAL)


def fitted(points: np.ndarray) -> Solution:
    face = FaceFit(MODEL, Slide.load())
    observation = observe(points)
    return face.solve(observation, face.start(observation), face.lower, face.upper, steps=12, hold=0.0)


def test_an_observation_by_hand() -> None:
    points = np.tile([0.5, 0.5, 0.0], (478, 1))
    points[0] = [1.0, 0.0, -0.12]  # the upper right corner of 640×480, nearer to the camera
    observation = Observation.of(points, 640, 480, 1.25)
    np.testing.assert_allclose(observation.points[0], [0.4, 0.3, 0.096])
    np.testing.assert_allclose(observation.points[1], 0)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("angle", [-0.3, 0.25])
def test_angles_have_the_right_sign_and_size(axis: int, angle: float) -> None:
    angles = [0.0, 0.0, 0.0]
    angles[axis] = angle
    points = landmarks(angles=tuple(angles))  # type: ignore[arg-type]
    np.testing.assert_allclose(angles_from_rotation(fitted(points).rotation), angles, atol=0.02)
    nose, eyes = points[4, :2], points[[33, 263], :2]
    if axis == 0:
        assert np.sign(nose[0] - eyes[:, 0].mean()) == np.sign(angle), "positive yaw: the nose to the picture's right"
    if axis == 2:
        assert np.sign(eyes[0, 1] - eyes[1, 1]) == np.sign(angle), "positive roll: the crown to the picture's left"


def test_a_turned_moved_and_talking_head_comes_back() -> None:
    points = landmarks({"jawOpen": 0.5, "mouthSmileLeft": 0.6, "browInnerUp": 0.7}, (0.3, -0.2, 0.1), (0.8, -0.4, -6))
    solution = fitted(points)
    np.testing.assert_allclose(solution.rotation, rotation_from_angles(0.3, -0.2, 0.1), atol=0.03)
    np.testing.assert_allclose(solution.translation, [0.8, -0.4, -6], atol=0.12)
    named = solution.coefficients
    assert named[INDEX["jawOpen"]] == pytest.approx(0.5, abs=0.2)
    assert named[INDEX["mouthSmileLeft"]] > named[INDEX["mouthSmileRight"]] + 0.3
    assert named[INDEX["browInnerUp"]] > 0.4
    seen = MODEL.vertices(None, named[:52], named[52:])
    true = MODEL.vertices(None, 0.5 * np.eye(52)[INDEX["jawOpen"]] + 0.6 * np.eye(52)[INDEX["mouthSmileLeft"]])
    assert mouth_opening(seen) == pytest.approx(float(mouth_opening(true)), abs=0.02)


def test_coefficients_stay_in_range() -> None:
    solution = fitted(landmarks({"jawOpen": 1.0, "mouthFunnel": 1.0, "eyeWideLeft": 1.0}))
    assert solution.coefficients[:52].min() >= 0
    assert solution.coefficients[:52].max() <= 1
    assert np.abs(solution.coefficients[52:]).max() <= 3


def test_identity_is_told_from_expression() -> None:
    rng = np.random.default_rng(3)
    identity = np.clip(rng.normal(size=len(MODEL.identity)), -1.5, 1.5)
    face = FaceFit(MODEL, Slide.load())
    names = ("jawOpen", "mouthSmileLeft", "browInnerUp", "mouthPucker")
    frames = [
        observe(landmarks({names[i % 4]: 0.2 * (i % 3)}, (0.2 * np.sin(i), 0.1 * np.cos(i), 0), identity=identity))
        for i in range(24)
    ]
    for _ in range(3):
        estimator = IdentityEstimator(len(MODEL.identity))
        solution = None
        for frame in frames:
            start = solution or face.start(frame)
            solution = face.solve(frame, start, face.lower, face.upper, steps=4, hold=0.0)
            estimator.add(face, frame, solution)
        face.set_identity(estimator.estimate())
    before = np.linalg.norm(MODEL.vertices(identity) - MODEL.mean, axis=1)
    after = np.linalg.norm(MODEL.vertices(identity) - face.neutral, axis=1)
    assert after.mean() < 0.35 * before.mean()


def test_the_slide_is_nothing_for_a_frontal_head_and_bounded_beyond_its_range() -> None:
    assert not Slide.load().at(np.eye(3)).any()
    assert Slide.load().fields.shape == (FEATURES, 478, 3)
    np.testing.assert_allclose(turn_features(np.array([[0.2, -0.1, 0.5]]))[0], [0.2, -0.1, 0.04, -0.02, 0.01])
    far = [Slide.load().at(rotation_from_angles(yaw, 0, 0).astype(float)) for yaw in (0.8, 1.2)]
    np.testing.assert_allclose(far[0], far[1])
