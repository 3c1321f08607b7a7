"""`mien studio`: render a synthetic subject's performance as a clip or a video."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from offline.studio.dataset import write_clip
from offline.studio.identity import DEMO, Identity
from offline.studio.performance import performance
from offline.studio.render import render
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState
from runtime.errors import BadInput
from runtime.media.mp4 import mp4

BACKGROUND = (0.78, 0.80, 0.82)
"""Display values behind the subject in a video."""

CRF = 16
"""Quality: others may be tracked on it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument("--demo", action="store_true", help="the demo avatar's subject (default)")
    subject.add_argument("--seed", type=int, metavar="N", help="the subject with this seed")
    parser.add_argument("--frames", type=int, default=1600, metavar="N", help="length (default %(default)s)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second (default %(default)g)")
    parser.add_argument("--size", type=int, default=512, metavar="PIXELS", help="width, height (default %(default)s)")
    parser.add_argument("--take", type=int, default=7, metavar="N", help="seed of the motion (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default %(default)s)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a clip folder, or a .mp4 file")


def run(args: argparse.Namespace) -> None:
    """Raises BadInput where an option is out of range or the output cannot be used."""
    for name, low, high in (("frames", 1, 1_000_000), ("size", 32, 4096), ("fps", 1, 240), ("workers", 1, 64)):
        if not low <= getattr(args, name) <= high:
            raise BadInput(f"--{name} must be between {low} and {high}, not {getattr(args, name):g}")
    identity = DEMO if args.seed is None else Identity.from_seed(args.seed)
    states = performance(args.frames, args.fps, args.take)
    if args.output.suffix.lower() == ".mp4":
        write_video(args.output, identity, states, args.fps, args.size)
    else:
        write_clip(args.output, identity, states, args.fps, args.size, args.workers)


def write_video(path: Path, identity: Identity, states: Sequence[DriveState], fps: float, size: int) -> None:
    """Render `states` into an H.264 video on a plain background. Raises BadInput where `size` is odd."""
    if size % 2:
        raise BadInput(f"a video needs an even size, not {size}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mp4(path, size, size, fps, crf=CRF) as writer:
        for state in tqdm(states, unit="frame"):
            picture = render(identity, state, portrait_camera(), size, compiled=len(states) > 100)
            writer.write_rgb(picture.over(BACKGROUND))
