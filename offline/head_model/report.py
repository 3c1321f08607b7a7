"""How much landmark motion the head model explains: ``python -m offline.head_model.report VIDEO...``.

The shipped model was refined on some videos, of which its figures say little. With ``--leave-one-out`` each video is
measured with a model made like the shipped one from all the other videos.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from offline.head_model.build import sequence
from offline.head_model.dense import DenseHead
from offline.head_model.landmark_model import landmark_model
from offline.head_model.motion import Motion, motion_of
from offline.head_model.refine import refine
from offline.head_model.topology import mirror_permutation, read_canonical_face
from offline.track.performance import fit_performance
from offline.track.see import Seen, see
from offline.track.video import usual_focal
from runtime.contract.head_model import HeadModel
from runtime.tracking.reader import CoefficientReader
from runtime.tracking.slide import Slide

PICTURE = slice(0, 2)


def measure(seen: Seen, model: HeadModel, slide: Slide | None = None) -> Motion:
    """The motion in a video and what the model's axes leave of it; `slide` is the shipped one if None."""
    reader = CoefficientReader.load()
    return motion_of(
        fit_performance(seen.observations(usual_focal(seen, model)), seen.times, model, slide, reader=reader)
    )


def left_out(canonical: Path, seen: dict[str, Seen]) -> Iterator[tuple[str, Motion]]:
    """Each video, measured with a model that was refined on all the others."""
    face, triangles = read_canonical_face(canonical)
    start = landmark_model(DenseHead.load(), triangles)
    permutation = mirror_permutation(face)
    sequences = {name: sequence(one, start) for name, one in seen.items()}
    for name, one in seen.items():
        others = [s for other, s in sequences.items() if other != name]
        yield name, measure(one, *refine(start, Slide.none(), others, permutation))


def row(name: str, motion: Motion) -> str:
    """One line of the table."""
    moved, left = (
        100 * np.sqrt(np.square(each[..., PICTURE]).sum(-1).mean()) for each in (motion.motion, motion.residual)
    )
    shares = 100 * motion.explained(PICTURE), 100 * motion.explained()
    return f"| {name} | {len(motion.motion)} | {shares[0]:.1f} % | {shares[1]:.1f} % | {moved:.2f} | {left:.2f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: prints a Markdown table, one row per video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leave-one-out", type=Path, metavar="OBJ", help="MediaPipe's canonical_face_model.obj")
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    options = parser.parse_args(arguments)
    seen = {video.stem: see(video) for video in options.videos}
    if options.leave_one_out:
        rows = left_out(options.leave_one_out, seen)
    else:
        rows = ((name, measure(one, HeadModel.load())) for name, one in seen.items())
    print("| video | frames | explained, in the picture | with MediaPipe's depth | motion, mm | left, mm |")
    print("|---|---|---|---|---|---|")
    for name, motion in rows:
        print(row(name, motion), flush=True)


if __name__ == "__main__":
    main()
