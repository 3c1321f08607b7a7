"""`mien prior convert`: datasets that others collected, as captures."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.joker.captures.convert.celebv import clips
from offline.joker.captures.convert.nersemble import participants
from offline.joker.captures.convert.nersemble_sentences import EXPRESSIVE, SENTENCES
from offline.joker.captures.convert.people import Settings, Someone, convert
from offline.training.devices import DEVICES
from runtime.errors import BadInput
from runtime.naming import unknown

LOOKED = {"celebv": 20, "nersemble": 4}
"""Frames of each video that are looked at, by dataset."""
ALL = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the job's arguments."""
    parser.add_argument("dataset", choices=sorted(LOOKED), help="how SRC is laid out, see docs/captures.md")
    parser.add_argument("source", type=Path, metavar="SRC")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="CAPTURES")
    parser.add_argument("--size", type=int, default=512, help="pixels, a multiple of 64 (default %(default)s)")
    parser.add_argument("--people", type=int, help="at most so many (default: all)")
    parser.add_argument("--pictures", type=int, default=10, help="most of each person; of NeRSemble's, moments (10)")
    parser.add_argument("--looked", type=int, help="frames of each video to choose from (celebv 20, nersemble 4)")
    parser.add_argument(
        "--views", type=int, default=16, help="most cameras of a NeRSemble moment (default %(default)s)"
    )
    parser.add_argument("--sequences", metavar="A,B", help=f"NeRSemble's, or {ALL} (default: the expressive ones)")
    parser.add_argument("--caption-model", metavar="NAME_OR_FOLDER", help="a BLIP-2 that writes the captions")
    parser.add_argument("--device", default="auto", help=f"for the caption model: {'; '.join(DEVICES)}")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")


def run(args: argparse.Namespace) -> None:
    """Runs the job. Raises BadInput where an option or the source cannot be used."""
    looked = LOOKED[args.dataset] if args.looked is None else args.looked
    counts = {"--pictures": args.pictures, "--looked": looked, "--views": args.views, "--workers": args.workers}
    counts |= {} if args.people is None else {"--people": args.people}
    for option, value in counts.items():
        if not 1 <= value <= 10**6:
            raise BadInput(f"{option} is {value}; it must be from 1 to a million")
    if not 64 <= args.size <= 1024 or args.size % 64:
        raise BadInput(f"--size is {args.size}; it must be a multiple of 64 from 64 to 1024")
    settings = Settings(args.size, args.pictures, looked, args.views, args.caption_model, args.device)
    outcome = convert(_people(args), args.out, args.dataset, settings, args.workers)
    print(f"{outcome.people} people with {outcome.pictures} pictures in {args.out}")
    for reason, count in outcome.left_out.most_common():
        print(f"left out, {reason}: {count}")
    if not outcome.people:
        raise BadInput(f"'{args.source}' shows nobody of use; the reasons are above")
    print(f"next: mien prior train {args.out} -o PRIOR --config joker --base STABLE_DIFFUSION_1.5")


def _people(args: argparse.Namespace) -> list[Someone]:
    if args.dataset == "celebv":
        return list(clips(args.source, args.people))
    names = EXPRESSIVE if args.sequences is None else tuple(args.sequences.split(","))
    if names == (ALL,):
        names = ()
    for name in names:
        if name not in SENTENCES:
            raise BadInput(unknown("sequence", name, SENTENCES))
    return list(participants(args.source, args.people, names))
