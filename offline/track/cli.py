"""``mien track``: a video becomes a clip."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.track.video import track_video
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput

HELP = "track a person's video into a clip: landmarks, head model, camera, matte"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("video", type=Path, metavar="VIDEO", help="a video of one person, at least two seconds")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="CLIP", help="folder to write; must be new")
    parser.add_argument("--size", type=int, default=512, help="width and height of the clip's frames (default 512)")
    parser.add_argument("--focal", type=float, help="focal length over the picture's width, where known")
    parser.add_argument("--head-model", type=Path, metavar="FILE", help="one that offline.head_model.convert made")
    parser.add_argument("--subject", default="", help="whose likeness it is (default: the file's name)")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object on standard output")
    parser.add_argument("--consent", default="", help="the consent on record")


def run(args: argparse.Namespace) -> None:
    """Runs the command. Raises BadInput with one sentence where the video or an option cannot be used."""
    if not 64 <= args.size <= 2048:
        raise BadInput(f"--size is {args.size}; it must be from 64 to 2048.")
    if args.focal is not None and not 0.2 <= args.focal <= 20:
        raise BadInput(f"--focal is {args.focal}; it must be from 0.2 to 20 picture widths.")
    model = HeadModel.load(args.head_model) if args.head_model else None
    clip = track_video(args.video, args.out, args.size, args.focal, args.subject, args.consent, head_model=model)
    report = clip.folder / "report"
    if args.json:
        print((report / "report.json").read_text(), end="")
        return
    print(f"{len(clip)} frames of {clip.info.subject} in {clip.folder}; how well it went: {report / 'index.html'}")
