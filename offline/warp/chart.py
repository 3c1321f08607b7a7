"""The chart of the face: head-space points by what a vertical axis behind the face sees of them.

A point has the chart coordinates ``u = x / (z + AXIS)``, ``y``, and the radius ``r = |(x, z + AXIS)|``. Unlike a view
from the front, the chart shows cheeks and temples as wide as they are. Its nodes are a grid over ``u`` and ``y``:
`COLUMNS` along u, closer to each other between the outer corners of the eyes, and `ROWS` upwards along y, closer where
lids and lips are. The index of a point, not whole, is its ``column`` and ``row``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

AXIS = 1.0
"""dm behind the head's origin, at the back of the skull."""
NEAREST = 0.3
"""dm, least ``z + AXIS``: points behind it have no place in the chart and are taken for their nearest."""
COLUMNS, ROWS = 96, 128
U = (-1.5, 1.5)
Y = (-1.55, 1.05)

Crowd = tuple[float, float, float]
"""Where nodes are closer: about which coordinate, over how much, and how many nodes more each way."""
ALONG_U: Sequence[Crowd] = ((0.0, 0.3, 18.0),)
ALONG_Y: Sequence[Crowd] = ((0.3, 0.14, 8.0), (-0.45, 0.2, 6.0))
"""The lids and the lips."""


def column_of(x: Any, deep: Any) -> Any:
    """Column of points whose ``z + AXIS``, at least `NEAREST`, is `deep`; numpy arrays or tensors."""
    return _index(x / deep, U, COLUMNS, ALONG_U)


def row_of(y: Any) -> Any:
    """Row of points at height y, dm; numpy arrays or tensors. Rows go on evenly beyond the chart's edges."""
    return _index(y, Y, ROWS, ALONG_Y)


def heights(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """The y of rows, dm: the inverse of `row_of`, within 0.001 dm."""
    return _inverse(rows, Y, ROWS, ALONG_Y)


def crowded(place: Any, crowds: Sequence[Crowd]) -> Any:
    """How many nodes more there are up to a place than even steps have."""
    added = 0.0
    for middle, width, count in crowds:
        turn = (place - middle) / width
        added = added + count * turn / (1 + turn * turn) ** 0.5
    return added


def _index(place: Any, ends: tuple[float, float], count: int, crowds: Sequence[Crowd]) -> Any:
    low, high = (float(crowded(end, crowds)) for end in ends)
    step = (count - 1 - high + low) / (ends[1] - ends[0])
    return step * (place - ends[0]) + (crowded(place, crowds) - low)


def _inverse(
    index: NDArray[np.floating], ends: tuple[float, float], count: int, crowds: Sequence[Crowd]
) -> NDArray[np.float64]:
    fine = np.linspace(*ends, 40_001)
    return np.interp(index, _index(fine, ends, count, crowds), fine)


HEIGHTS = heights(np.arange(ROWS, dtype=np.float64))
"""The rows' y, dm."""
SIDES = _inverse(np.arange(COLUMNS, dtype=np.float64), U, COLUMNS, ALONG_U)
"""The columns' u."""
