"""Least squares with bounds, small and dense."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 40
PATIENCE = 3
"""Rounds without progress after which variables change sides one by one."""
SLACK = 1e-9


def solve_bounded(
    normal: Floats, gradient: Floats, lower: Floats, upper: Floats, start: Floats | None = None
) -> Floats:
    """The x [n] in ``lower..upper`` that minimises ``½ xᵀ N x - gᵀ x``, N positive definite.

    Block principal pivoting: each variable is free or held at a side, and all those on the wrong side change at once;
    where that goes in circles, Murty's rule of one at a time takes over, which cannot (Kim & Park, Fast Nonnegative
    Matrix Factorization, 2011). Variables that `start` has at a side begin there. After `ROUNDS`, which is rare, the
    answer is in the box but may not be optimal.
    """
    fixed = lower >= upper
    side = np.where(fixed, -1, 0)
    if start is not None:
        side = np.where(start <= lower, -1, np.where(start >= upper, 1, 0))
    fewest, patience = len(gradient) + 1, PATIENCE
    for _ in range(ROUNDS):
        x = np.where(side < 0, lower, upper)
        free = np.flatnonzero(side == 0)
        x[free] = 0.0
        rows = normal[free]
        x[free] = np.linalg.solve(rows[:, free], gradient[free] - rows @ x)
        slope = normal @ x - gradient
        low, high = (side == 0) & (x < lower - SLACK), (side == 0) & (x > upper + SLACK)
        back = ~fixed & (((side < 0) & (slope < -SLACK)) | ((side > 0) & (slope > SLACK)))
        wrong = np.flatnonzero(low | high | back)
        if not len(wrong):
            break
        if len(wrong) < fewest:
            fewest, patience = len(wrong), PATIENCE
        elif patience:
            patience -= 1
        else:
            wrong = wrong[-1:]
        side[wrong] = np.where(back[wrong], 0, np.where(low[wrong], -1, 1))
    return np.clip(x, lower, upper)
