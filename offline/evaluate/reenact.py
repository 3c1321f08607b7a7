"""Self- and cross-reenactment: whether the avatar does what a driving face does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.clip import Clip
from offline.evaluate.follow import compare, face_parameters
from offline.evaluate.judges import Judges, Landmarks, distance
from offline.evaluate.pictures import Picture, picture_of, truth
from offline.tri2plane.checkpoint import Run
from runtime.errors import BadInput

SHOWN = 6
"""Frames of a cross-reenactment that are kept as pictures."""
REFERENCES = 5
"""Frames of the subject whose faces stand for their identity."""


@dataclass(frozen=True)
class Reenactment:
    """What one driving clip brought."""

    figures: dict[str, Any]
    """Plain values: `clip`, `frames`, `faces`, `faces_lost`, `identity_distance`, `follows` (see `compare`)."""
    pictures: list[tuple[Picture, Picture]]
    """Driving frame and avatar."""


def self_follows(
    run: Run, clip: Clip, indices: list[int], truths: Sequence[Landmarks | None], made: Sequence[Landmarks | None]
) -> dict[str, Any]:
    """How far the faces on held-out renderings follow those on the frames; see `compare`."""
    times, camera = clip.timestamp[indices], clip.info.camera
    read = [face_parameters(faces, times, camera, run.head_model, run.identity) for faces in (truths, made)]
    return compare(*read)


def cross(run: Run, subject: Clip, driving: Clip, count: int, judges: Judges) -> Reenactment:
    """Drive the avatar by `count` evenly spaced states of another clip, seen by the camera of its own.

    A clip's poses are relative to its subject's rest, so they are taken as they are, and so are the expressions.
    Raises BadInput where no driving frame shows a face.
    """
    indices = np.linspace(0, len(driving) - 1, min(count, len(driving))).astype(int)
    shown = set(indices[np.linspace(0, len(indices) - 1, SHOWN).astype(int)].tolist())
    references = _references(subject, judges)
    theirs: list[Landmarks | None] = []
    ours: list[Landmarks | None] = []
    distances: list[float] = []
    pictures: list[tuple[Picture, Picture]] = []
    for index in tqdm(indices.tolist(), desc="cross-reenactment", unit="frame"):
        seen, made = truth(driving, index), picture_of(run, driving.state(index), subject.info.camera)
        theirs.append(judges.landmarks(seen))
        ours.append(judges.landmarks(made))
        descriptor = judges.describe(made, ours[-1])
        distances += [d for r in references if (d := distance(descriptor, r)) is not None]
        if index in shown:
            pictures.append((seen, made))
    if all(face is None for face in theirs):
        raise BadInput(f"no face was found on the frames of '{driving.folder}'; give a clip that shows one")
    figures = {
        "clip": driving.info.subject,
        "frames": len(indices),
        "faces": sum(face is not None for face in theirs),
        "faces_lost": sum(a is not None and b is None for a, b in zip(theirs, ours, strict=True)),
        "identity_distance": float(np.mean(distances)) if distances else None,
        "follows": _follows(run, subject, driving, indices, theirs, ours),
    }
    return Reenactment(figures, pictures)


def _follows(
    run: Run, subject: Clip, driving: Clip, indices: NDArray[np.intp], theirs: Sequence[Landmarks | None],
    ours: Sequence[Landmarks | None],
) -> dict[str, Any]:  # fmt: skip
    """Each face is read with its own identity and camera; both worlds have their head at rest in the same place."""
    times, model = driving.timestamp[indices], run.head_model
    identity = np.zeros_like(run.identity) if driving.identity is None else driving.identity
    expected = face_parameters(theirs, times, driving.info.camera, model, identity)
    return compare(expected, face_parameters(ours, times, subject.info.camera, model, run.identity))


def _references(subject: Clip, judges: Judges) -> list[NDArray[np.float64]]:
    """Descriptors of the subject's face on some frames."""
    frames = np.linspace(0, len(subject) - 1, REFERENCES).astype(int).tolist()
    pictures = [truth(subject, frame) for frame in frames]
    return [d for p in pictures if (d := judges.describe(p, judges.landmarks(p))) is not None]
