"""`mien eval`: a trained run on the held-out frames of its clip."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from offline.clip import Clip
from offline.evaluate.held_out import as_json, evaluate
from offline.tri2plane.checkpoint import load, sampled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run")
    parser.add_argument("--clip", type=Path, help="another clip than the one it was trained on")
    parser.add_argument("--samples", type=int, help="samples along a ray (default: as trained); fewer are faster")
    parser.add_argument("--guide-samples", type=int, help="the same for the guide")
    parser.add_argument("--frames", type=int, help="how many held-out frames, evenly spaced (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")


def run(args: argparse.Namespace) -> None:
    state = sampled(load(args.run)[0], args.samples, args.guide_samples)
    clip = Clip.open(args.clip or Path(state.clip))
    result = evaluate(state, clip, args.frames, args.run / "worst.png")
    if args.json:
        print(as_json(result))
        return
    landmarks = "no face found" if result.landmark_px is None else f"{result.landmark_px:.2f} px"
    print(f"held-out frames  {result.frames}")
    print(f"PSNR             {result.psnr:.2f} dB (5th percentile {result.psnr_5th:.2f})")
    print(f"SSIM             {result.ssim:.4f}")
    print(f"landmark error   {landmarks} at 512² ({result.faces_lost} of {result.faces} faces lost)")
    print(f"worst frames     {args.run / 'worst.png'}", file=sys.stderr)
