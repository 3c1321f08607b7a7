"""Curves run from 0 to 1, never back, and no steeper than the table says."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.driving.easing import EASINGS, STEEPEST, eased


@pytest.mark.parametrize("name", EASINGS)
def test_runs_from_nothing_to_all_without_turning_back(name: str) -> None:
    x = np.linspace(0, 1, 1001)
    y = EASINGS[name](x)
    assert y[0] == 0 and y[-1] == pytest.approx(1)
    slope = np.diff(y) / np.diff(x)
    assert slope.min() >= -1e-9
    assert slope.max() == pytest.approx(STEEPEST[name], rel=2e-3)


def test_clips_beyond_both_ends() -> None:
    assert eased("smooth", -3.0) == 0.0
    assert eased("smooth", 3.0) == 1.0
    assert eased("smooth", 0.25) == pytest.approx(0.15625)  # 3/16 - 2/64
