"""Bounded least squares, by hand and against scipy."""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from runtime.tracking.bounded import solve_bounded


def test_by_hand() -> None:
    # ½x² + ½y² - 2x + y: free minimum (2, -1), in the unit square (1, 0)
    solution = solve_bounded(np.eye(2), np.array([2.0, -1.0]), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(solution, [1, 0])


def test_a_held_variable_stays_and_the_others_make_up_for_it() -> None:
    normal = np.array([[2.0, 1.0], [1.0, 2.0]])
    solution = solve_bounded(normal, np.array([3.0, 3.0]), np.array([0.5, -10]), np.array([0.5, 10]))
    np.testing.assert_allclose(solution, [0.5, 1.25])


def test_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        matrix, target = rng.normal(size=(40, 12)), rng.normal(size=40) * 3
        lower, upper = np.zeros(12), rng.uniform(0.2, 1, 12)
        expected = lsq_linear(matrix, target, (lower, upper), method="bvls").x
        solution = solve_bounded(matrix.T @ matrix, matrix.T @ target, lower, upper)
        np.testing.assert_allclose(solution, expected, atol=1e-6)
