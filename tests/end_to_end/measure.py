"""Measures the whole road through a real Chromium: `python -m tests.end_to_end.measure --help`.

`live` plays a driving video as the camera for some time and tells how many frames a second are displayed, how long each
took from camera to screen, minute by minute, and what the server needs. `follow` records what the page received and
compares the avatar's face with the driver's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.sync_api import Page

from runtime.commands.demo import DEMO
from runtime.media.paths import ffmpeg_name
from tests.end_to_end.browsing import browsing, wait_for
from tests.end_to_end.driving import camera_file, real_video
from tests.end_to_end.process import ServerProcess, server_process
from tests.end_to_end.recording import Displayed, displayed, log_displayed, received, tap
from tests.end_to_end.signals import compare, face_signals

SETTLE = 3.0
"""Seconds after the camera starts that do not count: the tracker learns the face, the browser its bitrate."""
POLL = 5.0


def main(argv: list[str] | None = None) -> int:
    """Runs one measurement; prints a table, or one JSON object with `--json`."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.measure", description=__doc__)
    parser.add_argument("mode", choices=tuple(MODES))
    parser.add_argument("--video", default="webcam-glasses", help="a name in the data folder, or a path")
    parser.add_argument("--bundle", type=Path, default=DEMO)
    parser.add_argument("--stub", action="store_true", help="a server with fake avatar and tracker")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--screenshot", type=Path, help="write a picture of the running page")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="write the JSON object to a file")
    args = parser.parse_args(argv)
    video = real_video(args.video) or Path(args.video)
    with tempfile.TemporaryDirectory() as folder:
        camera = Path(folder) / "camera.mjpeg"
        camera_file(video, camera)
        result = {"machine": machine(), "video": video.stem, **MODES[args.mode](args, camera)}
    text = json.dumps(result, indent=None if args.json else 2)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(text if args.json else table(result))
    return 0


def machine() -> dict[str, Any]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = models[0] if models else platform.processor()
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version()}


@contextlib.contextmanager
def performing(args: argparse.Namespace, camera: Path, record: bool) -> Iterator[tuple[ServerProcess, Page]]:
    """A server, and a page on it that has been driven by a camera's file for some seconds."""
    with server_process(*_served(args), stub=args.stub) as server, browsing(None, camera) as page:
        if record:
            tap(page)
        page.goto(server.url)
        wait_for(page, "mien.stats().state === 'live'")
        page.click("#use-camera")
        wait_for(page, "mien.stats().source === 'camera'")
        time.sleep(SETTLE)
        yield server, page


def _served(args: argparse.Namespace) -> list[str]:
    return [] if args.stub else [str(args.bundle)]


def live(args: argparse.Namespace, camera: Path) -> dict[str, Any]:
    """Frame rate, delays and what the server needs."""
    with server_process(*_served(args), stub=args.stub, wait=False) as server:
        first_frame = server.first_frame()
    with performing(args, camera, record=False) as (server, page):
        opened = page.evaluate("mien.stats().milestones")
        log_displayed(page)
        frames, memory, used, begun = [], [server.memory()], server.cpu(), time.monotonic()
        while (left := begun + args.seconds - time.monotonic()) > 0:
            time.sleep(min(POLL, left))
            frames += displayed(page)
            memory.append(server.memory())
        cores = (server.cpu() - used) / (time.monotonic() - begun)
        stats = page.evaluate("mien.stats()")
        if args.screenshot is not None:
            page.screenshot(path=str(args.screenshot))
    return summary(frames) | {
        "server_cores": round(cores, 3),
        "server_memory_mb": {"first": round(memory[0]), "last": round(memory[-1]), "highest": round(max(memory))},
        "start_to_first_frame_s": round(first_frame, 2),
        "post_to_201_ms": round(opened["answered"] - opened["posted"], 1),
        "post_to_first_displayed_ms": round(opened["shown"] - opened["posted"], 1),
        "frames_dropped_by_browser": stats["framesDropped"],
    }


def summary(frames: list[Displayed]) -> dict[str, Any]:
    """Frame rate and delays of displayed frames, in all and minute by minute."""
    shown = np.array([f.shown_at for f in frames])
    delays = np.array([np.nan if f.delay is None else f.delay for f in frames])
    minute = ((shown - shown[0]) // 60_000).astype(int)
    stages = {
        name: round(float(np.nanmedian([np.nan if f.stages[name] is None else f.stages[name] for f in frames])), 1)
        for name in frames[0].stages
    }
    return {
        "displayed_fps": round((len(shown) - 1) * 1000 / (shown[-1] - shown[0]), 2),
        "camera_to_screen_ms": _quantiles(delays),
        "by_minute_ms": [_quantiles(delays[minute == m]) for m in range(minute[-1] + 1)],
        "interval_ms_p99": round(float(np.percentile(np.diff(shown), 99)), 1),
        "frames": len(frames),
        "stages_ms_p50": stages,
    }


def _quantiles(delays: np.ndarray) -> dict[str, float]:
    known = delays[np.isfinite(delays)]
    if not len(known):
        return {"p50": float("nan"), "p95": float("nan")}
    return {"p50": round(float(np.percentile(known, 50)), 1), "p95": round(float(np.percentile(known, 95)), 1)}


def follow(args: argparse.Namespace, camera: Path) -> dict[str, Any]:
    """How far the avatar's face does what the driver's does."""
    with performing(args, camera, record=True) as (_, page):
        before = int(page.evaluate("window.received.length"))
        time.sleep(args.seconds)
        times, pictures = received(page, before)
        if args.screenshot is not None:
            page.screenshot(path=str(args.screenshot))
    with av.open(ffmpeg_name(camera)) as source:
        driver = face_signals(frame.to_ndarray(format="rgb24") for frame in source.decode(video=0))
    avatar = face_signals(pictures)
    seen = float(np.isfinite(avatar[:, 0]).mean())
    return {"frames": len(pictures), "face_found": round(seen, 3), "signals": compare(driver, times, avatar)}


MODES = {"live": live, "follow": follow}


def table(result: dict[str, Any], indent: str = "") -> str:
    """The result as lines of names and values."""
    lines = []
    for name, value in result.items():
        if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
            lines += [f"{indent}{name}", table(value, indent + "  ")]
        elif isinstance(value, dict):
            lines.append(f"{indent}{name:28}" + "  ".join(f"{k} {v}" for k, v in value.items()))
        else:
            lines.append(f"{indent}{name:28}{value}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
