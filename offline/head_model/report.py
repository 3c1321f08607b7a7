"""How much landmark motion the head model explains: ``python -m offline.head_model.report VIDEO...``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offline.head_model.motion import Motion, motion_of
from offline.track.performance import fit_performance
from offline.track.video import see, usual_focal
from runtime.contract.head_model import HeadModel

PICTURE = slice(0, 2)


def measure(video: Path, model: HeadModel, progress: bool = True) -> Motion:
    """The motion in a video and what the model's axes leave of it. Raises BadInput where it cannot be tracked."""
    seen = see(video, progress)
    return motion_of(fit_performance(seen.observations(usual_focal(seen, model)), seen.times, model))


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
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    options = parser.parse_args(arguments)
    model = HeadModel.load()
    print("| video | frames | explained, in the picture | with MediaPipe's depth | motion, mm | left, mm |")
    print("|---|---|---|---|---|---|")
    for video in options.videos:
        print(row(video.stem, measure(video, model)), flush=True)


if __name__ == "__main__":
    main()
