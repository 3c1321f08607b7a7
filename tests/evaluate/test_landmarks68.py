"""The 68 points are a face in iBUG's order."""

from __future__ import annotations

import numpy as np
import pytest

from offline.evaluate.landmarks68 import BROWS, EYES, JAW, MOUTH, NOSE, OUTER_EYE_CORNERS, POINTS, f_lmd
from runtime.contract.drive import coefficients
from runtime.contract.head_model import BROW, EYE_CORNERS, LIPS, MOUTH_CORNERS, OVAL, HeadModel

# iBUG's own table of mirrored points: jaw, brows, nose, eyes, mouth
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46,
    39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


def face() -> np.ndarray:
    """The 68 points of the average face, x to the picture's right, y up."""
    return HeadModel.load().mean[list(POINTS)]


def test_there_are_68_different_points_on_the_parts_that_they_name() -> None:
    assert len(set(POINTS)) == 68 == len(POINTS)
    assert [len(part) for part in (JAW, BROWS, NOSE, EYES, MOUTH)] == [17, 10, 9, 12, 20]
    assert set(JAW) <= set(OVAL) and set(MOUTH) <= set(LIPS)
    assert set(BROWS) <= {*BROW["left"], *BROW["right"]}


def test_the_halves_mirror_each_other_on_the_mesh() -> None:
    parted = HeadModel.load().vertices(expression=coefficients({"jawOpen": 0.6}))  # closed lips lie on each other
    mirror = np.linalg.norm((parted * [-1, 1, 1])[:, None] - parted[None], axis=-1).argmin(1)
    assert [POINTS[i] for i in MIRRORED] == [mirror[i] for i in POINTS]


def test_the_order_runs_as_in_ibug() -> None:
    points = face()
    x, y = points[:, 0], points[:, 1]
    assert (np.diff(x[0:17]) > 0).sum() >= 14 and y[0:17].argmin() == 8  # round the jaw, the chin in the middle
    assert (np.diff(x[17:27]) > 0).all() and (np.diff(y[27:31]) < 0).all() and (np.diff(x[31:36]) > 0).all()
    for eye in (36, 42):  # corner, two above, corner, two below, clockwise on the picture
        assert x[eye] < x[eye + 1] < x[eye + 2] < x[eye + 3] and x[eye + 5] < x[eye + 4]
        assert min(y[eye + 1 : eye + 3]) > max(y[eye + 4 : eye + 6])
    assert (np.diff(x[48:55]) > 0).all() and (np.diff(x[54:60]) < 0).all()
    assert (np.diff(x[60:65]) > 0).all() and (np.diff(x[64:68]) < 0).all()
    assert (POINTS[48], POINTS[54]) == MOUTH_CORNERS
    assert tuple(POINTS[i] for i in OUTER_EYE_CORNERS) == (EYE_CORNERS["right"][0], EYE_CORNERS["left"][0])


def test_f_lmd_is_the_mean_distance_in_pixels_and_relative_to_the_eyes() -> None:
    truth = np.zeros((478, 3))
    truth[POINTS[36], :2], truth[POINTS[45], :2] = (0.25, 0.5), (0.5, 0.5)  # 128 px apart at 512²
    moved = truth.copy()
    moved[list(POINTS[:34]), 1] += 8 / 512  # half of the points by 8 px
    assert f_lmd(moved, truth) == pytest.approx((4.0, 100 * 4 / 128))
