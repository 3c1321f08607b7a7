"""The live tracker: a camera frame in, a drive state out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array, quaternion_from_rotation
from runtime.contract.drive import EXPRESSIONS, DriveState
from runtime.contract.head_model import HeadModel
from runtime.tracking.fit import Observation, Solution
from runtime.tracking.identity import IdentityEstimator
from runtime.tracking.mesh import FaceMesh
from runtime.tracking.person import Person
from runtime.tracking.reader import CoefficientReader
from runtime.tracking.rest import RestPose
from runtime.tracking.trust import Trust

FOCAL = 1.2
"""Focal length over the picture's width that is assumed where none is known."""
LEARNING = 45
"""Frames of a new person that all count for their identity; afterwards every `REFINING`-th does."""
REFINING = 6
INTRODUCTION = 4
"""Times that the first frame is fitted anew with the identity learnt from it, so that it does not start as a
grimace."""
FORGET = 5.0
"""Seconds without a face after which whoever comes is taken for somebody else."""
LOOK_EVERY = 2
"""The network looks at one frame of so many."""
GAP = 0.5
"""Seconds without a face after which the next fit starts afresh."""


@dataclass(frozen=True)
class TrackedFace:
    """What one camera frame says."""

    state: DriveState
    """Pose relative to the user's rest; expression, gaze and detail."""
    landmarks: Array
    """[478, 3]: u and v in 0..1 of the picture, z relative to its width."""
    seconds: dict[str, float]
    """How long ``detect`` and ``fit`` took."""
    person: int = 0
    """Another number than before where somebody else is in the picture."""


class FaceTracker:
    """Follows one user from camera frames. Not safe for several threads.

    `focal` is the focal length over the picture's width.
    """

    def __init__(self, model: HeadModel | None = None, focal: float | None = None) -> None:
        self._model = model or HeadModel.load()
        self._focal = focal or FOCAL
        self._mesh = FaceMesh()
        self._reader = CoefficientReader.load()
        self._fitter = FaceFitter(self._model, self._reader)
        self._last: float | None = None
        self._person = 0
        self._changes = 0
        self._frames = 0

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        """Forgets the person: identity, open-eye level, pose at rest."""
        self._meet()
        self._mesh.reset()
        self._last = None

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
        away = self._last is not None and timestamp - self._last > FORGET
        if away or self._mesh.changes != self._changes:
            self._meet()
        self._last = timestamp
        seen = None if self._frames % LOOK_EVERY else self._reader.look(rgb, landmarks)
        self._frames += 1
        state = self._fitter.fit(Observation.of(landmarks, rgb.shape[1], rgb.shape[0], self._focal, seen), timestamp)
        if state is None:
            return None
        seconds = {"detect": found - began, "fit": time.perf_counter() - found}
        return TrackedFace(state, landmarks, seconds, self._person)

    def _meet(self) -> None:
        """Takes whoever comes for somebody new."""
        self._fitter = FaceFitter(self._model, self._reader)
        self._person += 1
        self._changes = self._mesh.changes
        self._frames = 0

    def close(self) -> None:
        """Frees MediaPipe; the tracker cannot be used afterwards."""
        self._mesh.close()


class FaceFitter:
    """From one person's landmarks to drive states, learning identity and rest on the way."""

    def __init__(self, model: HeadModel, reader: CoefficientReader | None = None) -> None:
        self._person = Person(model, reader=reader)
        self._trust = Trust()
        self._identity = IdentityEstimator(len(model.identity))
        self._rest = RestPose()
        self._frames = 0
        self._last: float | None = None

    def fit(self, observation: Observation, timestamp: float) -> DriveState | None:
        """The drive state of one frame; None where no sensible head fits the landmarks."""
        elapsed = 0.0 if self._last is None else timestamp - self._last
        self._last = timestamp
        if not 0.0 <= elapsed < GAP:
            self._person.forget_frame()
        elapsed = float(np.clip(elapsed, 0.0, GAP))
        solution = self._person.follow(observation, elapsed)
        if solution is None:
            return None
        for _ in range(0 if self._frames else INTRODUCTION):
            self._learn(observation, solution)
            solution = self._person.follow(observation, 0.0) or solution
        self._learn(observation, solution)
        misfit = self._person.face.misfit(observation, solution)
        shown = self._trust.eased(solution, misfit, self._person.visible, elapsed)
        rotation, translation = self._rest.relative(solution, elapsed)
        return DriveState(
            shown[: len(EXPRESSIONS)].astype(np.float32),
            shown[len(EXPRESSIONS) :].astype(np.float32),
            quaternion_from_rotation(rotation),
            translation.astype(np.float32),
            timestamp,
        )

    def _learn(self, observation: Observation, solution: Solution) -> None:
        self._frames += 1
        if self._frames > LEARNING and self._frames % REFINING:
            return
        self._identity.add(self._person.face, observation, solution)
        self._person.face.set_identity(self._identity.estimate())
