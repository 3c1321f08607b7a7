"""The person's identity, estimated while they move."""

from __future__ import annotations

import numpy as np

from runtime.tracking.bounded import Floats
from runtime.tracking.fit import FaceFit, Observation, Solution

MEMORY = 60.0
"""Frames' worth of evidence that is kept; neighbouring frames say the same, so more would be overconfident."""
REACH = 3.0
"""Limit of each coefficient, in standard deviations."""


class IdentityEstimator:
    """Accumulates what frames say of the identity and solves for it with its Gaussian prior."""

    def __init__(self, axes: int, memory: float = MEMORY) -> None:
        self._information = np.zeros((axes, axes))
        self._gradient = np.zeros(axes)
        self._memory = memory
        self.frames = 0

    def add(self, fit: FaceFit, observation: Observation, solution: Solution) -> None:
        """Counts one fitted frame."""
        information, gradient = fit.identity_information(observation, solution)
        keep = 1 - 1 / self._memory
        self._information = keep * self._information + information
        self._gradient = keep * self._gradient + gradient
        self.frames += 1

    def estimate(self) -> Floats:
        """Identity coefficients [K]."""
        solved = np.linalg.solve(self._information + np.eye(len(self._gradient)), self._gradient)
        return np.clip(solved, -REACH, REACH)
