"""`mien eval`: a trained run on the held-out frames of its clip."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.clip import Clip
from offline.evaluate.definitions import METRICS
from offline.evaluate.evaluate import evaluate
from offline.evaluate.html import number
from offline.evaluate.page import write_page
from offline.evaluate.report import as_json
from offline.tri2plane.checkpoint import load, sampled
from runtime.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="where the report goes (default: RUN/eval)")
    parser.add_argument("--clip", type=Path, help="another clip than the one it was trained on")
    parser.add_argument("--cross", type=Path, metavar="CLIP", help="also drive the avatar by this clip")
    parser.add_argument("--lpips", type=Path, metavar="FOLDER", help="weights of LPIPS (see offline/perceptual.py)")
    parser.add_argument("--samples", type=int, help="samples along a ray (default: as trained); fewer are faster")
    parser.add_argument("--guide-samples", type=int, help="the same for the guide")
    parser.add_argument("--frames", type=int, help="how many held-out frames, in evenly spaced pairs (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")


def run(args: argparse.Namespace) -> None:
    if args.frames is not None and args.frames < 1:
        raise BadInput(f"--frames is {args.frames}; it must be at least 1")
    state = sampled(load(args.run)[0], args.samples, args.guide_samples)
    clip = Clip.open(args.clip or Path(state.clip))
    driving = None if args.cross is None else Clip.open(args.cross)
    done = evaluate(state, clip, args.out or args.run / "eval", args.frames, args.lpips, driving)
    page = write_page(done)
    if args.json:
        print(as_json(done.figures))
        return
    for metric in METRICS:
        print(f"{metric.label:26}{number(done.figures[metric.key], metric.digits):>9} {metric.unit}")
    print(f"faces lost                {done.figures['faces_lost']:>9} of {done.figures['faces']}")
    print(f"the whole report: {page}")
