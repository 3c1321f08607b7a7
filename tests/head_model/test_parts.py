"""What the dense head is made with: drawing, laying heads over each other, components, rims."""

from __future__ import annotations

import numpy as np
import pytest

from offline.head_model.anatomy import diagonals, eyeball, fitted_sphere
from offline.head_model.basis import principal_basis, similarity
from offline.head_model.correspondence import barycentric_grid
from offline.head_model.drawing import BACKDROP, GAMMA, plain_picture, rasterise, vertex_normals
from offline.head_model.population import Knob, knobs
from offline.head_model.rims import Rims, close_up, visible_rims
from offline.head_model.traits import ANCESTRIES, age_weights, traits_vector
from runtime.contract.axes import portrait_camera, rotation_from_angles

CAMERA = portrait_camera()


def test_the_nearest_triangle_shows_with_its_weights() -> None:
    near = np.array([[-1, -1.3, 0.5], [1, -1.3, 0.5], [0, 0.7, 0.5]])
    far = near * [3, 3, 1] - [0, 0, 1]
    triangles = np.array([[3, 4, 5], [0, 1, 2]])
    drawn = rasterise(np.concatenate([near, far]), triangles, CAMERA, 64)
    middle = CAMERA.project(near.mean(0)) * 64 - 0.5
    column, row = np.round(middle).astype(int)
    assert drawn.triangle[row, column] == 1
    np.testing.assert_allclose(drawn.weights[row, column], 1 / 3, atol=0.06)
    assert drawn.triangle[1, 1] == -1 and (drawn.triangle == 0).any()
    seen = drawn.triangle == 1
    area = 0.5 * 2 * 2 * (2.2 / 8.5) ** 2 * 64**2
    assert seen.sum() == pytest.approx(area, rel=0.08)


def test_what_is_behind_the_camera_does_not_show() -> None:
    behind = np.array([[-1, 0, 9.5], [1, 0, 9.5], [0, 1, 9.5]])
    assert (rasterise(behind, np.array([[0, 1, 2]]), CAMERA, 16).triangle == -1).all()


def test_a_plain_picture_has_its_colours() -> None:
    square = np.array([[-3.0, -3, 0], [3, -3, 0], [3, 3, 0], [-3, 3, 0]])
    red = np.tile([1.0, 0, 0], (4, 1))
    picture = plain_picture(square, np.array([[0, 1, 2], [0, 2, 3]]), red, CAMERA, 16)
    assert (picture[..., 0] > 200).all() and (picture[..., 1:] == 0).all()
    empty = plain_picture(square - [0.0, 50, 0], np.array([[0, 1, 2]]), red, CAMERA, 16)
    np.testing.assert_allclose(empty, 255 * BACKDROP[0] ** GAMMA, atol=1)


def test_normals_of_a_ball_point_outwards() -> None:
    ball, triangles, uv = eyeball()
    np.testing.assert_allclose(np.linalg.norm(ball, axis=1), 1)
    assert (np.square(vertex_normals(ball, triangles) - ball).sum(1) < 0.01).all()
    np.testing.assert_allclose(uv[0], 0.5)
    side = int(np.argmin(np.linalg.norm(ball - ball[1] * [-1, 1, 1], axis=1)))
    np.testing.assert_allclose(uv[side], [1 - uv[1, 0], uv[1, 1]], atol=1e-9)


def test_a_fitted_sphere_is_the_one_that_points_came_from() -> None:
    ball = eyeball()[0][:200] * 0.15 + [0.3, 7.2, 1.2]
    centre, radius = fitted_sphere(ball)
    np.testing.assert_allclose(centre, [0.3, 7.2, 1.2], atol=1e-9)
    assert radius == pytest.approx(0.15)


def test_quads_are_cut_along_their_shorter_diagonal() -> None:
    kite = np.array([[[0, 0, 0], [2, 1, 0], [4, 0, 0], [2, -1, 0.0]]])
    first, second = diagonals(kite)
    assert first.tolist() == [[0, 1, 3]] and second.tolist() == [[1, 2, 3]]


def test_a_similarity_is_found_again() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3))
    rotation = rotation_from_angles(0.4, -0.2, 0.1).astype(np.float64)
    target = 1.3 * points @ rotation.T + [1, 2, 3]
    found = similarity(points, target)
    assert found.scale == pytest.approx(1.3)
    np.testing.assert_allclose(found(points), target, atol=1e-6)
    np.testing.assert_allclose(found.displaced(points), target - [1, 2, 3], atol=1e-6)


