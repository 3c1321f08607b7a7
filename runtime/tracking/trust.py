"""Whether a frame's fit can be believed, and what is shown while it cannot: a face that eases to rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import angles_from_rotation
from runtime.contract.drive import EXPRESSIONS
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import COEFFICIENTS, Solution

PROFILE = np.radians(52.0)
"""Yaw beyond which half of the face is the detector's guess."""
SLIPPED = 4.0
"""Misfit (`FaceFit.misfit`) beyond which landmarks are no face's."""
HIDDEN, SHOWN = 0.25, 0.5
"""How visible the mouth is when it counts as hidden, and when as shown again."""
FADE, RETURN = 0.15, 0.3
"""Seconds: time constant of the way to rest, and length of the way back."""
OF_THE_MOUTH = np.array(
    [not name.startswith(("eye", "brow")) for name in EXPRESSIONS] + [True] * (COEFFICIENTS - len(EXPRESSIONS))
)
"""[60], what a hand before the mouth hides; the detail axes are mostly the mouth's."""


class Trust:
    """One face's coefficients over time, as far as they can be believed."""

    def __init__(self) -> None:
        self._shown = np.zeros(COEFFICIENTS)
        self._distance = np.zeros(COEFFICIENTS)
        self._hidden = False

    def eased(self, solution: Solution, misfit: float, visible: float, elapsed: float) -> Floats:
        """The coefficients [60] to show, `elapsed` seconds after the last: those of the solution where they are
        believed; else on their way to rest.

        `misfit` is how badly the landmarks fit, `visible` how surely the mouth can be seen, 0..1.
        """
        self._hidden = visible < (SHOWN if self._hidden else HIDDEN)
        slipped = misfit > SLIPPED or abs(angles_from_rotation(solution.rotation)[0]) > PROFILE
        doubted: NDArray[np.bool_] = np.full(COEFFICIENTS, slipped) | (self._hidden & OF_THE_MOUTH)
        self._distance = np.where(doubted, 1.0, np.maximum(self._distance - elapsed / RETURN, 0.0))
        target = np.where(doubted, 0.0, solution.coefficients)
        share = np.where(doubted, 1 - np.exp(-elapsed / FADE), 1 - self._distance)
        self._shown = self._shown + share * (target - self._shown)
        return self._shown
