"""Fits the head model to face landmarks: pose, expression and detail by bounded Gauss-Newton steps.

Landmarks are compared where the camera sees them, as tangents of the viewing angle times the head's distance, so that a
residual is in dm at the head. MediaPipe's own depth counts too, with less weight, for it is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.contract.drive import DETAIL, EXPRESSIONS
from runtime.contract.head_model import (
    BROW,
    EYE_CORNERS,
    LIPS,
    LOWER_LID,
    LOWER_LIP_INNER,
    NOSE,
    OVAL,
    UPPER_LID,
    UPPER_LIP_INNER,
    HeadModel,
)
from runtime.tracking.bounded import Floats, solve_bounded
from runtime.tracking.slide import Slide

POSE = 6
COEFFICIENTS = len(EXPRESSIONS) + DETAIL
CHEEKS = (50, 280, 205, 425, 207, 427, 187, 411, 117, 346, 119, 348, 36, 266, 101, 330, 147, 376, 213, 433)
CHIN_AND_FOREHEAD = (199, 200, 175, 201, 421, 208, 428, 151, 9, 8, 108, 337, 69, 299, 67, 297)
NOISE = 0.015
"""dm, standard deviation of a landmark, large enough to allow for neighbours erring together."""
DEPTH_WEIGHT = 0.3
OVAL_WEIGHT = 0.3
"""Weight of the face's outline, which slides over the skin as the head turns."""
LIP_GAP_WEIGHT = 4.0
"""Weight of the gap between the lips: a millimetre there is the difference between a shut mouth and speech."""
EXPRESSION_SPREAD = 0.5
SPREADS = {
    "jawOpen": 1.0, "mouthPucker": 0.8, "mouthFunnel": 0.6, "mouthSmileLeft": 0.8, "mouthSmileRight": 0.8,
    "tongueOut": 0.15, "jawForward": 0.25, "jawLeft": 0.3, "jawRight": 0.3, "cheekPuff": 0.25,
    "mouthPressLeft": 0.3, "mouthPressRight": 0.3, "mouthRollLower": 0.35, "mouthRollUpper": 0.35,
    "mouthLowerDownLeft": 0.25, "mouthLowerDownRight": 0.25, "mouthUpperUpLeft": 0.35, "mouthUpperUpRight": 0.35,
    "noseSneerLeft": 0.35, "noseSneerRight": 0.35, "mouthDimpleLeft": 0.3, "mouthDimpleRight": 0.3,
}  # fmt: skip
STABLE = (
    *EYE_CORNERS["right"], *EYE_CORNERS["left"], 168, 6, 197, 195, 5, 10, 151, 338, 109, 67, 297, 103, 332, 54, 284,
    21, 251, 162, 389, 127, 356, 234, 454, 93, 323, 94, 2,
)  # fmt: skip
"""Landmarks that expressions move least."""
POSE_STEPS = 3
EXPRESSION_COST = 0.3
"""Prior on the named axes: a Gaussian, wider for what faces do often, and a small price that keeps at rest those that
explain nothing."""
DETAIL_SPREAD = 1.0
HOLD = 75.0
"""Weight of the previous frame's coefficients, which quiets landmark noise."""


