"""Least squares with bounds, small and dense."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 8


def solve_bounded(normal: Floats, gradient: Floats, lower: Floats, upper: Floats) -> Floats:
    """The x [n] in ``lower..upper`` that minimises ``½ xᵀ N x - gᵀ x``, N positive definite.

    Active-set iteration: variables that leave the box are held at its side, held ones that would go back inside are let
    go. It ends at the optimum or, which is rare, after `ROUNDS` at a point in the box close to it.
    """
    x = np.zeros(len(gradient))
    held = lower >= upper
    x[held] = lower[held]
    for _ in range(ROUNDS):
        free = np.flatnonzero(~held)
        fixed = np.flatnonzero(held)
        rows = normal[free]
        x[free] = np.linalg.solve(rows[:, free], gradient[free] - rows[:, fixed] @ x[fixed])
        outside = (x < lower) | (x > upper)
        x = np.clip(x, lower, upper)
        slope = normal @ x - gradient
        inward = ((x <= lower) & (slope < 0)) | ((x >= upper) & (slope > 0))
        release = held & inward & (lower < upper)
        if not outside.any() and not release.any():
            break
        held = (held | outside) & ~release
    return x
