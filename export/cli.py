"""`mien bake`: a trained run → a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.bake import bake
from offline.tri2plane.checkpoint import load, sampled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="BUNDLE", help="where to write, e.g. me.mien")
    parser.add_argument("--samples", type=int, help="samples along a ray (default: as trained); fewer are faster")
    parser.add_argument("--guide-samples", type=int, help="the same for the guide")
    parser.add_argument("--name", help="name of the avatar (default: the file's)")


def run(args: argparse.Namespace) -> None:
    state = sampled(load(args.run)[0], args.samples, args.guide_samples)
    baked = bake(state, args.out, args.name or args.out.stem)
    for parity in baked.parity:
        print(f"parity with {parity}")
    size = args.out.stat().st_size / 1e6
    print(f"wrote {args.out}, {size:.1f} MB, step {state.step}; next: mien serve {args.out}")
