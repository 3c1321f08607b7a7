"""Builds the head model: ``python -m offline.head_model.build --canonical canonical_face_model.obj VIDEO...``.

The canonical face is in MediaPipe's repository, ``mediapipe/modules/face_geometry/data``. The videos refine the axes
and give the detail axes; only averages over all of them go into the model, and no picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offline.files import replaced
from offline.head_model.authored import Author
from offline.head_model.identity import identity_basis
from offline.head_model.refine import SubjectSequence, refine
from offline.head_model.topology import Floats, Smoother, mirror_permutation, read_canonical_face
from offline.track.see import Seen, see
from offline.track.video import usual_focal
from runtime.contract.drive import DETAIL
from runtime.contract.head_model import LOWER_LIP_INNER, LOWER_LIP_OUTER, UPPER_LIP_INNER, VERTICES, HeadModel
from runtime.tracking.slide import Slide

IDENTITY = 30
FRAMES = 220
"""Of each video, evenly spread."""
_ROOT = Path(__file__).parents[2]
SHIPPED = _ROOT / "runtime/contract/data/head_model.npz"
SLIDE = _ROOT / "runtime/tracking/data/slide.npz"


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
    handles: dict[int, Floats] = {}
    for upper, inner, outer in zip(UPPER_LIP_INNER, LOWER_LIP_INNER, LOWER_LIP_OUTER, strict=True):
        gap = vertices[upper] - vertices[inner]
        handles |= {upper: -0.2 * gap, inner: 0.75 * gap, outer: 0.5 * gap}
    return smoother.spread(handles)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--canonical", type=Path, required=True, help="MediaPipe's canonical_face_model.obj")
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="a subject's video, to refine on")
    options = parser.parse_args(arguments)
    model = authored_model(options.canonical)
    permutation = mirror_permutation(read_canonical_face(options.canonical)[0])
    sequences = [sequence(see(video), model) for video in options.videos]
    model, slide = refine(model, Slide.none(), sequences, permutation)
    replaced(SHIPPED, model.save)
    replaced(SLIDE, lambda temporary: np.savez_compressed(temporary, fields=slide.fields.astype(np.float32)))


def sequence(seen: Seen, model: HeadModel) -> SubjectSequence:
    """The landmarks of a video, thinned out, to refine `model` on."""
    focal = usual_focal(seen, model)
    every = max(len(seen.index) // FRAMES, 1)
    return SubjectSequence(seen.observations(focal)[::every], seen.times[::every])


if __name__ == "__main__":
    main()
