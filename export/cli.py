"""`mien bake`: a trained run, with a bank of expressions or without, or a bank alone → a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.bake import Baked, bake, bake_alone
from offline.tri2plane.checkpoint import load, sampled
from runtime.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run, or of a bank alone")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="BUNDLE", help="where to write, e.g. me.mien")
    parser.add_argument("--bank", type=Path, metavar="FOLDER", help="expressions that mien distill made for this run")
    parser.add_argument("--samples", type=int, help="samples along a ray (default: as trained); fewer are faster")
    parser.add_argument("--guide-samples", type=int, help="the same for the guide")
    parser.add_argument("--name", help="name of the avatar (default: the file's)")


def run(args: argparse.Namespace) -> None:
    baked, made = _baked(args)
    for parity in baked.parity:
        print(f"parity with {parity}")
    size = args.out.stat().st_size / 1e6
    made += f", {len(baked.manifest.bank)} expressions of its own" if baked.manifest.bank else ""
    print(f"wrote {args.out}, {size:.1f} MB, {made}; next: mien serve {args.out}")


def _baked(args: argparse.Namespace) -> tuple[Baked, str]:
    """The bundle, and what it was made from in words."""
    name = args.name or args.out.stem
    if not (args.run / "bank.json").is_file():
        state = sampled(load(args.run)[0], args.samples, args.guide_samples)
        return bake(state, args.out, name, args.bank), f"step {state.step}"
    given = [option for option in ("bank", "samples", "guide_samples") if getattr(args, option) is not None]
    if given:
        raise BadInput(f"--{given[0].replace('_', '-')} has no meaning for '{args.run}', which is a bank by itself")
    return bake_alone(args.run, args.out, name), "a bank alone"
