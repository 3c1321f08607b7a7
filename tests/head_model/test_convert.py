"""Head models from OBJ files: names, halves, refusals, and the shipped head found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.head_model import convert
from offline.head_model.convert import converted, read_shapes
from offline.head_model.dense import DenseHead, Part
from offline.head_model.surface import Surface, components, nearest, read_obj
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput

SQUARE = np.array([[-1.0, 0, 0], [1, 0, 0], [1, 1, 0], [-1, 1, 0]])


def write_obj(path: Path, vertices: np.ndarray, faces: list[list[int]]) -> None:
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices.tolist()]
    lines += ["f " + " ".join(f"{i + 1}/1/1" for i in face) for face in faces]
    path.write_text("\n".join(lines))


def lifted(name: str) -> np.ndarray:
    """What a shape does to the square: a sided one lifts its own side."""
    moved = np.zeros((4, 3))
    if name.startswith(("jawL", "jawR", "mouthL", "mouthR")) and not name.startswith(("mouthLower", "mouthRoll")):
        moved[:, 0] = 0.1 if name.endswith("Left") else -0.1
    else:
        moved[[1, 2], 2] = 0.0 if name.endswith("Right") else 0.1
        moved[[0, 3], 2] = 0.0 if name.endswith("Left") else 0.1
    return SQUARE + moved


def folder_of_shapes(folder: Path, without: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    write_obj(folder / "generic_neutral_mesh.obj", SQUARE, [[0, 1, 2, 3]])
    for name in EXPRESSIONS:
        if name not in without:
            short = name.removesuffix("Left") + "_L" if name.endswith("Left") and name[0] in "be" else name
            write_obj(folder / f"{short}.obj", lifted(name), [[0, 1, 2, 3]])
    return folder


def test_polygons_and_relative_indices_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(
        "# a square\nv 0 0 0\nv 1 0 0 1 1 1\nv 1 1 0\nv 0 1 0\nvt 0 0\nf -4/1 -3/1 3/1 4/1\n"
    )
    vertices, triangles = read_obj(tmp_path / "a.obj")
    assert vertices.tolist()[1] == [1, 0, 0]
    assert triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    for text, reason in (("v 0 0 x", "cannot be read"), ("v 0 0 0", "no mesh"), ("v 0 0 0\nf 1 2 3", "does not exist")):
        (tmp_path / "bad.obj").write_text(text)
        with pytest.raises(BadInput, match=reason):
            read_obj(tmp_path / "bad.obj")


def test_shapes_are_found_by_any_spelling_and_halves_are_added(tmp_path: Path) -> None:
    folder = folder_of_shapes(tmp_path / "head", without=("cheekPuff", "tongueOut"))
    for side in ("L", "R"):
        write_obj(folder / f"cheekPuff_{side}.obj", lifted("eyeBlink" + {"L": "Left", "R": "Right"}[side]), [[0, 1, 2]])
    write_obj(folder / "identity000.obj", SQUARE * 1.1, [[0, 1, 2]])
    shapes = read_shapes(folder)
    np.testing.assert_allclose(shapes.expression[INDEX["cheekPuff"]], [[0, 0, 0.1]] * 4, atol=1e-6)
    np.testing.assert_allclose(shapes.expression[INDEX["eyeBlinkLeft"], :, 2], [0, 0.1, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(shapes.identity, [SQUARE * 0.1], atol=1e-6)
    assert shapes.absent == ("tongueOut",) and not shapes.expression[INDEX["tongueOut"]].any()


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no neutral\.obj"):
        read_shapes(tmp_path)
    with pytest.raises(BadInput, match="lacks the axis 'mouthFrownLeft'"):
        read_shapes(folder_of_shapes(tmp_path / "missing", without=("mouthFrownLeft",)))
    other = folder_of_shapes(tmp_path / "count")
    write_obj(other / "jawOpen.obj", SQUARE[:3], [[0, 1, 2]])
    with pytest.raises(BadInput, match=r"jawOpen\.obj has 3 vertices where generic_neutral_mesh\.obj has 4"):
        read_shapes(other)
    swapped = folder_of_shapes(tmp_path / "mirrored")
    write_obj(swapped / "noseSneerLeft.obj", lifted("noseSneerRight"), [[0, 1, 2, 3]])
    with pytest.raises(BadInput, match="'noseSneerLeft' moves the other side"):
        read_shapes(swapped)


def test_points_in_front(tmp_path: Path) -> None:
    vertices = np.concatenate([SQUARE, SQUARE + np.array([0, 0, 1])])
    mesh = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    found = Surface.in_front(vertices, mesh, np.array([[0.25, 0.5]]))
    np.testing.assert_allclose(found.points(vertices), [[0.25, 0.5, 1]])
    with pytest.raises(BadInput, match="no surface"):
        Surface.in_front(vertices, mesh, np.array([[0.25, 5]]))
    assert nearest(np.array([[0.9, 0.1, 0]]), SQUARE).tolist() == [1]
    assert components(mesh, 9).tolist() == [0, 0, 0, 0, 4, 4, 4, 4, 8]


def test_a_mesh_without_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="finds no face"):
        converted(read_shapes(folder_of_shapes(tmp_path / "square")))


@pytest.mark.slow
def test_the_shipped_head_is_found_again_from_its_own_files(tmp_path: Path) -> None:
    head = DenseHead.load()
    kept = head.part < Part.RIGHT_LASHES
    faces = (np.cumsum(kept) - 1)[head.triangles[kept[head.triangles].all(1)]].tolist()
    turned = 8.0 * np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    write_obj(tmp_path / "neutral.obj", head.mean[kept] @ turned + [3, 40, -5], faces)
    for name, one in zip(EXPRESSIONS, np.eye(len(EXPRESSIONS)), strict=True):
        moved = head.vertices(expression=one)
        write_obj(tmp_path / f"{name}.obj", moved[kept] @ turned + [3, 40, -5], faces)
    output = tmp_path / "mine.npz"
    convert.main([str(tmp_path), "-o", str(output)])
    model = HeadModel.load(output)
    assert output.with_suffix(".png").exists()
    truth = head.landmarks(head.mean)
    assert np.linalg.norm(model.mean - truth, axis=1).mean() < 0.04
    axes = np.stack([head.landmarks(head.vertices(expression=one)) - truth for one in np.eye(len(EXPRESSIONS))])
    ours, theirs = model.expression.reshape(52, -1), axes.reshape(52, -1)
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosine.min() > 0.8 and np.median(cosine) > 0.95
