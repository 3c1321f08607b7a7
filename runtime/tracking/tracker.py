"""The live tracker: a camera frame in, a drive state out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array, quaternion_from_rotation
from runtime.contract.drive import EXPRESSIONS, INDEX, DriveState
from runtime.contract.head_model import HeadModel
from runtime.tracking.eyes import BLINKS, EyeReader
from runtime.tracking.fit import FaceFit, Observation, Solution
from runtime.tracking.identity import IdentityEstimator
from runtime.tracking.mesh import FaceMesh
from runtime.tracking.rest import RestPose

FOCAL = 1.2
"""Focal length over the picture's width that is assumed where none is known."""
LEARNING = 45
"""Frames of a new person that all count for their identity; afterwards every `REFINING`-th does."""
REFINING = 6
FORGET = 5.0
"""Seconds without a face after which whoever comes is taken for somebody else."""
FIRST_STEPS, STEPS = 12, 2
NEAREST, FARTHEST = 1.0, 60.0
"""dm; a head fitted outside is a wrong fit."""


@dataclass(frozen=True)
class TrackedFace:
    """What one camera frame says."""

    state: DriveState
    """Pose relative to the user's rest; expression, gaze and detail."""
    landmarks: Array
    """[478, 3]: u and v in 0..1 of the picture, z relative to its width."""
    seconds: dict[str, float]
    """How long ``detect`` and ``fit`` took."""


class FaceTracker:
    """Follows one user from camera frames. Not safe for several threads.

    `focal` is the focal length over the picture's width.
    """

    def __init__(self, model: HeadModel | None = None, focal: float | None = None) -> None:
        self._model = model or HeadModel.load()
        self._focal = focal or FOCAL
        self._mesh = FaceMesh()
        self.reset()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def reset(self) -> None:
        """Forgets the person: identity, open-eye level, pose at rest."""
        self._fitter = FaceFitter(self._model)
        self._mesh.reset()
        self._last: float | None = None

    def track(self, rgb: NDArray[np.uint8], timestamp: float) -> TrackedFace | None:
        """The face in a picture [H, W, 3] captured at `timestamp` (seconds, monotonic), or None where there is none.

        Raises ValueError where `rgb` is not such a picture or the timestamp is not finite.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"a picture must be uint8 [H, W, 3], got {rgb.dtype} {list(rgb.shape)}")
        if not np.isfinite(timestamp):
            raise ValueError("the timestamp is not finite")
        began = time.perf_counter()
        landmarks = self._mesh.detect(np.ascontiguousarray(rgb), timestamp)
        found = time.perf_counter()
        if landmarks is None:
            return None
        if self._last is not None and timestamp - self._last > FORGET:
            self._fitter = FaceFitter(self._model)
        self._last = timestamp
        state = self._fitter.fit(Observation.of(landmarks, rgb.shape[1], rgb.shape[0], self._focal), timestamp)
        if state is None:
            return None
        return TrackedFace(state, landmarks, {"detect": found - began, "fit": time.perf_counter() - found})

    def close(self) -> None:
        """Frees MediaPipe; the tracker cannot be used afterwards."""
        self._mesh.close()


class FaceFitter:
    """From one person's landmarks to drive states; holds what is learnt about the person."""

    def __init__(self, model: HeadModel) -> None:
        self.fit_of_face = FaceFit(model)
        self._identity = IdentityEstimator(len(model.identity))
        self._eyes = EyeReader()
        self._rest = RestPose()
        self._solution: Solution | None = None
        self._frames = 0
        self._last: float | None = None

    def fit(self, observation: Observation, timestamp: float) -> DriveState | None:
        """The drive state of one frame; None where no sensible head fits the landmarks."""
        elapsed = 0.0 if self._last is None else float(np.clip(timestamp - self._last, 0.0, 0.2))
        self._last = timestamp
        face = self.fit_of_face
        start = self._solution or face.start(observation)
        eyes = self._eyes.read(face.in_head_space(observation, start), elapsed)
        lower, upper = face.lower.copy(), face.upper.copy()
        for name, value in eyes.look.items():
            lower[INDEX[name]] = upper[INDEX[name]] = value
        for side, value in eyes.blink.items():
            lower[BLINKS[side]] = upper[BLINKS[side]] = value
        solution = face.solve(observation, start, lower, upper, STEPS if self._solution else FIRST_STEPS)
        if not _sensible(solution):
            self._solution = None
            return None
        self._solution = solution
        self._learn(observation, solution)
        rotation, translation = self._rest.relative(solution, elapsed)
        return DriveState(
            solution.coefficients[: len(EXPRESSIONS)].astype(np.float32),
            solution.coefficients[len(EXPRESSIONS) :].astype(np.float32),
            quaternion_from_rotation(rotation),
            translation.astype(np.float32),
            timestamp,
        )

    def _learn(self, observation: Observation, solution: Solution) -> None:
        self._frames += 1
        if self._frames > LEARNING and self._frames % REFINING:
            return
        self._identity.add(self.fit_of_face, observation, solution)
        self.fit_of_face.set_identity(self._identity.estimate())


def _sensible(solution: Solution) -> bool:
    values = np.concatenate([solution.rotation.ravel(), solution.translation, solution.coefficients])
    return bool(np.isfinite(values).all() and NEAREST < -solution.translation[2] < FARTHEST)