@dataclass(frozen=True)
class Observation:
    """Landmarks as rays: tangents to the right and up of the optical axis, and depth towards the camera."""

    points: Floats
    """[478, 3]; x and y are tangents, z is MediaPipe's relative depth on the same scale."""
    seen: Array | None = None
    """What `CoefficientReader.look` made of the picture; None where there is none."""

    @classmethod
    def of(
        cls, landmarks: NDArray[np.floating], width: int, height: int, focal: float, seen: Array | None = None
    ) -> Observation:
        """From landmarks [478, 3] (u, v in 0..1, z relative to the width) of a picture whose focal length is `focal`
        times its width."""
        scale = np.array([1.0, -height / width, -1.0]) / focal
        return cls((np.asarray(landmarks, np.float64) - [0.5, 0.5, 0.0]) * scale, seen)


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
        self._root = np.outer([1.0, 1.0, DEPTH_WEIGHT], np.sqrt(weights)) / NOISE
        self._centre = weights / weights.sum()
        place = {vertex: i for i, vertex in enumerate(self._subset.tolist())}
        self._upper_lip = [place[v] for v in UPPER_LIP_INNER[2:7]]
        self._lower_lip = [place[v] for v in LOWER_LIP_INNER[2:7]]
        axes = np.concatenate([model.expression, model.detail])
        self._flat_axes = axes.reshape(len(axes), -1)
        self._axes = self._coordinates_first(axes)
        self._identity_axes = self._coordinates_first(model.identity)
        spread = np.array([SPREADS.get(name, EXPRESSION_SPREAD) for name in EXPRESSIONS] + [DETAIL_SPREAD] * DETAIL)
        self._prior = 1 / spread**2
        self._cost = np.repeat([EXPRESSION_COST, 0.0], [len(EXPRESSIONS), DETAIL])
        self._no_axes = np.empty((3, 0, len(self._subset)))
        stable = np.isin(self._subset, STABLE)
        self._stable = np.concatenate([np.tile(stable, 3), np.zeros(len(self._upper_lip), bool)])
        self._stable_centre = stable / stable.sum()
        self.lower = np.repeat([0.0, -3.0], [len(EXPRESSIONS), DETAIL])
        self.upper = np.repeat([1.0, 3.0], [len(EXPRESSIONS), DETAIL])
        self.set_identity(np.zeros(len(model.identity)))

    def set_identity(self, identity: Floats) -> None:
        """Takes another person's coefficients [K]."""
        self.identity = identity
        self.neutral = self.model.vertices(identity).astype(np.float64)

    def start(self, observation: Observation) -> Solution:
        """A first pose by aligning the neutral face to the landmarks as if seen from far away."""
        return self._aligned(observation, self._centre)

    def posed(self, observation: Observation) -> Solution:
        """The neutral face in the pose that the landmarks show which expressions move least; it depends on nothing
        that was seen before."""
        solution = self._aligned(observation, self._stable_centre)
        for _ in range(POSE_STEPS):
            jacobian, residual = self._linearised(observation, solution, self._no_axes)
            jacobian, residual = jacobian[:, self._stable], residual[self._stable]
            step = np.linalg.solve(jacobian @ jacobian.T + 1e-6 * np.eye(POSE), jacobian @ residual)
            solution = moved(solution, np.concatenate([step, np.zeros(COEFFICIENTS)]))
        return solution

    def left(self, observation: Observation, solution: Solution, landmarks: NDArray[np.intp]) -> Floats:
        """How far some of the landmarks [n, 3] are from the fitted face, along the head's axes, dm. Depth is
        MediaPipe's, less the mean difference."""
        placed = solution.place(self.shape(solution)[landmarks])
        depth, distance = -placed[:, 2:], -solution.translation[2]
        seen = observation.points[landmarks]
        away = np.empty_like(placed)
        away[:, :2] = distance * (seen[:, :2] - placed[:, :2] / depth)
        deep = distance * seen[:, 2] - placed[:, 2]
        away[:, 2] = deep - deep.mean()
        return away @ solution.rotation

    def misfit(self, observation: Observation, solution: Solution) -> float:
        """How far the landmarks are from the fitted face in the picture, root mean square in standard deviations."""
        placed = solution.place(self.shape(solution)[self._subset]).T
        residual = self._weighted(self._off(observation, placed, -solution.translation[2]))[0]
        return float(np.sqrt(2 * np.square(residual[: 2 * self.landmarks]).mean()))

    def _aligned(self, observation: Observation, weights: Floats) -> Solution:
        model, seen = self.neutral[self._subset], observation.points[self._subset]
        rotation, scale, shift = similarity(model, seen, weights)
        # Depth is relative: the head's middle is one unit away.
        place = (shift - [0.0, 0.0, weights @ seen[:, 2] + 1.0]) / scale
        return Solution(rotation, place, np.zeros(COEFFICIENTS))

    def solve(
        self,
        observation: Observation,
        start: Solution,
        lower: Floats,
        upper: Floats,
        steps: int = 2,
        hold: float = HOLD,
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
                np.zeros(len(gradient)),
            )
            solution = moved(solution, step)
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

    def linearised(self, observation: Observation, solution: Solution) -> tuple[Floats, Floats, Floats]:
        """One frame's part of a fit to many frames.

        Weighted residual [R] of what the camera sees, and its Jacobians (of the model, so that a step δ leaves
        ``residual - Jᵀδ``) by pose and coefficients [66, R], and by identity [K, R]. The first 3 n rows are x, y, z of
        the landmarks of `landmark_weights`, in standard deviations.
        """
        own, residual = self._linearised(observation, solution, self._axes)
        identity, _ = self._linearised(observation, solution, self._identity_axes)
        return residual, own, identity[POSE:]

    @property
    def landmarks(self) -> int:
        """How many landmarks the fit looks at, n."""
        return len(self._subset)

    @property
    def prior(self) -> tuple[Floats, Floats]:
        """Of the coefficients [60]: the information (inverse variances) and the constant cost of their Gaussian."""
        return self._prior, self._cost

    def in_head_space(self, observation: Observation, solution: Solution) -> Floats:
        """The seen landmarks [478, 3] in head space, dm, each at the depth where the fitted model has it."""
        depth = -solution.place(self.shape(solution))[:, 2:]
        seen = np.concatenate([observation.points[:, :2] * depth, -depth], 1)
        return (seen - solution.translation) @ solution.rotation

    def shape(self, solution: Solution) -> Floats:
        """The fitted vertices [478, 3] in head space, dm, where the landmarks show them: the slide included."""
        offset = solution.coefficients.astype(np.float32) @ self._flat_axes
        return self.neutral + offset.reshape(self.neutral.shape) + self.slide.at(solution.rotation)

    def _coordinates_first(self, axes: NDArray[np.floating]) -> Floats:
        """The chosen landmarks' part of axes [C, 478, 3] as [3, C, n]."""
        return np.ascontiguousarray(axes[:, self._subset].transpose(2, 0, 1), np.float64)

    def _linearised(self, observation: Observation, solution: Solution, axes: Floats) -> tuple[Floats, Floats]:
        """Weighted Jacobian [6 + C, 3 n + 5] of what the camera should see, and the residual [3 n + 5]."""
        turned = solution.rotation @ self.shape(solution)[self._subset].T
        placed = turned + solution.translation[:, None]
        depth, distance = -placed[2], -solution.translation[2]
        tangents = placed[:2] / depth
        moves = np.concatenate([_pose_moves(turned), np.tensordot(solution.rotation, axes, 1)], 1)
        jacobian = np.empty((moves.shape[1], 3, len(depth)))
        scale = distance / depth
        for i in range(2):
            jacobian[:, i] = moves[i] * scale + moves[2] * (tangents[i] * scale)
        jacobian[:, 2] = moves[2] - (moves[2] @ self._centre)[:, None]
        return self._weighted(jacobian), self._weighted(self._off(observation, placed, distance))[0]

    def _off(self, observation: Observation, placed: Floats, distance: float) -> Floats:
        """How far the landmarks are from where they should be seen, for a face `placed` [3, n]: [1, 3, n]."""
        seen = observation.points[self._subset].T
        residual = np.empty((1, 3, placed.shape[1]))
        residual[0, :2] = distance * (seen[:2] + placed[:2] / placed[2])
        deep = distance * seen[2] - placed[2]
        residual[0, 2] = deep - self._centre @ deep
        return residual

    def _weighted(self, rows: Floats) -> Floats:
        """[C, 3, n] to [C, 3 n + 5]: landmarks by their weights, then the heights of the gap between the lips."""
        gap = (rows[:, 1, self._upper_lip] - rows[:, 1, self._lower_lip]) * (LIP_GAP_WEIGHT / NOISE)
        return np.concatenate([(rows * self._root).reshape(len(rows), -1), gap], 1)


