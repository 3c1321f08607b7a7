"""`mien render`: a driving video, a script or a prompt → an MP4 of the avatar performing it."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from runtime.avatar import Avatar
from runtime.config import ServerConfig
from runtime.contract.axes import portrait_camera
from runtime.demo import DEMO
from runtime.driving.prompts import parse
from runtime.driving.script import load_script
from runtime.driving.timeline import Timeline
from runtime.errors import BadInput
from runtime.render import TAIL, render_video, states_of_timeline, states_of_video
from runtime.streaming.colour import Backdrop
from runtime.video_file import VideoReader

SCRIPTS = (".yaml", ".yml", ".json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driving", nargs="?", type=Path, metavar="DRIVING", help="a video of a face, or a script file")
    parser.add_argument("--prompt", metavar="TEXT", help='instead of DRIVING, such as "smile, then wink left"')
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.mp4")
    parser.add_argument("--bundle", type=Path, default=DEMO, help="avatar (default: the demo)")
    parser.add_argument("--engine", default="auto", help="openvino, onnxruntime or auto")
    parser.add_argument("--fps", type=float, help="frames a second (default: the video's, or 30)")
    parser.add_argument("--background", default=ServerConfig.background, metavar="#RRGGBB")
    parser.add_argument("--yaw", type=float, default=0.0, help="walk the camera around the head, degrees to the right")
    parser.add_argument("--pitch", type=float, default=0.0, help="the same upwards")


def run(args: argparse.Namespace) -> None:
    if (args.driving is None) == (args.prompt is None):
        raise BadInput("give either a driving file or --prompt")
    if args.fps is not None and not 1 <= args.fps <= 120:
        raise BadInput(f"--fps must be 1 to 120, got {args.fps:g}")
    backdrop = Backdrop(args.background)
    camera = portrait_camera(math.radians(args.yaw), math.radians(args.pitch)) if args.yaw or args.pitch else None
    if args.prompt is None and args.driving.suffix not in SCRIPTS:
        with VideoReader(args.driving) as reader:
            fps, total = reader.fps, reader.frames
        if args.fps not in (None, fps):
            raise BadInput(f"a driving video keeps its own rate, here {fps:g}; leave --fps out")
        states = states_of_video(args.driving)
    else:
        timeline = load_script(args.driving).timeline if args.prompt is None else _prompted(args.prompt)
        fps = args.fps or 30.0
        states, total = states_of_timeline(timeline, fps), round((timeline.duration + TAIL) * fps)
    avatar = Avatar.load(args.bundle, args.engine)
    frames = render_video(avatar, states, args.out, fps, backdrop, camera, total)
    print(f"wrote {args.out}: {frames} frames, {frames / fps:.1f} s")


def _prompted(text: str) -> Timeline:
    prompt = parse(text)
    if prompt.unknown:
        first = prompt.unknown[0]
        raise BadInput(f"'{first.phrase}' is not known; near it are: {', '.join(first.nearest)}")
    return prompt.timeline
