"""Front view, motion maps and their fast form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from offline.track.front_view import CENTRE, HALF, rasterise, to_window, vertex_normals
from offline.track.motion_map import MotionMapRasteriser, motion_map
from runtime.contract.head_model import FACE_VERTICES, HeadModel

MODEL = HeadModel.load()
SIZE = 64
NEUTRAL = MODEL.mean[:FACE_VERTICES]


def chequered(size: int = 128) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    return np.stack([x, y, (np.floor(x * 16) + np.floor(y * 16)) % 2], -1).astype(np.float32)


@pytest.fixture(scope="module")
def rasteriser() -> MotionMapRasteriser:
    return MotionMapRasteriser(MODEL, SIZE, chequered()).eval()


def faces(count: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    expression = rng.random((count, 52)) * (rng.random((count, 52)) < 0.12)
    return MODEL.vertices(None, expression, rng.normal(size=(count, 8)) * 0.7)[:, :FACE_VERTICES]


def test_the_window_by_hand() -> None:
    corner = np.array([[CENTRE[0] - HALF, CENTRE[1] + HALF, 0.0], [CENTRE[0], CENTRE[1], 9.0]])
    np.testing.assert_allclose(to_window(corner), np.array([[0, 0], [0.5, 0.5]]), atol=1e-7)


def test_a_triangle_by_hand() -> None:
    left, right = CENTRE[0] - HALF, CENTRE[0] + HALF
    top, bottom = CENTRE[1] + HALF, CENTRE[1] - HALF
    vertices = np.array([[left, bottom, 0], [right, bottom, 0], [left, top, 0], [right, bottom, 1], [left, top, 1]])
    index, barycentrics = rasterise(vertices, np.array([[0, 1, 2]]), 4)
    expected = np.array([[0, -1, -1, -1], [0, 0, -1, -1], [0, 0, 0, -1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(barycentrics[3, 0], [0.75, 0.125, 0.125])
    nearer = rasterise(vertices, np.array([[0, 1, 2], [0, 3, 4]]), 4)[0]
    assert (nearer[index == 0] == 1).all(), "the nearer one wins"
    assert (rasterise(vertices, np.array([[0, 2, 1]]), 4)[0] == -1).all(), "seen from behind it is not drawn"


def test_a_flat_patch_faces_the_viewer() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(vertex_normals(vertices, np.array([[0, 1, 2]])), [[0, 0, 1]] * 3)


def test_the_neutral_map_shows_the_texture_in_place() -> None:
    result = motion_map(NEUTRAL, NEUTRAL, MODEL.triangles, chequered(256), SIZE)
    face = result[3:].any(0)
    assert 0.3 < face.mean() < 0.7
    assert not result[:, ~face].any()
    centres = (np.arange(SIZE) + 0.5) / SIZE
    u, v = np.meshgrid(centres, centres)
    np.testing.assert_allclose(result[0][face], u[face], atol=0.01)
    np.testing.assert_allclose(result[1][face], v[face], atol=0.01)
    assert result[5][face].mean() > 0.8, "the face looks at the viewer"


def test_the_texture_moves_with_the_skin() -> None:
    lowered = NEUTRAL - np.array([0, 4 * 2 * HALF / SIZE, 0], np.float32)  # by four pixels
    rest = motion_map(NEUTRAL, NEUTRAL, MODEL.triangles, chequered(256), SIZE)
    moved = motion_map(lowered, NEUTRAL, MODEL.triangles, chequered(256), SIZE)
    np.testing.assert_allclose(moved[:2, 10:50], rest[:2, 6:46], atol=1e-3)


def test_the_fast_form_agrees_with_the_reference(rasteriser: MotionMapRasteriser) -> None:
    vertices = faces(12)
    with torch.no_grad():
        fast = rasteriser(torch.from_numpy(vertices)).numpy()
    for each, result in zip(vertices, fast, strict=True):
        reference = motion_map(each, NEUTRAL, MODEL.triangles, chequered(), SIZE)
        differs = np.abs(reference - result).max(0) > 1e-2
        assert differs.sum() <= 0.01 * (reference[3:].any(0)).sum()


def test_another_identity_has_its_own_place_in_the_texture() -> None:
    identity = np.zeros(len(MODEL.identity), np.float32)
    identity[:3] = 1.5
    neutral = MODEL.vertices(identity)[:FACE_VERTICES]
    fast = MotionMapRasteriser(MODEL, 32, chequered(), identity)(torch.from_numpy(neutral[None]))[0].numpy()
    reference = motion_map(neutral, neutral, MODEL.triangles, chequered(), 32)
    assert (np.abs(fast - reference).max(0) > 1e-2).sum() <= 5


@pytest.mark.filterwarnings("ignore")
def test_the_fast_form_exports(rasteriser: MotionMapRasteriser, tmp_path: Path) -> None:
    vertices = torch.from_numpy(faces(2))
    torch.onnx.export(
        rasteriser,
        (vertices,),
        tmp_path / "map.onnx",
        input_names=["vertices"],
        output_names=["motion_map"],
        opset_version=20,
        dynamo=True,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "map.onnx", providers=["CPUExecutionProvider"])
    exported = session.run(None, {"vertices": vertices.numpy()})[0]
    np.testing.assert_allclose(exported, rasteriser(vertices).detach().numpy(), atol=1e-4)
