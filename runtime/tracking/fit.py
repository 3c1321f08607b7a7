"""Fits the head model to face landmarks: pose, expression and detail by bounded Gauss-Newton steps.

Landmarks are compared where the camera sees them, as tangents of the viewing angle times the head's distance, so that a
residual is in dm at the head. MediaPipe's own depth counts too, with less weight, for it is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.contract.drive import DETAIL, EXPRESSIONS
from runtime.contract.head_model import BROW, EYE_CORNERS, LIPS, LOWER_LID, NOSE, OVAL, UPPER_LID, HeadModel
from runtime.tracking.bounded import Floats, solve_bounded
from runtime.tracking.slide import Slide

POSE = 6
COEFFICIENTS = len(EXPRESSIONS) + DETAIL
CHEEKS = (50, 280, 205, 425, 207, 427, 187, 411, 117, 346, 119, 348, 36, 266, 101, 330, 147, 376, 213, 433)
CHIN_AND_FOREHEAD = (199, 200, 175, 201, 421, 208, 428, 151, 9, 8, 108, 337, 69, 299, 67, 297)
NOISE = 0.03
"""dm, standard deviation of a landmark, large enough to allow for neighbours erring together."""
DEPTH_WEIGHT = 0.3
OVAL_WEIGHT = 0.3
"""Weight of the face's outline, which slides over the skin as the head turns."""
EXPRESSION_SPREAD = 0.5
EXPRESSION_COST = 0.3
"""Prior on the named axes: a Gaussian and a small price that keeps those at rest that explain nothing."""
DETAIL_SPREAD = 1.0
HOLD = 6.0
"""Weight of the previous frame's coefficients, which quiets landmark noise."""


@dataclass(frozen=True)
class Observation:
    """Landmarks as rays: tangents to the right and up of the optical axis, and depth towards the camera."""

    points: Floats
    """[478, 3]; x and y are tangents, z is MediaPipe's relative depth on the same scale."""

    @classmethod
    def of(cls, landmarks: NDArray[np.floating], width: int, height: int, focal: float) -> Observation:
        """From landmarks [478, 3] (u, v in 0..1, z relative to the width) of a picture whose focal length is `focal` times
        its width."""
        scale = np.array([1.0, -height / width, -1.0]) / focal
        return cls((np.asarray(landmarks, np.float64) - [0.5, 0.5, 0.0]) * scale)


@dataclass(frozen=True)
class Solution:
    """A fitted face, relative to the camera: world axes of `runtime.contract.axes` with the camera at the origin."""

    rotation: Floats
    """[3, 3], head space to camera-centred world axes."""
    translation: Floats
    """[3], dm; z is negative, the distance in front of the camera."""
    coefficients: Floats
    """[60]: 52 expression coefficients, then 8 of detail."""

    def place(self, vertices: NDArray[np.floating]) -> Floats:
        """Head-space points [n, 3] to camera-centred world points."""
        return vertices @ self.rotation.T + self.translation


def landmark_weights() -> tuple[NDArray[np.intp], Floats]:
    """The landmarks that the fit looks at, [n], and how much each counts."""
    eyes = [v for side in EYE_CORNERS for v in (*EYE_CORNERS[side], *UPPER_LID[side], *LOWER_LID[side])]
    brows = [v for side in BROW for v in BROW[side]]
    weights = dict.fromkeys(OVAL, OVAL_WEIGHT) | dict.fromkeys((*eyes, *brows, *LIPS, *NOSE), 1.0)
    weights |= dict.fromkeys((*CHEEKS, *CHIN_AND_FOREHEAD), 0.6) | {152: 0.8}
    return np.array(list(weights), np.intp), np.array(list(weights.values()))


