"""The way back through an expression, against the mesh that went forwards."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline.head_model.dense import DenseHead, Part
from offline.warp.atlas import REST as LIDS
from offline.warp.atlas import FaceAtlas, _seen, face_atlas
from offline.warp.chart import HEIGHTS
from offline.warp.face import EYES_LARGER, FaceWarp, Warped, spread
from runtime.contract.drive import EXPRESSIONS, coefficients
from runtime.contract.head_model import LOWER_LIP_INNER, UPPER_LIP_INNER
from runtime.errors import BadInput

HEAD = DenseHead.load()
SOMEBODY = HEAD.sample_identity(np.random.default_rng(1), age=35)
BOX = torch.tensor([[-2.0, -2.4, -1.35], [2.0, 1.5, 1.0]])
REST = torch.eye(3, 4)[None]
EVERYDAY = {
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    "laugh": {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.4, "mouthUpperUpLeft": 0.3},
    "surprise": {"browInnerUp": 0.8, "browOuterUpLeft": 0.7, "browOuterUpRight": 0.7, "jawOpen": 0.4},
    "half a smile with a wink": {"mouthSmileLeft": 0.7, "eyeBlinkLeft": 1.0, "browDownLeft": 0.3},
    "oo": {"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.2},
}


@pytest.fixture(scope="module")
def atlas() -> FaceAtlas:
    return face_atlas(HEAD, SOMEBODY)


@pytest.fixture(scope="module")
def warp(atlas: FaceAtlas) -> FaceWarp:
    return FaceWarp(atlas, BOX)


def taken_back(warp: FaceWarp, points: NDArray[np.floating], expression: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """Points [N, 3] of a head at rest with an expression: places in the planes [N, 3] and whether held [N].

    The neck holds still in the test's head, as its mixture is another test's.
    """
    warp.neck.forward = lambda points, pose: points  # type: ignore[method-assign]
    made = warp(torch.from_numpy(points.astype(np.float32))[None, None], REST, expressed(warp, expression))
    return made[0][0, 0], made[1][0, 0]


def top() -> float:
    """Where the patches begin in the planes, dm."""
    return float(spread(list(BOX[1]))[1])


def expressed(warp: FaceWarp, expression: NDArray[np.float32]) -> Warped:
    return warp.expressed(torch.from_numpy(expression)[None])


@cache
def seen_at_rest() -> NDArray[np.bool_]:
    return outside(at_rest())


def at_rest() -> NDArray[np.float32]:
    """The vertices as the maps start from them."""
    return HEAD.vertices(SOMEBODY, coefficients(LIDS))


def in_head(places: Tensor) -> NDArray[np.float64]:
    """Places [N, 3] of the planes, where they hold the head and no patch, as head space has them."""
    fine = torch.linspace(-3, 3, 20_001, dtype=torch.float64)
    known = [axis.numpy() for axis in spread([fine] * 3)]
    return np.stack([np.interp(places[:, k].numpy(), known[k], fine.numpy()) for k in range(3)], 1)


def outside(vertices: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which vertices [V] of the face the chart sees from outside."""
    seen = _seen(HEAD, vertices.astype(np.float64))
    visible = np.zeros(len(vertices), bool)
    visible[np.unique(seen.corners[seen.skin])] = True
    return visible & (HEAD.part == Part.SKIN)


@pytest.mark.parametrize("given", [{name: 1.0} for name in EXPRESSIONS] + list(EVERYDAY.values()), ids=str)
def test_a_vertex_carried_back_lands_on_its_neutral_place(warp: FaceWarp, given: dict[str, float]) -> None:
    """Brute force: vertices that went forwards with the mesh, and are seen both before and after."""
    expression = coefficients(given)
    neutral, moved = at_rest(), HEAD.vertices(SOMEBODY, expression)
    chosen = seen_at_rest() & outside(moved) & (neutral[:, 1] > -0.75)
    back, _ = taken_back(warp, moved[chosen], expression)
    off = np.linalg.norm(in_head(back) - neutral[chosen], axis=1)
    far = np.linalg.norm(moved - neutral, axis=1)[chosen] > 0.01
    # 0.25 mm is a quarter of the step between two nodes where they are closest; a lid that opens wide folds most of
    # them away
    if far.any():
        assert np.median(off[far]) < (0.004 if "eyeWide" in str(given) else 0.0025)
    assert np.quantile(off, 0.9) < 0.005


