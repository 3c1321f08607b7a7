"""`mien people`: synthetic people: clips and videos to train on, contact sheets, and whether MediaPipe finds them."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.files import write_png
from offline.people.dataset import write_clip, write_video
from offline.people.performance import performance
from offline.people.person import DEMOS, Person
from offline.people.sheet import contact_sheet, look_for_faces
from runtime.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--demo", choices=sorted(DEMOS), help="one of the demo avatars' subjects")
    who.add_argument("--seed", type=int, metavar="N", help="the person with this seed (default 0)")
    who.add_argument("--sheet", type=int, nargs=2, metavar=("FIRST", "COUNT"), help="a picture of people × expressions")
    who.add_argument("--check", type=int, metavar="COUNT", help="how many views of so many people MediaPipe finds")
    parser.add_argument("--frames", type=int, default=2400, metavar="N", help="length (default %(default)s)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second (default %(default)g)")
    parser.add_argument("--size", type=int, default=512, metavar="PIXELS", help="width, height (default %(default)s)")
    parser.add_argument("--take", type=int, default=7, metavar="N", help="seed of the motion (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default %(default)s)")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a clip folder, an .mp4 file, a sheet's .png")


def run(args: argparse.Namespace) -> None:
    """Raises BadInput where an option is out of range or the output cannot be used."""
    for name, low, high in (("frames", 1, 1_000_000), ("size", 32, 4096), ("fps", 1, 240), ("workers", 1, 64)):
        if not low <= getattr(args, name) <= high:
            raise BadInput(f"--{name} must be between {low} and {high}, not {getattr(args, name):g}")
    if args.check is not None:
        _check(args.check, args.size)
        return
    if args.output is None:
        raise BadInput("say where to write with -o")
    if args.sheet is not None:
        first, count = args.sheet
        if not 1 <= count <= 100:
            raise BadInput(f"a sheet shows 1 to 100 people, not {count}")
        if args.output.suffix.lower() != ".png":
            raise BadInput(f"a sheet is a picture, which '{args.output}' does not say; name a .png file")
        args.output.parent.mkdir(parents=True, exist_ok=True)
        write_png(args.output, contact_sheet([Person.from_seed(first + i) for i in range(count)], args.size)[..., ::-1])
        return
    person = DEMOS[args.demo] if args.demo else Person.from_seed(args.seed or 0)
    states = performance(args.frames, args.fps, args.take)
    if args.output.suffix.lower() == ".mp4":
        write_video(args.output, person, states, args.fps, args.size)
    else:
        write_clip(args.output, person, states, args.fps, args.size, args.workers)


def _check(count: int, size: int) -> None:
    if not 1 <= count <= 10_000:
        raise BadInput(f"--check looks at 1 to 10000 people, not {count}")
    found = look_for_faces(range(count), 4, size)
    for view in found:
        if not view.found:
            print(f"not found: seed {view.seed}, yaw {view.yaw:.0f}°, pitch {view.pitch:.0f}°")
    share = sum(view.found for view in found) / len(found)
    print(f"MediaPipe finds {share:.2%} of {len(found)} views of {count} people within ±45° of yaw")
