"""Fits one person's head to single pictures, which need not follow one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.contract.drive import EXPRESSIONS
from runtime.contract.head_model import HeadModel
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import FaceFit, Observation, Solution, landmark_weights
from runtime.tracking.identity import IdentityEstimator
from runtime.tracking.person import Person

ROUNDS = 3
"""Times that the identity is estimated and all pictures fitted anew."""
APART = 1.0
"""Seconds that two pictures are taken to lie apart, for the level of open eyes."""
POSE_STEPS = 8


@dataclass(frozen=True)
class Fitted:
    """Heads in N pictures of one person."""

    identity: Floats
    """[K], standard deviations."""
    solutions: list[Solution | None]
    """[N]; None where no head fits. Their detail is zero, so that the 52 coefficients say all that they can."""
    errors: list[float]
    """[N], mean distance of the landmarks from the fit, dm at the head; infinite where no head fits."""
    face: FaceFit

    @property
    def distance(self) -> float:
        """Median distance of the heads from their camera, dm. Raises ValueError where none fits."""
        if not any(self.solutions):
            raise ValueError("no head fits")
        return float(np.median([-s.translation[2] for s in self.solutions if s is not None]))

    def turned(self, observation: Observation, like: Solution) -> tuple[Solution, float]:
        """The pose under which another camera sees the expression of `like`, and the error as in `errors`."""
        start = self.face.start(observation)
        start = Solution(start.rotation, start.translation, like.coefficients)
        found = self.face.solve(observation, start, like.coefficients, like.coefficients, POSE_STEPS)
        return found, _error(self.face, observation, found)


def fit_pictures(observations: list[Observation], model: HeadModel) -> Fitted:
    """One identity for all pictures, and pose and expression of each."""
    person = Person(model)
    for limit in (person.face.lower, person.face.upper):
        limit[len(EXPRESSIONS) :] = 0
    for _ in range(ROUNDS):
        identity = IdentityEstimator(len(model.identity), memory=max(len(observations), 1))
        for observation in observations:
            person.forget_frame()
            solution = person.follow(observation, APART)
            if solution is not None:
                identity.add(person.face, observation, solution)
        person.face.set_identity(identity.estimate())
    solutions: list[Solution | None] = []
    for observation in observations:
        person.forget_frame()
        first = person.follow(observation, APART)
        solutions.append(first and person.follow(observation, 0.0))  # on from there: a grimace is far from rest
    errors = [
        np.inf if solution is None else _error(person.face, observation, solution)
        for observation, solution in zip(observations, solutions, strict=True)
    ]
    return Fitted(person.face.identity, solutions, errors, person.face)


def _error(face: FaceFit, observation: Observation, solution: Solution) -> float:
    chosen = landmark_weights()[0]
    placed = solution.place(face.shape(solution))[chosen]
    off = observation.points[chosen, :2] + placed[:, :2] / placed[:, 2:]
    return float(np.linalg.norm(off, axis=1).mean() * -solution.translation[2])