def test_what_does_not_move_stays(warp: FaceWarp) -> None:
    """Nothing anywhere with the face that planes hold; with another, nothing at the back, in the neck or above."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-1.9, -2.3, -1.3], [1.9, 1.4, 0.9], (4000, 3))
    places, held = taken_back(warp, points, coefficients(LIDS))
    still = (places[:, 1] < top()).numpy() & (held > 0).numpy()
    back = in_head(places)
    assert still.mean() > 0.8  # the others are before the face or between lids and lips
    np.testing.assert_allclose(back[still], points[still], atol=1e-5)
    away = still & ((points[:, 2] < -0.8) | (points[:, 1] < -1.6) | (points[:, 1] > 1.2))
    other = coefficients({"jawOpen": 1.0, "browInnerUp": 1.0, "mouthSmileLeft": 1.0})
    back = in_head(taken_back(warp, points, other)[0])
    np.testing.assert_allclose(back[away], points[away], atol=2e-3)


@pytest.mark.parametrize("given", EVERYDAY.values(), ids=EVERYDAY)
def test_natural_expressions_do_not_fold(warp: FaceWarp, given: dict[str, float]) -> None:
    """The posed chart's area, by the neutral one's, is positive wherever a sheet is used."""
    moved = ((torch.from_numpy(coefficients(given)) - warp.rest) @ warp.displacements.flatten(1)).reshape(
        2, *warp.radius.shape, 3
    )
    column, row, _ = warp._posed(moved)
    across, up = (torch.stack([torch.gradient(t, dim=d)[0] for t in (column, row)]) for d in (2, 1))
    area = across[0] * up[1] - across[1] * up[0]
    used = (warp.claims > 0.03) & (
        warp.claims < 0.3
    )  # near an opening, on the sheet's own side, but for the rim itself
    used |= warp.claims.amin(0) > 0.36
    face = torch.from_numpy((HEIGHTS > -0.7) & (HEIGHTS < 0.9))[None, :, None]
    assert float(area[used & face].quantile(0.001)) > 0


@pytest.mark.parametrize(
    ("place", "wide", "high"), [((0.33, 0.3), 2.1, 1.6), ((0.0, -0.45), 1.4, 1.6), ((1.6, -1.9), 5.3, 6.4)], ids=str
)
def test_texels_are_smallest_where_people_look(
    atlas: FaceAtlas, place: tuple[float, float], wide: float, high: float
) -> None:
    """Width and height, mm, at an eye, the mouth and a shoulder, of 128 that cover a head with long hair and shoulders;
    evenly they would be 3.5 × 3.3."""
    box = FaceWarp(atlas, torch.tensor([[-2.23, -2.55, -1.35], [2.26, 1.71, 1.0]])).box
    step = 0.01
    for axis, size in enumerate((wide, high)):
        ends = [[torch.tensor(place[k] + by * (k == axis)) for k in range(2)] + [torch.zeros(())] for by in (0.0, step)]
        room = float(spread(ends[1])[axis] - spread(ends[0])[axis]) / step
        texel = float(box[1, axis] - box[0, axis]) / 128 / room
        assert 100 * texel == pytest.approx(size, abs=0.1)


def test_an_open_mouth_shows_its_patches(warp: FaceWarp) -> None:
    """Upper teeth where they are in the skull, lower teeth where the jaw takes them back to."""
    expression = coefficients({"jawOpen": 0.6, "mouthUpperUpLeft": 1.0, "mouthUpperUpRight": 1.0})
    neutral, moved = HEAD.neutral(SOMEBODY), HEAD.vertices(SOMEBODY, expression)
    line = float(warp.mouth[:, 1].mean())
    for part, patch in ((Part.UPPER_TEETH, 2), (Part.LOWER_TEETH, 3)):
        front = (HEAD.part == part) & (np.abs(neutral[:, 0]) < 0.12) & (neutral[:, 2] > 0.35)
        back, held = taken_back(warp, moved[front], expression)
        own, there = warp.patches[patch]
        shown = (back[:, 1] > top()) & (held > 0)
        assert shown.any(), part  # the others are behind a lip
        placed = own + (back[shown, :2] - there) / warp.enlarge
        np.testing.assert_allclose(placed, neutral[front][shown.numpy(), :2], atol=2e-3)
    assert line < float(warp.eyes_above)


@pytest.mark.parametrize("person", [1, 3], ids=str)
def test_a_mouth_opens_from_corner_to_corner(person: int) -> None:
    """All that the mesh shows between the lips of a wide-open mouth is the mouth's: no skin bridges its corners."""
    somebody = HEAD.sample_identity(np.random.default_rng(person), age=35)
    warp = FaceWarp(face_atlas(HEAD, somebody), BOX)
    sides = {"mouthLowerDown": 0.8, "mouthUpperUp": 0.9, "mouthDimple": 0.65, "mouthPress": 0.5}
    both = {f"{name}{side}": value for name, value in sides.items() for side in ("Left", "Right")}
    expression = coefficients({"jawOpen": 1.0, "mouthShrugUpper": 1.0, "mouthPucker": 0.4} | both)
    landmarks = HEAD.landmarks(HEAD.vertices(somebody, expression))
    rim = landmarks[[61, *UPPER_LIP_INNER, 291, *reversed(LOWER_LIP_INNER)]]
    middle = rim.mean(0)
    outline = ((rim - middle) * 0.94 * 1000)[:, :2].astype(np.int32)
    points = np.random.default_rng(0).uniform(outline.min(0), outline.max(0), (2000, 2))
    inside = [cv2.pointPolygonTest(outline, tuple(point), False) > 0 for point in points.tolist()]
    lips = np.column_stack([points[inside] / 1000, np.zeros(sum(inside))]) + middle
    back, _ = taken_back(warp, lips, expression)
    assert (back[:, 1] > top()).float().mean() > 0.995