class FaceFit:
    """One person's fit; `neutral` is that person's face without expression."""

    def __init__(self, model: HeadModel, slide: Slide) -> None:
        self.model = model
        self.slide = slide
        self._subset, weights = landmark_weights()
        self._root = np.sqrt(weights)[:, None] * [1.0, 1.0, DEPTH_WEIGHT] / NOISE
        self._centre = weights / weights.sum()
        axes = np.concatenate([model.expression, model.detail])[:, self._subset]
        self._axes = axes.astype(np.float64)
        everything = np.concatenate([model.expression, model.detail])
        self._all_axes = everything.reshape(len(everything), -1)
        self._identity_axes = model.identity[:, self._subset].astype(np.float64)
        spread = np.repeat([EXPRESSION_SPREAD, DETAIL_SPREAD], [len(EXPRESSIONS), DETAIL])
        self._prior = 1 / spread**2
        self._cost = np.repeat([EXPRESSION_COST, 0.0], [len(EXPRESSIONS), DETAIL])
        self.lower = np.repeat([0.0, -3.0], [len(EXPRESSIONS), DETAIL])
        self.upper = np.repeat([1.0, 3.0], [len(EXPRESSIONS), DETAIL])
        self.set_identity(np.zeros(len(model.identity)))

    def set_identity(self, identity: Floats) -> None:
        """Takes another person's coefficients [K]."""
        self.identity = identity
        self.neutral = self.model.vertices(identity).astype(np.float64)

    def start(self, observation: Observation) -> Solution:
        """A first pose by aligning the neutral face to the landmarks as if seen from far away."""
        model = self.neutral[self._subset]
        seen = observation.points[self._subset]
        weights = self._centre[:, None]
        model_mean, seen_mean = (weights * model).sum(0), (weights * seen).sum(0)
        model, seen = model - model_mean, seen - seen_mean
        u, singular, vt = np.linalg.svd((weights * seen).T @ model)
        turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation = u @ turn @ vt
        distance = float((weights * model**2).sum() / (singular * turn.diagonal()).sum())
        place = np.array([seen_mean[0] * distance, seen_mean[1] * distance, -distance]) - rotation @ model_mean
        return Solution(rotation, place, np.zeros(COEFFICIENTS))

    def solve(
        self, observation: Observation, start: Solution, lower: Floats, upper: Floats, steps: int = 2, hold: float = HOLD
    ) -> Solution:
        """`start` improved by `steps` Gauss-Newton steps with coefficients [60] kept in ``lower..upper``."""
        solution = start
        for _ in range(steps):
            jacobian, residual = self._linearised(observation, solution, self._axes)
            normal, gradient = jacobian @ jacobian.T, jacobian @ residual
            current = solution.coefficients
            diagonal = np.concatenate([np.full(POSE, 1e-6), self._prior + hold])
            normal[np.diag_indices_from(normal)] += diagonal
            gradient[POSE:] += hold * (start.coefficients - current) - self._prior * current - self._cost
            unbounded = np.full(POSE, np.inf)
            step = solve_bounded(
                normal,
                gradient,
                np.concatenate([-unbounded, lower - current]),
                np.concatenate([unbounded, upper - current]),
            )
            solution = _moved(solution, step)
        return solution

    def identity_information(self, observation: Observation, solution: Solution) -> tuple[Floats, Floats]:
        """What one frame says of the identity: normal matrix [K, K] and right side [K] for the coefficients themselves.

        Pose and coefficients are eliminated (Schur complement), so that what they can explain does not count.
        """
        jacobian, residual = self._linearised(observation, solution, self._axes)
        identity, _ = self._linearised(observation, solution, self._identity_axes)
        identity = identity[POSE:]
        coefficients = solution.coefficients
        moving = (coefficients > self.lower + 1e-3) & (coefficients < self.upper - 1e-3)
        used = np.concatenate([np.ones(POSE, bool), moving])
        jacobian = jacobian[used]
        normal = jacobian @ jacobian.T + np.diag(np.concatenate([np.full(POSE, 1e-6), self._prior[moving]]))
        gradient = jacobian @ residual
        gradient[POSE:] -= (self._prior * coefficients + self._cost)[moving]
        cross = identity @ jacobian.T
        back = np.linalg.solve(normal, np.column_stack([cross.T, gradient]))
        information = identity @ identity.T - cross @ back[:, :-1]
        return information, identity @ residual - cross @ back[:, -1] + information @ self.identity

    def in_head_space(self, observation: Observation, solution: Solution) -> Floats:
        """The seen landmarks [478, 3] in head space, dm, each at the depth where the fitted model has it."""
        depth = -solution.place(self.shape(solution))[:, 2:]
        seen = np.concatenate([observation.points[:, :2] * depth, -depth], 1)
        return (seen - solution.translation) @ solution.rotation

    def shape(self, solution: Solution) -> Floats:
        """The fitted vertices [478, 3] in head space, dm, where the landmarks show them: the slide included."""
        offset = solution.coefficients.astype(np.float32) @ self._all_axes
        return self.neutral + offset.reshape(self.neutral.shape) + self.slide.at(solution.rotation)

    def _linearised(self, observation: Observation, solution: Solution, axes: Floats) -> tuple[Floats, Floats]:
        """Weighted Jacobian [6 + C, 3 n] of what the camera should see, and the residual [3 n]."""
        shape = self.shape(solution)[self._subset]
        turned = shape @ solution.rotation.T
        placed = turned + solution.translation
        depth = -placed[:, 2]
        tangents = placed[:, :2] / depth[:, None]
        distance = -solution.translation[2]
        seen = observation.points[self._subset]
        residual = np.empty((len(seen), 3))
        residual[:, :2] = distance * (seen[:, :2] - tangents)
        deep = distance * seen[:, 2] - placed[:, 2]
        residual[:, 2] = deep - self._centre @ deep
        moves = np.concatenate([_turns(turned), _shifts(len(seen)), axes @ solution.rotation.T])
        jacobian = np.empty_like(moves)
        jacobian[..., :2] = (moves[..., :2] + tangents * moves[..., 2:]) * (distance / depth)[:, None]
        jacobian[..., 2] = moves[..., 2] - (moves[..., 2] @ self._centre)[:, None]
        return (jacobian * self._root).reshape(len(moves), -1), (residual * self._root).ravel()


def _turns(points: Floats) -> Floats:
    """How points [n, 3] move under small rotations about x, y and z: [3, n, 3]."""
    return np.cross(np.eye(3)[:, None], points)


def _shifts(count: int) -> Floats:
    return np.broadcast_to(np.eye(3)[:, None], (3, count, 3))


def _moved(solution: Solution, step: Floats) -> Solution:
    angle = float(np.linalg.norm(step[:3]))
    axis = step[:3] / max(angle, 1e-12)
    cross = np.cross(np.eye(3), axis)
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return Solution(
        rotation @ solution.rotation, solution.translation + step[3:POSE], solution.coefficients + step[POSE:]
    )