def _pose_moves(points: Floats) -> Floats:
    """How points [3, n] move under small rotations about x, y and z, then under shifts along them: [3, 6, n]."""
    x, y, z = points
    moves = np.zeros((3, POSE, points.shape[1]))
    moves[1, 0], moves[2, 0] = -z, y
    moves[0, 1], moves[2, 1] = z, -x
    moves[0, 2], moves[1, 2] = -y, x
    for axis in range(3):
        moves[axis, 3 + axis] = 1
    return moves


def moved(solution: Solution, step: Floats) -> Solution:
    """`solution` after a step [66]: a small rotation about camera-centred axes, a shift, a change of coefficients."""
    angle = float(np.linalg.norm(step[:3]))
    axis = step[:3] / max(angle, 1e-12)
    cross = np.cross(np.eye(3), axis)
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return Solution(
        rotation @ solution.rotation, solution.translation + step[3:POSE], solution.coefficients + step[POSE:]
    )


def similarity(model: Floats, seen: Floats, weights: Floats) -> tuple[Floats, float, Floats]:
    """Rotation [3, 3], scale and shift [3] that take `model` [n, 3] nearest to `seen` [n, 3]: scale · R m + shift.

    `weights` [n] sum to 1 (Umeyama, Least-squares estimation of transformation parameters, 1991, with the scale of the
    way back, from `seen` to `model`).
    """
    weights = weights[:, None]
    model_mean, seen_mean = (weights * model).sum(0), (weights * seen).sum(0)
    model, seen = model - model_mean, seen - seen_mean
    u, singular, vt = np.linalg.svd((weights * seen).T @ model)
    turn = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * turn) @ vt
    scale = float((singular * turn).sum() / (weights * model**2).sum())
    return rotation, scale, seen_mean - scale * rotation @ model_mean
