"""The head model: shapes, meaning of the axes, left and right, files that are refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from runtime.contract.drive import EXPRESSIONS, coefficients
from runtime.contract.head_model import (
    BROW,
    FACE_VERTICES,
    GROUPS,
    IRIS,
    HeadModel,
    eye_opening,
    eye_width,
    face_height,
    mouth_opening,
    mouth_width,
)
from runtime.errors import BadInput

MODEL = HeadModel.load()
CHIN, NOSE_TIP, RIGHT_CORNER, LEFT_CORNER = 152, 4, 61, 291


def moved(**values: float) -> np.ndarray:
    return MODEL.vertices(expression=coefficients(values))


def test_a_face_in_decimetres_looking_towards_the_camera() -> None:
    assert 1.4 < face_height(MODEL.mean) < 2.0
    assert MODEL.mean[NOSE_TIP, 2] > MODEL.mean[:, 2].max() - 0.03
    assert MODEL.mean[LEFT_CORNER, 0] > 0 > MODEL.mean[RIGHT_CORNER, 0], "the subject's left is at +x"
    assert MODEL.mean[CHIN, 1] < MODEL.mean[NOSE_TIP, 1]


def test_vertices_are_the_mean_plus_weighted_axes() -> None:
    identity = np.zeros(len(MODEL.identity))
    identity[3] = 2.0
    expected = MODEL.mean + 2 * MODEL.identity[3] + 0.5 * MODEL.expression[17] - MODEL.detail[0]
    detail = np.array([-1.0, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(MODEL.vertices(identity, coefficients({"jawOpen": 0.5}), detail), expected, atol=1e-5)
    assert MODEL.vertices(expression=np.zeros((5, 4, 52))).shape == (5, 4, 478, 3)
    assert MODEL.names == EXPRESSIONS


def test_triangles_face_the_camera() -> None:
    a, b, c = (MODEL.mean[MODEL.triangles[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).mean() > 0.95
    assert MODEL.triangles.max() < FACE_VERTICES


@pytest.mark.parametrize("name", [n for n in EXPRESSIONS if n.endswith("Left")])
def test_left_and_right_are_mirror_images(name: str) -> None:
    left = moved(**{name: 1.0}) - MODEL.mean
    right = moved(**{name.removesuffix("Left") + "Right": 1.0}) - MODEL.mean
    apart = moved(jawOpen=0.6)[:FACE_VERTICES]
    pairs = np.linalg.norm((apart * [-1, 1, 1])[:, None] - apart, axis=-1).argmin(1)
    np.testing.assert_allclose(right[pairs], left[:FACE_VERTICES] * [-1, 1, 1], atol=8e-3)


def test_what_the_axes_do() -> None:
    rest = MODEL.mean
    assert mouth_opening(moved(jawOpen=1)) > mouth_opening(rest) + 0.15
    assert moved(jawOpen=1)[CHIN, 1] < rest[CHIN, 1] - 0.1
    assert mouth_opening(moved(jawOpen=1, mouthClose=1)) < 0.4 * mouth_opening(moved(jawOpen=1))
    assert mouth_width(moved(mouthPucker=1)) < mouth_width(rest) - 0.1
    smile = moved(mouthSmileLeft=1)
    assert (smile - rest)[LEFT_CORNER, 0] > 0.03 and (smile - rest)[LEFT_CORNER, 1] > 0.03
    assert np.linalg.norm((smile - rest)[RIGHT_CORNER]) < 0.02, "one side only"
    assert (moved(mouthLeft=1) - rest)[[RIGHT_CORNER, LEFT_CORNER], 0].min() > 0.03
    assert (moved(browOuterUpRight=1) - rest)[list(BROW["right"][:3]), 1].mean() > 0.04
    assert (moved(cheekPuff=1) - rest)[[205, 425], 2].min() > 0.02
    assert mouth_opening(moved(tongueOut=1)) > mouth_opening(rest) + 0.02


def test_a_blink_closes_its_own_eye_only() -> None:
    wink = moved(eyeBlinkLeft=1)
    assert eye_opening(wink, "left") < 0.35 * eye_opening(MODEL.mean, "left")
    assert eye_opening(wink, "right") == pytest.approx(eye_opening(MODEL.mean, "right"), rel=0.1)
    assert eye_opening(moved(eyeWideRight=1), "right") > eye_opening(MODEL.mean, "right")


def test_gaze_moves_the_irises() -> None:
    left_iris = IRIS["left"][0]
    assert (moved(eyeLookOutLeft=1) - MODEL.mean)[left_iris, 0] > 0.03, "out is the subject's left, +x"
    assert (moved(eyeLookInLeft=1) - MODEL.mean)[left_iris, 0] < -0.03
    assert (moved(eyeLookUpLeft=1) - MODEL.mean)[left_iris, 1] > 0.03


def test_measures_by_hand() -> None:
    vertices = np.zeros((478, 3))
    vertices[13], vertices[14] = [0, 0.3, 0], [0, -0.1, 0]
    vertices[RIGHT_CORNER], vertices[LEFT_CORNER] = [-0.3, 0, 0], [0.3, 0, 0]
    vertices[[160, 159, 158], 1] = 0.1, 0.12, 0.08
    vertices[33], vertices[133] = [-0.4, 0, 0], [-0.1, 0, 0]
    assert mouth_opening(vertices) == pytest.approx(0.4)
    assert mouth_width(vertices) == pytest.approx(0.6)
    assert eye_opening(vertices, "right") == pytest.approx(0.1)
    assert eye_width(vertices, "right") == pytest.approx(0.3)


def test_groups_name_existing_vertices_on_their_side() -> None:
    for name, group in GROUPS.items():
        x = MODEL.mean[list(group), 0]
        if name.startswith("left"):
            assert x.min() > 0, name
        elif name.startswith("right"):
            assert x.max() < 0, name


def test_a_saved_model_is_the_same_and_holds_no_pickle(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "model.npz")
    for source in (tmp_path / "model.npz", (tmp_path / "model.npz").read_bytes()):
        np.testing.assert_array_equal(HeadModel.load(source).expression, MODEL.expression)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiU" for name in arrays.files)
        assert arrays["names"].tolist() == list(EXPRESSIONS)


def spoilt(**changes: np.ndarray) -> bytes:
    arrays = {name: getattr(MODEL, name) for name in ("mean", "identity", "expression", "detail", "triangles")}
    buffer = io.BytesIO()
    np.savez(buffer, **{k: v for k, v in (arrays | changes).items() if v.size})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read"),
        (b"not a zip", "cannot be read"),
        (spoilt()[:5000], "cannot be read"),
        (spoilt(mean=np.zeros((468, 3), np.float32)), "'mean' has shape"),
        (spoilt(expression=np.full_like(MODEL.expression, np.nan)), "not finite"),
        (spoilt(triangles=np.array([[0, 1, 478]])), "vertex that does not exist"),
        (spoilt(detail=np.array([])), "lacks 'detail'"),
    ],
)
def test_what_is_not_a_head_model_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        HeadModel.load(data)


def renamed(change: dict[str, str]) -> bytes:
    return spoilt(names=np.array([change.get(name, name) for name in EXPRESSIONS]))


def test_axes_are_found_by_their_names_in_any_order_and_spelling() -> None:
    order = np.random.default_rng(0).permutation(len(EXPRESSIONS))
    names = np.array(EXPRESSIONS)[order]
    names[names == "jawOpen"], names[names == "eyeBlinkLeft"] = "JawOpen", "eyeBlink_L"
    again = HeadModel.load(spoilt(names=names, expression=MODEL.expression[order]))
    np.testing.assert_array_equal(again.expression, MODEL.expression)
    np.testing.assert_array_equal(HeadModel.load(spoilt()).expression, MODEL.expression, "a file without names")


def test_a_missing_a_miscounted_and_a_mirrored_axis_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="lacks the axis 'mouthPucker'"):
        HeadModel.load(renamed({"mouthPucker": "mouthPout"}))
    with pytest.raises(BadInput, match="'expression' has shape"):
        HeadModel.load(spoilt(names=np.array(EXPRESSIONS[:51])))
    for name in ("mouthSmile", "eyeBlink", "jaw", "mouth", "browOuterUp", "eyeLookOut"):
        swapped = {f"{name}Left": f"{name}Right", f"{name}Right": f"{name}Left"}
        with pytest.raises(BadInput, match=f"'{name}(Left|Right)' moves the other side"):
            HeadModel.load(renamed(swapped))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        HeadModel.load(tmp_path / "absent.npz")
