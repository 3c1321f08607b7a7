"""`mien render`: a driving video, a script or a prompt → an MP4 of the avatar performing it."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.avatar.loaded import LoadedAvatar
from runtime.commands.demo import DEMO
from runtime.commands.render import TAIL, render_video, require_face, states_of_timeline, states_of_video
from runtime.config import ServerConfig
from runtime.contract.axes import portrait_camera
from runtime.contract.bundle import read_bundle
from runtime.contract.drive import DriveState
from runtime.driving.language.prompts import parse
from runtime.driving.repertoire import Repertoire
from runtime.driving.script import load_script
from runtime.driving.timeline import Timeline
from runtime.errors import BadInput
from runtime.live.session import MAX_PITCH, MAX_YAW
from runtime.media.colour import Backdrop
from runtime.media.mp4 import check_target
from runtime.media.reading import MAX_FPS, MIN_FPS, VideoReader
from runtime.media.soundtrack import Soundtrack

SCRIPTS = (".yaml", ".yml", ".json")
MIN_SIZE, MAX_SIZE = 64, 2048


@dataclass(frozen=True)
class _Part:
    """What is to be performed."""

    states: Iterator[DriveState]
    fps: float
    total: int | None
    """Frames, where known beforehand."""
    sound: tuple[Path, float] | None = None
    """The file to copy sound from, and the time in it, seconds, at which the pictures begin."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driving", nargs="?", type=Path, metavar="DRIVING", help="a video of a face, or a script file")
    parser.add_argument("--prompt", metavar="TEXT", help='instead of DRIVING, such as "smile, then wink left"')
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.mp4")
    parser.add_argument("--bundle", type=Path, default=DEMO, help="avatar (default: the demo)")
    parser.add_argument("--engine", default="auto", help="openvino, onnxruntime or auto")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="width and height (default: the avatar's)")
    parser.add_argument("--fps", type=float, help="frames a second (default: the video's, or 30)")
    parser.add_argument("--background", default=ServerConfig.background, metavar="#RRGGBB")
    parser.add_argument("--no-watermark", action="store_true", help="leave out the invisible mark")
    parser.add_argument("--yaw", type=float, default=0.0, help="walk the camera around the head, degrees to the right")
    parser.add_argument("--pitch", type=float, default=0.0, help="the same upwards")


def run(args: argparse.Namespace) -> None:
    _check(args)
    backdrop = Backdrop(args.background, not args.no_watermark)
    camera = portrait_camera(math.radians(args.yaw), math.radians(args.pitch)) if args.yaw or args.pitch else None
    bundle = read_bundle(args.bundle)
    part = _part(args, Repertoire(bundle.manifest.bank))
    avatar = LoadedAvatar(bundle, args.engine)
    with contextlib.ExitStack() as stack:
        soundtrack = stack.enter_context(Soundtrack(*part.sound)) if part.sound else None
        frames = render_video(
            avatar, part.states, args.out, part.fps, backdrop, camera, args.size, part.total, soundtrack
        )
    print(f"wrote {args.out}: {frames} frames, {frames / part.fps:.1f} s")
    if soundtrack is not None and soundtrack.lost is not None:
        print(soundtrack.lost, file=sys.stderr)


def _check(args: argparse.Namespace) -> None:
    """Raises BadInput for what can be seen to be wrong before anything is loaded."""
    if (args.driving is None) == (args.prompt is None):
        raise BadInput("give either a driving file or --prompt")
    if args.fps is not None and not MIN_FPS <= args.fps <= MAX_FPS:
        raise BadInput(f"--fps must be {MIN_FPS:g} to {MAX_FPS:g}, got {args.fps:g}")
    if args.size is not None and (args.size % 2 or not MIN_SIZE <= args.size <= MAX_SIZE):
        raise BadInput(f"--size must be an even number from {MIN_SIZE} to {MAX_SIZE}, got {args.size}")
    for name, limit in (("yaw", round(math.degrees(MAX_YAW))), ("pitch", round(math.degrees(MAX_PITCH)))):
        if not abs(getattr(args, name)) <= limit:
            raise BadInput(f"--{name} must be -{limit} to {limit} degrees, got {getattr(args, name):g}")
    check_target(args.out)
    if args.driving is not None and args.out.exists() and args.driving.exists() and args.out.samefile(args.driving):
        raise BadInput(f"'{args.out}' is the driving video itself; choose another name for the result")
    if _is_video(args):
        require_face(args.driving)


def _part(args: argparse.Namespace, repertoire: Repertoire) -> _Part:
    if _is_video(args):
        return _of_video(args.driving, args.fps, repertoire)
    if args.prompt is None:
        timeline = load_script(args.driving, repertoire).timeline
    else:
        timeline = _prompted(args.prompt, repertoire)
    fps = args.fps or ServerConfig.fps
    return _Part(states_of_timeline(timeline, fps, repertoire), fps, round((timeline.duration + TAIL) * fps))


def _is_video(args: argparse.Namespace) -> bool:
    return args.prompt is None and args.driving.suffix.lower() not in SCRIPTS


def _of_video(video: Path, wanted: float | None, repertoire: Repertoire) -> _Part:
    with VideoReader(video) as reader:
        fps = wanted or reader.fps
        total = None if reader.frames is None else round(reader.frames * fps / reader.fps)
        next(iter(reader), None)
        start = reader.start
    return _Part(states_of_video(video, fps, repertoire), fps, total, (video, start))


def _prompted(text: str, repertoire: Repertoire) -> Timeline:
    prompt = parse(text, repertoire.lexicon)
    if prompt.unknown:
        first = prompt.unknown[0]
        raise BadInput(f"'{first.phrase}' is not known; near it are: {', '.join(first.nearest)}")
    return prompt.timeline
