"""Fits a whole video's landmarks: one identity, and pose, expression and detail of every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.contract.head_model import HeadModel
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import COEFFICIENTS, Observation, Solution
from runtime.tracking.identity import IdentityEstimator
from runtime.tracking.person import Person
from runtime.tracking.reader import CoefficientReader
from runtime.tracking.slide import Slide

IDENTITY_FRAMES = 240
IDENTITY_ROUNDS = 3


@dataclass(frozen=True)
class Performance:
    """What one person does in a video."""

    identity: Floats
    """[K], standard deviations."""
    frames: NDArray[np.intp]
    """[N], which of the given frames have a fit."""
    solutions: list[Solution]
    """[N]."""
    observations: list[Observation]
    """[N]."""
    lower: Floats
    """[N, 60], least coefficients that each frame's lids, irises and lips leave open."""
    upper: Floats
    """[N, 60], the greatest."""
    person: Person


def fit_performance(
    observations: list[Observation],
    times: NDArray[np.floating],
    model: HeadModel,
    slide: Slide | None = None,
    segments: NDArray[np.integer] | None = None,
    reader: CoefficientReader | None = None,
) -> Performance:
    """The fit of consecutive frames at `times` (seconds); it starts afresh with every segment [N], a shot's number.

    Some frames, spread over the video, settle the identity and the level of open eyes; then all frames are fitted.
    """
    person = Person(model, slide, reader)
    step = max(len(observations) // IDENTITY_FRAMES, 1)
    for _ in range(IDENTITY_ROUNDS):
        identity = IdentityEstimator(len(model.identity), memory=IDENTITY_FRAMES)
        person.forget_frame()
        for i in range(0, len(observations), step):
            solution = person.follow(observations[i], 0.1)
            if solution is not None:
                identity.add(person.face, observations[i], solution)
        person.face.set_identity(identity.estimate())
    person.forget_frame()
    elapsed = np.diff(times, prepend=times[:1])
    cut = np.zeros(len(times), bool) if segments is None else np.diff(segments, prepend=segments[:1]) != 0
    frames, kept, limits = [], [], []
    for i, (observation, seconds) in enumerate(zip(observations, elapsed, strict=True)):
        if cut[i]:
            person.forget_frame()
        solution = person.follow(observation, float(np.clip(seconds, 0.0, 0.2)))
        if solution is not None:
            frames.append(i)
            kept.append(solution)
            limits.append(person.limits)
    lower, upper = np.array(limits).reshape(-1, 2, COEFFICIENTS).swapaxes(0, 1)
    return Performance(
        person.face.identity, np.array(frames, np.intp), kept, [observations[i] for i in frames], lower, upper, person
    )
