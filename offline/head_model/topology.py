"""The canonical face as a mesh: reading it, mirroring it and spreading displacements smoothly over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.contract.head_model import (
    EYE_CORNERS,
    FACE_VERTICES,
    LOWER_LID,
    LOWER_LIP_INNER,
    UPPER_LID,
    UPPER_LIP_INNER,
    VERTICES,
)
from runtime.errors import BadInput

Floats = NDArray[np.float64]

IRIS_RADIUS = 0.0585
"""dm; human irises differ little."""
EYEBALL_RADIUS = 0.12
IRIS_PAIRS = ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))
"""Iris points of the right eye and their mirror images; after the centre: +x, up, -x, down."""
GREEN_DECAY = 4e-3
"""Weight of 'no displacement' against smoothness: a handle's influence fades over about 3 cm."""


def read_canonical_face(path: Path) -> tuple[Floats, NDArray[np.int32]]:
    """Vertices [478, 3] in dm, with irises, and triangles [898, 3] of MediaPipe's ``canonical_face_model.obj``.

    Raises BadInput where the file is missing or another mesh.
    """
    try:
        lines = [line.split() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}); name MediaPipe's canonical_face_model.obj.") from error
    face = np.array([[float(v) for v in line[1:4]] for line in lines if line[:1] == ["v"]]) / 10
    triangles = [[int(corner.split("/")[0]) - 1 for corner in line[1:4]] for line in lines if line[:1] == ["f"]]
    if face.shape != (FACE_VERTICES, 3):
        raise BadInput(f"{path} has {len(face)} vertices, not 468; name MediaPipe's canonical_face_model.obj.")
    return np.concatenate([face, _irises(face)]), np.array(triangles, np.int32)


def _irises(face: Floats) -> Floats:
    """Iris points [10, 3] in the middle of each eye, a little above the corners' line and in front of it."""
    ring = IRIS_RADIUS * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    points = []
    for side in ("right", "left"):
        outer, inner = face[list(EYE_CORNERS[side])]
        width = np.linalg.norm(outer - inner)
        points.append((outer + inner) / 2 + width * np.array([0, 0.06, 0.1]) + ring)
    return np.concatenate(points)


def mirror_permutation(vertices: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each of the 478 vertices, the index of its mirror image in the plane x = 0."""
    face = vertices[:FACE_VERTICES]
    distances = np.linalg.norm((face * [-1, 1, 1])[:, None] - face, axis=-1)
    permutation = np.concatenate([distances.argmin(1), np.zeros(VERTICES - FACE_VERTICES, np.intp)])
    for right, left in IRIS_PAIRS:
        permutation[right], permutation[left] = left, right
    return permutation


def mirrored(displacement: NDArray[np.floating], permutation: NDArray[np.intp]) -> NDArray[np.floating]:
    """Displacements or vertices [..., 478, 3] as a mirror shows them."""
    return displacement[..., permutation, :] * [-1, 1, 1]


def openings() -> tuple[frozenset[int], ...]:
    """Rims of both eyes and the mouth; the mesh closes them with triangles that no skin belongs to."""
    eyes = [frozenset((*EYE_CORNERS[side], *UPPER_LID[side], *LOWER_LID[side])) for side in EYE_CORNERS]
    return (*eyes, frozenset((78, 308, *UPPER_LIP_INNER, *LOWER_LIP_INNER)))


def skin_triangles(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Triangles without those that close the eyes and the mouth."""
    rims = openings()
    return triangles[[not any(rim.issuperset(t) for rim in rims) for t in triangles.tolist()]]


class Smoother:
    """Spreads displacements of a few vertices over the skin by minimising ``|L d|² + decay |d|²``.

    The Laplacian ``L`` joins only vertices that skin joins, so that the upper lip does not pull the lower one.
    """

    def __init__(self, vertices: NDArray[np.floating], triangles: NDArray[np.int32]) -> None:
        skin = skin_triangles(triangles)
        edges = np.unique(np.sort(np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]]), 1), axis=0)
        weights = np.zeros((FACE_VERTICES, FACE_VERTICES))
        length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        weights[edges[:, 0], edges[:, 1]] = weights[edges[:, 1], edges[:, 0]] = 0.08 / length
        laplacian = np.eye(FACE_VERTICES) - weights / weights.sum(1, keepdims=True)
        self._energy = laplacian.T @ laplacian + GREEN_DECAY * np.eye(FACE_VERTICES)

    def spread(self, handles: dict[int, Floats]) -> Floats:
        """Smooth displacements [478, 3] that take the handles' values (dm); irises stay unless they are handles."""
        known = np.array([i for i in handles if i < FACE_VERTICES], np.intp)
        free = np.setdiff1d(np.arange(FACE_VERTICES), known)
        field = np.zeros((VERTICES, 3))
        field[list(handles)] = list(handles.values())
        pull = -self._energy[np.ix_(free, known)] @ field[known]
        field[free] = np.linalg.solve(self._energy[np.ix_(free, free)], pull)
        return field