def test_components_and_traits_of_a_made_population() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(30, 3)))[0].T.reshape(3, 10, 3) * np.array([3, 2, 1])[:, None, None]
    male = rng.integers(0, 2, 400).astype(float)
    coefficients = np.column_stack([2 * male - 1, rng.normal(size=(400, 2))])
    heads = (5 + np.tensordot(coefficients, axes, 1)).astype(np.float32)
    basis = principal_basis(heads, np.column_stack([1 - male, male]), np.ones(10), 3)
    assert basis.explained == pytest.approx(1)
    for found, true in zip(basis.axes.reshape(3, -1), axes.reshape(3, -1), strict=True):
        assert abs(found @ true) == pytest.approx(true @ true, rel=0.15), "one standard deviation a unit"
    woman, man = (basis.mean + np.tensordot(row, basis.axes, 1) for row in basis.traits)
    np.testing.assert_allclose(man - woman, 2 * axes[0], atol=0.6)
    assert abs(basis.spread[0, 0]) < 0.2, "traits say all of the first"


def test_rims_of_a_slit_are_found_and_brought_together() -> None:
    x = np.linspace(-0.5, 0.5, 9)
    rows = [np.column_stack([x, np.full(9, y), np.zeros(9)]) for y in (0.6, 0.1, -0.1, -0.6)]
    vertices = np.concatenate(rows)
    quads = [(9 * r + i, 9 * r + i + 9, 9 * r + i + 10, 9 * r + i + 1) for r in range(3) for i in range(8)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    slit = np.arange(len(triangles)) // 16 == 1
    upper, lower = visible_rims(vertices, triangles, slit, ~slit, close_up(np.zeros(3), 4.0))
    assert set(upper) == set(range(9, 18)) and set(lower) == set(range(18, 27))
    rims = Rims(upper, lower, np.repeat([0.5, 1, 0, 0], 9))
    np.testing.assert_allclose(rims.gap(vertices), -0.2, atol=1e-6)
    moved = vertices + rims.spread(vertices, rims.gap(vertices))
    np.testing.assert_allclose(moved[13], [0, -0.1, 0], atol=0.06)
    np.testing.assert_array_equal(moved[18:], vertices[18:])
    assert moved[4, 1] - 0.6 == pytest.approx(0.5 * (moved[13, 1] - 0.1), abs=1e-6)


def test_shape_changes_are_paired() -> None:
    names = [
        "nose/nose-hump-decr", "nose/nose-hump-incr", "eyes/l-eye-bag-in", "eyes/r-eye-bag-in", "eyes/l-eye-bag-out",
        "eyes/r-eye-bag-out", "head/head-oval", "asym/asym-jaw-1-l", "asym/asym-jaw-1-r",
    ]  # fmt: skip
    found = {(k.plus, k.minus, k.sided) for k in knobs(names)}
    assert found == {
        ("nose/nose-hump-incr", "nose/nose-hump-decr", False),
        ("eyes/{side}-eye-bag-out", "eyes/{side}-eye-bag-in", True),
        ("head/head-oval", None, False),
        ("asym/asym-jaw-1-l", "asym/asym-jaw-1-r", False),
    }
    assert all(isinstance(knob, Knob) and knob.spread > 0 for knob in knobs(names))


def test_traits_are_shares() -> None:
    np.testing.assert_allclose(age_weights(17.5), [0.5, 0.5, 0])
    np.testing.assert_allclose(age_weights(200), [0, 0, 1])
    vector = traits_vector(np.random.default_rng(0), 25, 1, 0.5, {"asian": 2}).reshape(3, 2, 5)
    expected = np.zeros((3, 2, 5))
    expected[1, 1, ANCESTRIES.index("asian")], expected[1, 1, 3] = 1, 0.5
    np.testing.assert_allclose(vector, expected)


def test_the_grid_of_candidates_covers_a_triangle() -> None:
    grid = barycentric_grid(3)
    assert len(grid) == 10 and (grid.sum(1) == pytest.approx(1))
    assert [1, 0, 0] in grid.tolist() and pytest.approx([1 / 3] * 3) in grid.tolist()
