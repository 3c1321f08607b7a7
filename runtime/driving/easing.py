"""Curves from 0 to 1 over 0..1, and how steep each gets (what bounds the step between two frames)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def linear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Constant speed."""
    return x


def smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smoothstep: speed is 0 at both ends."""
    return x * x * (3 - 2 * x)


def smoother(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Perlin's quintic: speed and acceleration are 0 at both ends."""
    return x * x * x * (x * (6 * x - 15) + 10)


def accelerate(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slow start, fast end."""
    return x * x


def decelerate(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fast start, slow end."""
    return x * (2 - x)


EASINGS: dict[str, Curve] = {
    "linear": linear,
    "smooth": smooth,
    "smoother": smoother,
    "accelerate": accelerate,
    "decelerate": decelerate,
}

STEEPEST: dict[str, float] = {"linear": 1.0, "smooth": 1.5, "smoother": 1.875, "accelerate": 2.0, "decelerate": 2.0}
"""The largest slope of each curve; over a duration T its value changes by at most ``STEEPEST / T`` a second."""


def eased(name: str, x: float) -> float:
    """`x` clipped to 0..1 and put through the curve called `name`."""
    return float(EASINGS[name](np.array(min(max(x, 0.0), 1.0))))
