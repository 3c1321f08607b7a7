"""The chart's coordinates, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from offline.warp.chart import COLUMNS, HEIGHTS, ROWS, U, Y, column_of, heights, row_of


def test_corners_of_the_chart_are_its_first_and_last_nodes() -> None:
    assert column_of(U[0] * 1.5, 1.5) == pytest.approx(0) and column_of(U[1] * 0.7, 0.7) == pytest.approx(COLUMNS - 1)
    assert row_of(Y[0]) == pytest.approx(0, abs=1e-9) and row_of(Y[1]) == pytest.approx(ROWS - 1)


def test_heights_are_the_rows_way_back() -> None:
    rows = np.linspace(0, ROWS - 1, 401)
    np.testing.assert_allclose(row_of(heights(rows)), rows, atol=0.01)


def test_rows_are_closest_where_lids_and_lips_are() -> None:
    steps = np.diff(HEIGHTS)
    assert (steps > 0).all()
    closest = HEIGHTS[steps.argsort()[:10]]
    assert (np.abs(closest - 0.3) < 0.15).all()
    assert steps[np.abs(HEIGHTS[:-1] + 0.45).argmin()] < 0.7 * steps[0]
