"""The chart of the face: head-space points by what a vertical axis behind the face sees of them.

A point has the chart coordinates ``u = x / (z + AXIS)``, ``y``, and the radius ``r = |(x, z + AXIS)|``. Unlike a view
from the front, the chart shows cheeks and temples as wide as they are. Its nodes are a grid over ``u`` and ``y``:
`COLUMNS` at even steps of u, and `ROWS` upwards along y, closer to each other where lids and lips are. The index of a
point, not whole, is its ``column`` and ``row``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AXIS = 1.0
"""dm behind the head's origin, at the back of the skull."""
NEAREST = 0.3
"""dm, least ``z + AXIS``: points behind it have no place in the chart and are taken for their nearest."""
COLUMNS, ROWS = 96, 128
U = (-0.95, 0.95)
Y = (-1.55, 1.05)
STEP_U = (U[1] - U[0]) / (COLUMNS - 1)
CLOSER = ((0.3, 0.14, 8.0), (-0.45, 0.2, 6.0))
"""Heights (dm) about which rows are closer, over how much, and how many rows more each way: of lids and lips."""


def column_of(x: Any, deep: Any) -> Any:
    """Column of points whose ``z + AXIS``, at least `NEAREST`, is `deep`; numpy arrays or tensors."""
    return (x / deep - U[0]) / STEP_U


def row_of(y: Any) -> Any:
    """Row of points at height y, dm; numpy arrays or tensors. Rows go on evenly beyond the chart's edges."""
    row = _STEP * (y - Y[0]) - _EDGE
    for middle, width, count in CLOSER:
        turn = (y - middle) / width
        row = row + count * turn / (1 + turn * turn) ** 0.5
    return row


def _extra(y: float) -> float:
    """What the closer rows add at height y."""
    turns = ((count, (y - middle) / width) for middle, width, count in CLOSER)
    return float(sum(count * turn / (1 + turn * turn) ** 0.5 for count, turn in turns))


_EDGE = _extra(Y[0])
_STEP = (ROWS - 1 - _extra(Y[1]) + _EDGE) / (Y[1] - Y[0])


def heights(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """The y of rows, dm: the inverse of `row_of`, within 0.001 dm."""
    fine = np.linspace(Y[0], Y[1], 40_001)
    return np.interp(rows, row_of(fine), fine)


HEIGHTS = heights(np.arange(ROWS, dtype=np.float64))
"""The rows' y, dm."""
