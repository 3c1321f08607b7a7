"""Builds the head model: ``python -m offline.head_model.build --canonical canonical_face_model.obj``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offline.head_model.authored import Author
from offline.head_model.identity import identity_basis
from offline.head_model.topology import Smoother, mirror_permutation, read_canonical_face
from runtime.contract.drive import DETAIL
from runtime.contract.head_model import LOWER_LIP_INNER, LOWER_LIP_OUTER, UPPER_LIP_INNER, VERTICES, HeadModel

IDENTITY = 30
SHIPPED = Path(__file__).parents[2] / "runtime/contract/data/head_model.npz"


def authored_model(canonical: Path) -> HeadModel:
    """The model before any video has refined it; its detail axes are zero."""
    vertices, triangles = read_canonical_face(canonical)
    permutation = mirror_permutation(vertices)
    smoother = Smoother(vertices, triangles)
    mean = vertices + _closed_lips(vertices, smoother)
    return HeadModel(
        mean.astype(np.float32),
        identity_basis(mean, permutation, IDENTITY).astype(np.float32),
        Author(mean, smoother, permutation).axes().astype(np.float32),
        np.zeros((DETAIL, VERTICES, 3), np.float32),
        triangles,
    )


def _closed_lips(vertices: np.ndarray, smoother: Smoother) -> np.ndarray:
    """Displacements that bring the canonical face's parted lips together."""
    handles = {}
    for upper, inner, outer in zip(UPPER_LIP_INNER, LOWER_LIP_INNER, LOWER_LIP_OUTER, strict=True):
        gap = vertices[upper] - vertices[inner]
        handles |= {upper: -0.2 * gap, inner: 0.75 * gap, outer: 0.5 * gap}
    return smoother.spread(handles)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--canonical", type=Path, required=True, help="MediaPipe's canonical_face_model.obj")
    parser.add_argument("-o", "--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    authored_model(options.canonical).save(options.out)


if __name__ == "__main__":
    main()
