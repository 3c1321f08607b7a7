"""Bundle adjustment: all frames of a video at once, with one identity.

The frame-by-frame fit knows the past alone and one guess of the person. Here every frame's pose and coefficients and
the identity minimise one sum of squares,

``Σ_t |ρ(landmarks_t)|² + |acceleration of the pose|² + |change of the coefficients|² + priors``,

by Gauss-Newton steps. Frames touch only their neighbours, so the normal equations are a band with a border for what
all frames share; a banded Cholesky factor and the Schur complement of the border solve them exactly (Triggs et al.,
Bundle Adjustment: A Modern Synthesis, 2000, section 6). Landmarks, accelerations and changes count through Cauchy's
robust weights: tremble is smoothed away while a quick turn or a word keeps its speed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from offline.track.performance import Performance
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import COEFFICIENTS, POSE, FaceFit, Solution, moved
from runtime.tracking.identity import REACH

ROUNDS = 3
SHARES = (1.0, 0.5, 0.25, 0.125)
"""Of a step, that are tried one after the other until the sum falls."""
STATE = POSE + COEFFICIENTS
OUTLIER = 4.0
"""Standard deviations from which a landmark counts ever less."""
TURN = 3.0
"""rad/s². Head accelerations below are smoothed, those beyond are believed."""
MOVE = 2.0
"""dm/s², likewise of the head's place."""
CHANGE = 1.5
"""1/s, likewise the speed of a coefficient."""
GAP = 0.2
"""Seconds between frames beyond which they are no neighbours."""
HELD = 1e12
"""Information that keeps a variable where it is."""


@dataclass(frozen=True)
class Refined:
    """What the adjustment found."""

    performance: Performance
    """The given one with better solutions and identity."""
    cost: list[float]
    """The sum before the first round and after each, falling; the robust terms count by Cauchy's loss."""


@dataclass(frozen=True)
class _Track:
    fit: Performance
    times: Floats
    segments: NDArray[np.integer]


def refine(fit: Performance, times: Floats, segments: NDArray[np.integer], progress: bool = False) -> Refined:
    """Adjusts all frames of a fit, seen at `times` [N] (seconds); nothing is smooth across `segments` [N].

    The face of ``fit.person`` gets the new identity. A coefficient that meets its limit stops there while the others
    step on as if it had not, so that a whole step may make things worse; then a part of it is taken.
    """
    face, track = fit.person.face, _Track(fit, times, segments)
    solutions, identity = list(fit.solutions), face.identity
    system = _Equations(face, track, solutions)
    costs = [system.cost]
    for _ in tqdm(range(ROUNDS), "refine", unit="round", disable=not progress):
        step, shared = system.solve()
        for share in SHARES:
            stepped = [
                _stepped(s, share * d, low, high)
                for s, d, low, high in zip(solutions, step, fit.lower, fit.upper, strict=True)
            ]
            face.set_identity(np.clip(identity + share * shared, -REACH, REACH))
            system = _Equations(face, track, stepped)
            if system.cost < costs[-1]:
                break
        else:
            break
        solutions, identity = stepped, face.identity
        costs.append(system.cost)
    face.set_identity(identity)
    return Refined(replace(fit, solutions=solutions, identity=identity), costs)


def _stepped(solution: Solution, step: Floats, lower: Floats, upper: Floats) -> Solution:
    after = moved(solution, step)
    return replace(after, coefficients=np.clip(after.coefficients, lower, upper))


