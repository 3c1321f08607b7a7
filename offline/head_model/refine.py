"""Corrects the named axes on tracked videos, within what keeps their meaning, and finds what they leave.

Three things share what a fit leaves of the landmarks' motion, in this order: how MediaPipe's landmarks slide over the
face as the head turns (no expression, but it would be taken for one), corrections of the named axes, and the detail
axes. Every frame counts twice, once as a mirror shows it, so that left and right stay a pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offline.head_model.motion import motion_of
from offline.head_model.topology import mirrored
from offline.track.performance import fit_performance
from runtime.contract.axes import angles_from_rotation
from runtime.contract.drive import DETAIL, EXPRESSIONS, INDEX
from runtime.contract.head_model import HeadModel
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import Observation
from runtime.tracking.slide import Slide, turn_features

ROUNDS = 4
FREEDOM = 1.0
"""How far an axis may be corrected at a vertex, as a share of the way it moves nearby."""
LENGTHENED = (-0.3, 0.5)
"""Least and greatest change of how far an axis goes its own way, as a share of it."""
TURNED = 0.6
"""Most that it may go another way, as a share of that: a cosine of 0.86 at least with the artist's axis."""
EVERYWHERE = 0.004
"""dm that any axis may move any vertex."""
NOISE = 0.02
"""dm, standard deviation of what no axis shall explain."""
EVIDENCE = 0.3
"""Weight of a frame; neighbouring frames say much the same."""
SLIDE_SPREAD = np.array([0.1, 0.1, 0.1, 0.1, 0.1])
"""dm for one radian or one square radian: prior on the slide's fields."""


@dataclass(frozen=True)
class SubjectSequence:
    """One subject's landmarks."""

    observations: list[Observation]
    times: NDArray[np.floating]


@dataclass(frozen=True)
class Evidence:
    """Fits of all subjects, and their mirror images."""

    coefficients: Floats
    """[N, 60]."""
    features: Floats
    """[N, 5] of the head's angles, without each subject's mean."""
    residual: Floats
    """[N, 478, 3], dm, left by the fit."""


def mirror_names() -> NDArray[np.intp]:
    """For each expression axis, the index of its mirror image."""

    def other(name: str) -> str:
        if name.endswith("Left"):
            return name.removesuffix("Left") + "Right"
        return name.removesuffix("Right") + "Left" if name.endswith("Right") else name

    return np.array([INDEX[other(name)] for name in EXPRESSIONS])


def refine(
    model: HeadModel, slide: Slide, sequences: list[SubjectSequence], permutation: NDArray[np.intp]
) -> tuple[HeadModel, Slide]:
    """The model and slide after `ROUNDS` of fitting all subjects and explaining what is left."""
    made = model.expression.astype(np.float64)
    for _ in range(ROUNDS):
        evidence = _evidence(model, slide, sequences, permutation)
        left = evidence.residual + np.tensordot(evidence.features, slide.fields, 1)
        fields = _ridge(evidence.features, left, np.broadcast_to(SLIDE_SPREAD[:, None, None], slide.fields.shape))
        left = left - np.tensordot(evidence.features, fields, 1)
        named = evidence.coefficients[:, : len(EXPRESSIONS)]
        offset = model.expression - made
        left = left + np.tensordot(named, offset, 1)
        offset = meaning_kept(made, _ridge(named, left, FREEDOM * _envelope(made) + EVERYWHERE))
        left = left - np.tensordot(named, offset, 1)
        left = left + np.tensordot(evidence.coefficients[:, len(EXPRESSIONS) :], model.detail, 1)
        model = replace(
            model,
            expression=(made + offset).astype(np.float32),
            detail=principal_axes(left, DETAIL).astype(np.float32),
        )
        slide = Slide(fields)
    return model, slide


def meaning_kept(axes: Floats, offset: Floats) -> Floats:
    """Corrections `offset` [K, 478, 3] of `axes`, cut where they would make an axis mean something else."""
    flat, change = axes.reshape(len(axes), -1), offset.reshape(len(axes), -1)
    norm = np.maximum(np.square(flat).sum(1), 1e-12)
    along = (flat * change).sum(1) / norm
    across = change - along[:, None] * flat
    along = np.clip(along, *LENGTHENED)
    share = np.linalg.norm(across, axis=1) / np.sqrt(norm) / (1 + along)
    across *= np.minimum(1, TURNED / np.maximum(share, 1e-12))[:, None]
    return (along[:, None] * flat + across).reshape(axes.shape)


def principal_axes(residual: Floats, count: int) -> Floats:
    """The leading principal components [count, 478, 3] of residuals [N, 478, 3], each scaled to one standard
    deviation."""
    flat = (residual - residual.mean(0)).reshape(len(residual), -1)
    _, singular, axes = np.linalg.svd(flat, full_matrices=False)
    deviation = singular[:count, None] / np.sqrt(len(flat))
    return (axes[:count] * deviation).reshape(count, *residual.shape[1:])


def _evidence(
    model: HeadModel, slide: Slide, sequences: list[SubjectSequence], permutation: NDArray[np.intp]
) -> Evidence:
    names = mirror_names()
    coefficients, features, residuals = [], [], []
    for sequence in sequences:
        performance = fit_performance(sequence.observations, sequence.times, model, slide)
        motion = motion_of(performance)
        angles = np.array([angles_from_rotation(s.rotation) for s in performance.solutions])
        expression = motion.coefficients[:, : len(EXPRESSIONS)]
        detail = motion.coefficients[:, len(EXPRESSIONS) :]
        swap = _mirror_details(model, permutation)
        for sign, named, other, residual in (
            (1, expression, detail, motion.residual),
            (-1, expression[:, names], detail @ swap, mirrored(motion.residual, permutation)),
        ):
            coefficients.append(np.concatenate([named - named.mean(0), other - other.mean(0)], 1))
            turned = turn_features(angles * np.array([sign, 1.0, sign]))
            features.append(turned - turned.mean(0))
            residuals.append(residual)
    return Evidence(np.concatenate(coefficients), np.concatenate(features), np.concatenate(residuals))


def _mirror_details(model: HeadModel, permutation: NDArray[np.intp]) -> Floats:
    """[8, 8]: detail coefficients of the mirror image; principal axes of symmetric data are even or odd."""
    axes = model.detail.reshape(DETAIL, -1).astype(np.float64)
    flipped = mirrored(model.detail.astype(np.float64), permutation).reshape(DETAIL, -1)
    norms = np.maximum(np.square(axes).sum(1), 1e-12)
    return np.diag(np.sign((axes * flipped).sum(1) / norms + 1e-12))


def _ridge(inputs: Floats, targets: Floats, spread: NDArray[np.floating]) -> Floats:
    """Fields [K, 478, 3] with ``inputs @ fields ≈ targets``, each entry's prior deviation given in `spread`, dm."""
    flat = targets.reshape(len(targets), -1)
    information = EVIDENCE / NOISE**2 * inputs.T @ inputs
    right = EVIDENCE / NOISE**2 * inputs.T @ flat
    prior = 1 / spread.reshape(len(spread), -1).T ** 2
    systems = information + prior[:, :, None] * np.eye(len(spread))
    return np.linalg.solve(systems, right.T[..., None])[..., 0].T.reshape(spread.shape)


def _envelope(axes: Floats) -> Floats:
    """How far each axis moves each vertex, all coordinates alike, [K, 478, 3]."""
    length = np.linalg.norm(axes, axis=-1, keepdims=True)
    return np.broadcast_to(length, axes.shape)
