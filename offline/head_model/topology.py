"""MediaPipe's canonical face: which triangles its landmarks make and which landmarks are a pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.contract.head_model import FACE_VERTICES, VERTICES
from runtime.errors import BadInput
from runtime.tracking.bounded import Floats

IRIS_PAIRS = ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))
"""Iris points of the right eye and their mirror images; after the centre: +x, up, -x, down."""


def read_canonical_face(path: Path) -> tuple[Floats, NDArray[np.int32]]:
    """Vertices [468, 3] in dm and triangles [898, 3] of MediaPipe's ``canonical_face_model.obj``.

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
    return face, np.array(triangles, np.int32)


def mirror_permutation(face: NDArray[np.floating]) -> NDArray[np.intp]:
    """For each of the 478 landmarks, the index of its mirror image, by the canonical face [468, 3]."""
    distances = np.linalg.norm((face * [-1, 1, 1])[:, None] - face, axis=-1)
    permutation = np.concatenate([distances.argmin(1), np.zeros(VERTICES - FACE_VERTICES, np.intp)])
    for right, left in IRIS_PAIRS:
        permutation[right], permutation[left] = left, right
    return permutation


def mirrored(displacement: NDArray[np.floating], permutation: NDArray[np.intp]) -> NDArray[np.floating]:
    """Displacements or vertices [..., n, 3] as a mirror shows them."""
    return displacement[..., permutation, :] * [-1, 1, 1]