class _Equations:
    """Normal equations of one round.

    `diagonal` [N, 66, 66] and `right` [N, 66] hold the frames, `near` and `far` [N, 66] what couples a variable with
    itself one and two frames on, `border` [N, 66, K], `corner` [K, K] and `below` [K] the identity, which all share.
    """

    def __init__(self, face: FaceFit, track: _Track, solutions: list[Solution]) -> None:
        n, shared = len(solutions), len(face.identity)
        self.diagonal, self.right = np.zeros((n, STATE, STATE)), np.zeros((n, STATE))
        self.near, self.far = np.zeros((n, STATE)), np.zeros((n, STATE))
        self.border = np.zeros((n, STATE, shared))
        self.corner, self.below = np.eye(shared), -face.identity
        self.cost = 0.5 * float(face.identity @ face.identity)
        self._add_landmarks(face, track, solutions)
        self._add_smoothness(track, solutions)
        self._hold_bounds(track, solutions)

    def _add_landmarks(self, face: FaceFit, track: _Track, solutions: list[Solution]) -> None:
        information, price = face.prior
        tail = np.arange(POSE, STATE)
        for t, (seen, solution) in enumerate(zip(track.fit.observations, solutions, strict=True)):
            residual, own, common = face.linearised(seen, solution)
            weight, loss = _landmark_weights(residual, face.landmarks)
            weighted = own * weight
            self.diagonal[t] = weighted @ own.T
            self.right[t] = weighted @ residual
            self.border[t] = weighted @ common.T
            self.corner += (common * weight) @ common.T
            self.below += (common * weight) @ residual
            self.diagonal[t, tail, tail] += information
            self.right[t, tail] -= information * solution.coefficients + price
            self.cost += loss + float(solution.coefficients @ (0.5 * information * solution.coefficients + price))

    def _add_smoothness(self, track: _Track, solutions: list[Solution]) -> None:
        rotations = Rotation.from_matrix([s.rotation for s in solutions])
        places = np.array([s.translation for s in solutions])
        coefficients = np.array([s.coefficients for s in solutions])
        elapsed = np.diff(track.times)
        joined = (elapsed < GAP) & (np.diff(track.segments) == 0)
        pace = np.where(joined, 1 / np.maximum(elapsed, 1e-3), 0.0)[:, None]
        turns = (rotations[1:] * rotations[:-1].inv()).as_rotvec()
        for part, speed, scale in (
            (slice(0, 3), turns * pace, TURN),
            (slice(3, 6), np.diff(places, axis=0) * pace, MOVE),
        ):
            self._add_accelerations(part, speed, pace, joined, scale)
        speed = np.diff(coefficients, axis=0) * pace
        weight = _cauchy(speed / CHANGE) / CHANGE**2 * pace**2
        pull = weight * np.diff(coefficients, axis=0)
        tail = np.arange(POSE, STATE)
        for ends, sign in ((slice(None, -1), 1), (slice(1, None), -1)):
            self.diagonal[ends, tail, tail] += weight
            self.right[ends, POSE:] += sign * pull
        self.near[:-1, POSE:] -= weight
        self.cost += float(0.5 * np.log1p((speed / CHANGE) ** 2).sum())

    def _add_accelerations(
        self, part: slice, speed: Floats, pace: Floats, joined: NDArray[np.bool_], scale: float
    ) -> None:
        """Terms ``|a_t / scale|²`` of ``a_t = (v_t - v_{t-1}) · 2 / (Δ_t + Δ_{t-1})`` for speeds v [N - 1, 3]."""
        both = (joined[1:] & joined[:-1])[:, None]
        before, after = pace[:-1], pace[1:]
        rate = np.where(both, 2 / (1 / np.maximum(before, 1e-6) + 1 / np.maximum(after, 1e-6)), 0.0)
        acceleration = (speed[1:] - speed[:-1]) * rate / scale
        weight = _cauchy(np.linalg.norm(acceleration, axis=1, keepdims=True))
        # The acceleration by the three states it joins: those before, at and after the middle frame.
        slopes = [before * rate / scale, -(before + after) * rate / scale, after * rate / scale]
        rows = np.arange(part.start, part.stop)
        count = len(acceleration)
        for i, slope in enumerate(slopes):
            self.diagonal[i : i + count, rows, rows] += weight * slope**2
            self.right[i : i + count, part] -= weight * slope * acceleration
        self.near[:count, part] += weight * slopes[0] * slopes[1]
        self.near[1 : count + 1, part] += weight * slopes[1] * slopes[2]
        self.far[:count, part] += weight * slopes[0] * slopes[2]
        self.cost += float(0.5 * np.log1p((acceleration**2).sum(1)).sum())

    def _hold_bounds(self, track: _Track, solutions: list[Solution]) -> None:
        """Coefficients that were measured, or lie at a limit beyond which they are drawn, stay."""
        coefficients = np.array([s.coefficients for s in solutions])
        drawn = self.right[:, POSE:]
        held = track.fit.lower >= track.fit.upper
        held |= (coefficients <= track.fit.lower + 1e-6) & (drawn < 0)
        held |= (coefficients >= track.fit.upper - 1e-6) & (drawn > 0)
        frames, which = np.nonzero(held)
        self.diagonal[frames, which + POSE, which + POSE] += HELD

    def solve(self) -> tuple[Floats, Floats]:
        """Steps of the frames [N, 66] and of the identity [K]."""
        n, shared = len(self.right), len(self.below)
        factor = cholesky_banded(
            _banded(self.diagonal, self.near, self.far), overwrite_ab=True, lower=True, check_finite=False
        )
        sides = np.concatenate([self.right[:, :, None], self.border], 2).reshape(n * STATE, shared + 1)
        solved = cho_solve_banded((factor, True), sides, overwrite_b=False, check_finite=False)
        border = self.border.reshape(n * STATE, shared)
        common = np.linalg.solve(self.corner - border.T @ solved[:, 1:], self.below - border.T @ solved[:, 0])
        return (solved[:, 0] - solved[:, 1:] @ common).reshape(n, STATE), common


def _banded(diagonal: Floats, near: Floats, far: Floats) -> Floats:
    """The lower band [2 · 66 + 1, N · 66] of the frames' matrix, as LAPACK stores it."""
    n, state, _ = diagonal.shape
    band = np.zeros((2 * state + 1, n, state))
    for below in range(state):
        column = np.arange(state - below)
        band[below, :, column] = diagonal[:, column + below, column].T
    band[state], band[2 * state] = near, far
    return band.reshape(2 * state + 1, n * state)


def _landmark_weights(residual: Floats, landmarks: int) -> tuple[Floats, float]:
    """Cauchy's weights for each row [R] by how far its landmark is off in the picture, and the loss they come from."""
    points = residual[: 3 * landmarks].reshape(3, -1)
    distance = np.linalg.norm(points[:2], axis=0) / OUTLIER
    weight = np.ones_like(residual)
    weight[: points.size] = np.tile(_cauchy(distance), 3)
    rest = np.concatenate([points[2] ** 2 * _cauchy(distance), residual[points.size :] ** 2])
    return weight, float(0.5 * OUTLIER**2 * np.log1p(distance**2).sum() + 0.5 * rest.sum())


def _cauchy(size: Floats) -> Floats:
    """Weight of a residual of `size` scales: 1 for none, ½ at one scale."""
    return np.asarray(1 / (1 + size**2))
