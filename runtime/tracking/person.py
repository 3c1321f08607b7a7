"""One person's fit over time: what the tracker carries from frame to frame."""

from __future__ import annotations

import numpy as np

from runtime.contract.drive import INDEX
from runtime.contract.head_model import HeadModel, mouth_opening
from runtime.tracking.eyes import BLINKS, WIDES, EyeReader
from runtime.tracking.fit import FaceFit, Observation, Solution
from runtime.tracking.reader import TONGUE, UNSEEN, CoefficientReader, Reading, Usual
from runtime.tracking.slide import Slide

FIRST_STEPS, STEPS = 12, 2
NEAREST, FARTHEST = 1.0, 60.0
"""dm; a head fitted outside is a wrong fit."""
JAW_AT_SHUT_LIPS, JAW_PER_GAP = 0.12, 5.0
"""How far jawOpen may go with the lips together, and how much farther per dm between them. Without a limit the fit
would open the jaw and shut the lips again by other axes, which another face may not undo as exactly."""
JAW = INDEX["jawOpen"]
TOLD = 0.1
"""Seconds, time constant in which the fit takes what the network reads, which now and then errs for a frame or two."""


class Person:
    """Follows one face: each fit starts from the last, with the eyes measured directly.

    With a `reader` it shows the tongue that this reads and cheeks puffed no less; between pictures that were looked at
    the last reading stands.
    """

    def __init__(self, model: HeadModel, slide: Slide | None = None, reader: CoefficientReader | None = None) -> None:
        self.face = FaceFit(model, slide or Slide.load())
        self._reader = reader
        self._usual = Usual()
        self._reading: Reading | None = None
        self._told = np.zeros(len(UNSEEN))
        self.eyes = EyeReader()
        self._solution: Solution | None = None
        self.visible = 1.0
        """How surely the last frame shows the mouth, 0..1; 1 without a reader."""
        self.limits = self.face.lower, self.face.upper
        """Least and greatest coefficients [60] of the last frame: what its lids, irises and lips leave open."""

    def follow(self, observation: Observation, elapsed: float) -> Solution | None:
        """The fit of one frame `elapsed` seconds after the last; None where no sensible head fits the landmarks."""
        face = self.face
        start = self._solution or face.start(observation)
        lower, upper = face.lower.copy(), face.upper.copy()
        if self._reader and observation.seen is not None:
            self._reading = self._reader.read(face, observation, self._usual)
        if self._reading:
            share = 1 - np.exp(-elapsed / TOLD) if self._solution else 1.0
            self._told += share * (self._reading.unseen() - self._told)
            lower[UNSEEN] = self._told
            upper[TONGUE] = lower[TONGUE]
            self.visible = self._reading.visible
        seen = face.in_head_space(observation, start)
        eyes = self.eyes.read(seen, elapsed)
        upper[JAW] = min(1.0, JAW_AT_SHUT_LIPS + JAW_PER_GAP * float(mouth_opening(seen)))
        for name, value in eyes.look.items():
            lower[INDEX[name]] = upper[INDEX[name]] = value
        for index, values in ((BLINKS, eyes.blink), (WIDES, eyes.wide)):
            for side, value in values.items():
                lower[index[side]] = upper[index[side]] = value
        self.limits = lower, upper
        solution = face.solve(observation, start, lower, upper, STEPS if self._solution else FIRST_STEPS)
        self._solution = solution if _sensible(solution) else None
        return self._solution

    def forget_frame(self) -> None:
        """Starts the next fit afresh, keeping what is known of the person; for a cut or a loss."""
        self._solution = self._reading = None


def _sensible(solution: Solution) -> bool:
    values = np.concatenate([solution.rotation.ravel(), solution.translation, solution.coefficients])
    return bool(np.isfinite(values).all() and NEAREST < -solution.translation[2] < FARTHEST)