def test_an_iris_stays_in_its_patch_while_the_eye_turns(warp: FaceWarp) -> None:
    neutral = HEAD.neutral(SOMEBODY)
    for given in ({"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}, {"eyeLookUpLeft": 0.6}, {}):
        expression = coefficients(given)
        moved = HEAD.vertices(SOMEBODY, expression)
        for n, part in ((0, Part.RIGHT_EYE), (1, Part.LEFT_EYE)):
            ball = np.flatnonzero(HEAD.part == part)
            iris = ball[neutral[ball, 2].argsort()[-6:]]
            back, held = taken_back(warp, moved[iris], expression)
            own, there = warp.patches[n]
            placed = own + (back[:, :2] - there) / (EYES_LARGER * warp.enlarge)
            assert held.all()
            off = np.abs(placed.numpy() - neutral[iris, :2]).max(1)
            assert (off < 1e-3).sum() >= len(iris) - 1  # one's rim may be under the lid


def test_eyes_turn_as_the_mesh_turns_them(warp: FaceWarp) -> None:
    expression = coefficients({"eyeLookOutLeft": 0.7, "eyeLookDownLeft": 0.4, "eyeLookInRight": 0.5})
    turns = warp.eye_turns(torch.from_numpy(expression)[None])[0]
    for ours, theirs in zip(turns, HEAD.eye_turns(expression), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_once_a_ray_is_close_to_once_a_point(warp: FaceWarp) -> None:
    """For samples within a centimetre and a half of the middle, as a guide places them; the planes hold the face up to
    four times as large as it is."""
    expression = coefficients(EVERYDAY["laugh"])
    moved = HEAD.vertices(SOMEBODY, expression)
    middle = moved[outside(moved) & (moved[:, 1] > -0.75)][:, None]
    samples = middle + np.linspace(-0.15, 0.15, 4)[:, None] * np.array([0, 0, 1])
    points = torch.from_numpy(samples.transpose(1, 0, 2).astype(np.float32))[None]
    warp.neck.forward = lambda points, pose: points  # type: ignore[method-assign]
    made = expressed(warp, expression)
    each = warp(points, REST, made)[0]
    once = warp(points, REST, made, torch.from_numpy(middle[:, 0].astype(np.float32))[None])[0]
    off = (each - once).norm(dim=-1)
    assert float(off.quantile(0.9)) < 4 * 0.01


def test_an_atlas_is_read_as_it_was_written(atlas: FaceAtlas, tmp_path: Path) -> None:
    atlas.save(tmp_path / "atlas.npz")
    read = FaceAtlas.load(tmp_path / "atlas.npz")
    for name in FaceAtlas.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(read, name), getattr(atlas, name))
    replace(atlas, layout=atlas.layout - 1).save(tmp_path / "before.npz")
    with pytest.raises(BadInput, match="laid out"):
        FaceAtlas.load(tmp_path / "before.npz")
    (tmp_path / "atlas.npz").write_bytes(b"no archive")
    with pytest.raises(BadInput, match="atlas"):
        FaceAtlas.load(tmp_path / "atlas.npz")
