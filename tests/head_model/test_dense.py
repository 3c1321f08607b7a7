"""The dense head: what its axes do, worked by hand, and people from traits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.head_model.dense import HUMAN_EYE, LANDMARKS, DenseHead, Part, save
from offline.head_model.rims import Rims
from runtime.contract.axes import rotation_from_angles
from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW, INDEX, coefficients
from runtime.contract.head_model import EYE_CORNERS, IRIS, HeadModel, eye_opening, mouth_opening, mouth_width
from runtime.errors import BadInput

HEAD = DenseHead.load()
CHIN = 152
LEFT, RIGHT = IRIS["left"][0], IRIS["right"][0]


def posed(identity: np.ndarray | None = None, **values: float) -> np.ndarray:
    return HEAD.vertices(identity, coefficients(values))


def landmarks(identity: np.ndarray | None = None, **values: float) -> np.ndarray:
    return HEAD.landmarks(posed(identity, **values))


def people(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [HEAD.sample_identity(rng) for _ in range(count)]


def test_a_whole_head_that_fills_a_portrait() -> None:
    low, high = HEAD.mean.min(0), HEAD.mean.max(0)
    assert low[1] < -2.35 and high[1] > 1.2 and high[0] > 2.05
    np.testing.assert_allclose(HEAD.landmark_weights.sum(1), 1, atol=1e-4)
    assert HEAD.landmark_triangle.shape == (LANDMARKS,)
    on = HEAD.part[HEAD.triangles[HEAD.landmark_triangle]]
    assert (on[:468] == Part.SKIN).all() and (on[468:473] == Part.RIGHT_EYE).all() and (on[473:] == Part.LEFT_EYE).all()
    assert HEAD.triangles.max() < len(HEAD.mean) and HEAD.uv_triangles.max() < len(HEAD.uv)


def test_an_open_jaw_moves_the_chin_down_by_what_its_turn_says() -> None:
    turn = HEAD.jaw_moves[INDEX["jawOpen"], 0]
    rest, opened = landmarks()[CHIN], landmarks(jawOpen=1)[CHIN]
    expected = (rest - HEAD.jaw_hinge) @ rotation_from_angles(0, float(turn), 0).T + HEAD.jaw_hinge
    assert 0.2 < rest[1] - opened[1] < 0.3
    assert rest[1] - opened[1] == pytest.approx(rest[1] - expected[1], rel=0.25), "the chin's skin goes with the bone"


def test_the_lower_teeth_are_rigid_and_the_upper_ones_rest() -> None:
    lower, upper = HEAD.part == Part.LOWER_TEETH, HEAD.part == Part.UPPER_TEETH
    pose = posed(jawOpen=0.7, jawLeft=1, mouthSmileLeft=1, mouthClose=0.3)
    rest, moved = HEAD.mean[lower], pose[lower]
    turn = rotation_from_angles(0, 0.7 * float(HEAD.jaw_moves[INDEX["jawOpen"], 0]), 0)
    shift = HEAD.jaw_moves[INDEX["jawLeft"], 1:]
    np.testing.assert_allclose(moved, (rest - HEAD.jaw_hinge) @ turn.T + HEAD.jaw_hinge + shift, atol=1e-5)
    assert shift[0] > 0.03, "the subject's left is +x"
    np.testing.assert_array_equal(pose[upper], HEAD.mean[upper])


def test_the_tongue_comes_out_between_the_lips() -> None:
    tongue = HEAD.part == Part.TONGUE
    out = posed(tongueOut=1)
    assert out[tongue, 2].max() > HEAD.mean[tongue, 2].max() + 0.15
    assert mouth_opening(HEAD.landmarks(out)) > mouth_opening(landmarks()) + 0.02


@pytest.mark.parametrize("name", [n for n in EXPRESSIONS if n.endswith("Left") and n not in ("jawLeft", "mouthLeft")])
def test_a_left_axis_moves_the_left_side(name: str) -> None:
    moved = np.square(posed(None, **{name: 1.0}) - HEAD.mean).sum(1)
    mirrored = np.square(posed(None, **{name.removesuffix("Left") + "Right": 1.0}) - HEAD.mean).sum(1)
    left = HEAD.mean[:, 0] > 0
    assert moved[left].sum() > 2.5 * moved[~left].sum()
    assert moved.sum() == pytest.approx(mirrored.sum(), rel=0.1)


def test_a_gaze_turns_the_iris_about_the_eyes_centre_as_far_as_a_human_eye() -> None:
    centre = HEAD.eye_centres()[1]
    rest, out = landmarks()[LEFT], landmarks(eyeLookOutLeft=1)[LEFT]
    assert np.linalg.norm(out - centre) == pytest.approx(np.linalg.norm(rest - centre), rel=1e-3)
    assert out[0] - rest[0] == pytest.approx(HUMAN_EYE * np.sin(GAZE_YAW), rel=0.02), "outwards is +x on the left"
    assert (landmarks(eyeLookInLeft=1)[LEFT] - rest)[0] == pytest.approx(-HUMAN_EYE * np.sin(GAZE_YAW), rel=0.02)
    assert (landmarks(eyeLookDownRight=1) - landmarks())[RIGHT, 1] == pytest.approx(
        -HUMAN_EYE * np.sin(GAZE_PITCH), rel=0.02
    )
    np.testing.assert_array_equal(landmarks(eyeLookOutLeft=1)[RIGHT], landmarks()[RIGHT])


def test_eyeballs_are_spheres_for_everybody() -> None:
    for identity in (None, *people(2)):
        vertices = posed(identity, eyeLookOutLeft=0.7, eyeLookUpLeft=0.4, mouthSmileLeft=1)
        ball = vertices[HEAD.part == Part.LEFT_EYE]
        distance = np.linalg.norm(ball - HEAD.eye_centres(identity)[1], axis=1)
        np.testing.assert_allclose(distance, HEAD.eye_radii(identity)[1], rtol=0.01)


def test_a_blink_shuts_everybodys_eyes_and_keeps_lids_out_of_the_eyeball() -> None:
    for identity in (None, *people(4)):
        shut = posed(identity, eyeBlinkLeft=1, mouthSmileLeft=1, cheekSquintLeft=1)
        points, rest = HEAD.landmarks(shut), landmarks(identity)
        rims = Rims(HEAD.lid_upper[1], HEAD.lid_lower[1], HEAD.lid_weights[1])
        assert rims.gap(posed(identity, eyeBlinkLeft=1)).min() > -0.03, "the upper lid reaches the lower one"
        assert rims.gap(posed(identity)).min() < -0.05
        assert eye_opening(points, "left") < 0.7 * eye_opening(rest, "left")
        assert eye_opening(points, "right") == pytest.approx(eye_opening(rest, "right"), rel=0.05)
        centre, radius = HEAD.eye_centres(identity)[1], HEAD.eye_radii(identity)[1]
        outside = np.linalg.norm(posed(identity) - centre, axis=1) > radius
        outside &= HEAD.part == Part.SKIN
        assert np.linalg.norm(shut[outside] - centre, axis=1).min() > 0.999 * radius


def test_lips_are_shut_at_rest_and_by_mouth_close() -> None:
    for identity in (None, *people(3)):
        width = mouth_width(landmarks(identity))
        assert mouth_opening(landmarks(identity)) < 0.06 * width
        assert mouth_opening(landmarks(identity, jawOpen=1)) > 0.5 * width
        assert mouth_opening(landmarks(identity, jawOpen=1, mouthClose=1)) < 0.12 * width


def test_irises_have_their_size() -> None:
    points = landmarks()
    for side in ("right", "left"):
        centre, *ring = points[list(IRIS[side])]
        np.testing.assert_allclose(np.linalg.norm((ring - centre)[:, :2], axis=1), 0.0585, rtol=0.05)
        assert points[EYE_CORNERS[side][0], 1] - 0.1 < centre[1] < points[EYE_CORNERS[side][0], 1] + 0.1


def test_people_are_drawn_by_seed_and_traits() -> None:
    first, again = (HEAD.sample_identity(np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(2)
    mean = {
        name: np.mean([HEAD.sample_identity(rng, age=age, weight=weight) for _ in range(80)], 0)
        for name, age, weight in (("child", 10, 0), ("old", 85, 0), ("heavy", 40, 1), ("thin", 40, -1))
    }
    child, old, heavy, thin = (HEAD.vertices(mean[n]) for n in ("child", "old", "heavy", "thin"))
    neck = (np.abs(HEAD.mean[:, 1] + 1.2) < 0.1) & (HEAD.part == Part.SKIN)
    assert np.ptp(heavy[neck, 0]) > np.ptp(thin[neck, 0]) + 0.05
    assert np.linalg.norm(HEAD.landmarks(child - old), axis=1).mean() > 0.02
    with pytest.raises(BadInput, match="'martian' is no ancestry"):
        HEAD.sample_identity(rng, ancestry={"martian": 1})


def test_the_runtimes_model_is_this_head_at_its_landmarks() -> None:
    model = HeadModel.load()
    np.testing.assert_allclose(model.mean, landmarks(), atol=1e-3)
    assert len(model.identity) == len(HEAD.identity)
    np.testing.assert_allclose(model.identity[0], HEAD.landmarks(HEAD.identity[0]), atol=1e-3)
    ours = np.stack([landmarks(None, **{name: 1.0}) - landmarks() for name in EXPRESSIONS]).reshape(52, -1)
    theirs = model.expression.reshape(52, -1)
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosine.min() > 0.8, EXPRESSIONS[cosine.argmin()]


def test_a_saved_head_is_the_same_and_a_spoilt_one_is_refused(tmp_path: Path) -> None:
    save(HEAD, tmp_path / "head.npz")
    again = DenseHead.load(tmp_path / "head.npz")
    np.testing.assert_allclose(again.identity, HEAD.identity, atol=1e-5)
    np.testing.assert_array_equal(again.mean, HEAD.mean)
    with np.load(tmp_path / "head.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    for change, reason in (
        ({"jaw_hinge": None}, "lacks 'jaw_hinge'"),
        ({"names": np.array(EXPRESSIONS[1:]), "expression": kept["expression"][1:]}, "lacks the axis 'eyeBlinkLeft'"),
        ({"expression": kept["expression"][:, :-1]}, "'expression' of shape"),
    ):
        np.savez(tmp_path / "bad.npz", **{k: v for k, v in (kept | change).items() if v is not None})
        with pytest.raises(BadInput, match=reason):
            DenseHead.load(tmp_path / "bad.npz")
    with pytest.raises(BadInput, match="cannot be read"):
        DenseHead.load(tmp_path / "absent.npz")
