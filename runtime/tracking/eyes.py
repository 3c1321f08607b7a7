"""Eyes measured directly: how far each lid is down or up and where the irises point.

A linear model fitted to all landmarks at once blurs both, so they are read from the few landmarks that show them,
against the person's own open eye and resting gaze, which are learnt while tracking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.contract.drive import INDEX, gaze_coefficients
from runtime.contract.head_model import EYE_CORNERS, IRIS, LOWER_LID, UPPER_LID, Side

SIDES: tuple[Side, Side] = ("left", "right")
EYEBALL_RADIUS = 0.12
"""dm."""
CLOSED_SHARE = 0.38
"""MediaPipe's gap for a shut eye over that for an open one, before the person's own is known."""
CLOSED_SHARES = (0.15, 0.6)
"""Limits of that share, so that neither noise nor an eye that never shuts spoils it."""
LOOKING_DOWN_CLOSES = 0.3
"""Share of the open gap that the upper lid gives up when looking fully down."""
DEAD_ZONE = 0.08
"""Blink below which an eye counts as open, so that lid noise does not make it flutter."""
WIDE_FROM, WIDE_TO = 1.1, 1.45
"""Lid gap over the person's open level at which eyeWide begins and is full."""
RISE, FALL, DROP, GAZE_DRIFT = 0.4, 0.05, 8.0, 0.05
"""Rates, 1/s, at which the open level rises and falls, the closed level drops and the resting gaze drifts."""
ACQUAINTED = 3.0
"""Seconds over which levels are learnt quickly."""
HASTE = 8.0
"""How much quicker that is."""
TYPICAL_OPEN = (0.2, 0.45)
"""Lid gap over eye width that open eyes may have when they are seen for the first time."""
BLINKS: dict[Side, int] = {"left": INDEX["eyeBlinkLeft"], "right": INDEX["eyeBlinkRight"]}
WIDES: dict[Side, int] = {"left": INDEX["eyeWideLeft"], "right": INDEX["eyeWideRight"]}


@dataclass(frozen=True)
class Eyes:
    """What both eyes do."""

    blink: dict[Side, float]
    """0 open to 1 shut."""
    wide: dict[Side, float]
    """0 to 1 opened beyond the usual."""
    look: dict[str, float]
    """The eight eyeLook coefficients by name."""


class EyeReader:
    """One person's eyes over time."""

    def __init__(self) -> None:
        self._open: dict[Side, float] = {}
        self._closed: dict[Side, float] = {}
        self._rest = np.zeros(2)
        self._seconds = 0.0

    def read(self, head: NDArray[np.floating], elapsed: float) -> Eyes:
        """Eyes of landmarks [478, 3] in head space (dm), `elapsed` seconds after the last ones."""
        self._seconds += elapsed
        gaps = {side: lid_gap(head, side) for side in SIDES}
        if not self._open:
            self._open = {side: float(np.clip(gap, *TYPICAL_OPEN)) for side, gap in gaps.items()}
            self._closed = {side: CLOSED_SHARE * level for side, level in self._open.items()}
        gaze = self._gaze(head, gaps, elapsed)
        look = gaze_coefficients(*gaze)
        blink = {side: self._blink(side, gaps[side], look["eyeLookDownLeft"], elapsed) for side in SIDES}
        wide = {side: self._wide(side, gaps[side]) for side in SIDES}
        return Eyes(blink, wide, look)

    def _blink(self, side: Side, gap: float, down: float, elapsed: float) -> float:
        gap = gap / (1 - LOOKING_DOWN_CLOSES * down)
        level = self._open[side]
        new = self._seconds < ACQUAINTED
        haste = HASTE if new else 1.0
        if gap > level:
            self._open[side] += (gap - level) * min(1.0, haste * RISE * elapsed)
        elif gap > (0.45 if new else 0.7) * level:
            self._open[side] += (gap - level) * min(1.0, (2 * haste if new else 1.0) * FALL * elapsed)
        level = self._open[side]
        low, high = level * CLOSED_SHARES[0], level * CLOSED_SHARES[1]
        if gap < self._closed[side]:
            self._closed[side] += (gap - self._closed[side]) * min(1.0, DROP * elapsed)
        self._closed[side] = float(np.clip(self._closed[side], low, high))
        shut = (level - gap) / (level - self._closed[side])
        return float(np.clip((shut - DEAD_ZONE) / (1 - 2 * DEAD_ZONE), 0.0, 1.0))

    def _wide(self, side: Side, gap: float) -> float:
        return float(np.clip((gap / self._open[side] - WIDE_FROM) / (WIDE_TO - WIDE_FROM), 0.0, 1.0))

    def _gaze(self, head: NDArray[np.floating], gaps: dict[Side, float], elapsed: float) -> tuple[float, float]:
        """(yaw, pitch), radians; the eye that is open wider counts more."""
        weights = np.array([max(gaps[side], 1e-3) ** 2 for side in SIDES])
        offsets = np.array([_iris_offset(head, side) for side in SIDES])
        offset = weights @ offsets / weights.sum()
        if max(gaps[side] / self._open[side] for side in SIDES) > 0.7:
            rate = max(GAZE_DRIFT, 1.0 / (0.5 + self._seconds)) if self._seconds < 3.0 else GAZE_DRIFT
            self._rest += (offset - self._rest) * min(1.0, rate * elapsed)
        yaw, pitch = np.arcsin(np.clip((offset - self._rest) / EYEBALL_RADIUS, -0.9, 0.9))
        return float(yaw), float(-pitch)


def lid_gap(head: NDArray[np.floating], side: Side) -> float:
    """Gap between the lids over the eye's width, mean of the middle three pairs, of head-space landmarks [478, 3]."""
    upper, lower = list(UPPER_LID[side][2:5]), list(LOWER_LID[side][2:5])
    outer, inner = EYE_CORNERS[side]
    width = max(float(np.linalg.norm(head[outer] - head[inner])), 1e-3)
    return float((head[upper, 1] - head[lower, 1]).mean()) / width


def _iris_offset(head: NDArray[np.floating], side: Side) -> NDArray[np.floating]:
    """Iris centre from the middle of the eye's corners, (right, up) in dm."""
    return (head[IRIS[side][0]] - head[list(EYE_CORNERS[side])].mean(0))[:2]
