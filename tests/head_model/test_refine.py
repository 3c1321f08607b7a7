"""Corrections of the named axes keep what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from offline.head_model.refine import LENGTHENED, TURNED, meaning_kept, mirror_names, principal_axes
from runtime.contract.drive import EXPRESSIONS, INDEX


def test_small_corrections_are_kept_and_large_ones_cut() -> None:
    axes = np.zeros((3, 4, 3))
    axes[:, 0, 1] = 2.0
    offset = np.zeros_like(axes)
    offset[0, 0, 1], offset[0, 2, 0] = 0.4, 0.3
    offset[1, 0, 1] = -3.0
    offset[2, 1, 2] = 5.0
    kept = meaning_kept(axes, offset)
    np.testing.assert_allclose(kept[0], offset[0])
    assert kept[1, 0, 1] == pytest.approx(LENGTHENED[0] * 2)
    assert kept[2, 1, 2] == pytest.approx(TURNED * 2)
    after = (axes + kept).reshape(3, -1)
    cosine = (after * axes.reshape(3, -1)).sum(1) / np.linalg.norm(after, axis=1) / 2
    assert cosine.min() == pytest.approx(1 / np.sqrt(1 + TURNED**2))


def test_mirrored_names() -> None:
    names = mirror_names()
    assert names[INDEX["mouthSmileLeft"]] == INDEX["mouthSmileRight"] and names[INDEX["jawOpen"]] == INDEX["jawOpen"]
    assert (names[names] == np.arange(len(EXPRESSIONS))).all()


def test_principal_axes_have_one_standard_deviation() -> None:
    rng = np.random.default_rng(0)
    direction = np.array([[0.6, 0, 0.8]])
    found = principal_axes(3 * rng.normal(size=(4000, 1, 1)) * direction, 1)
    assert np.linalg.norm(found) == pytest.approx(3, rel=0.05)
    assert abs(found[0] @ direction[0]).item() == pytest.approx(3, rel=0.05)
