"""`mien bench`: how fast each stage and the whole live path are on this machine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from runtime.commands.bench import bench
from runtime.commands.demo import DEMO
from runtime.errors import BadInput
from runtime.machine import about


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, default=DEMO, help="avatar (default: the demo)")
    parser.add_argument("--engine", default="auto", help="openvino, onnxruntime or auto")
    parser.add_argument("--video", type=Path, help="camera input (default: the avatar's own picture)")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of the throughput run")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")


def run(args: argparse.Namespace) -> None:
    if not 1 <= args.seconds <= 3600:
        raise BadInput(f"--seconds must be 1 to 3600, got {args.seconds:g}")
    report = bench(args.bundle, args.engine, args.video, args.seconds)
    print(json.dumps(report, indent=1) if args.json else text(report))


def text(report: dict[str, Any]) -> str:
    """The report for people."""
    pipeline = report["pipeline"]
    packages = ", ".join(f"{name} {found}" for name, found in report["versions"].items() if found)
    lines = [
        about(report["machine"]),
        packages,
        f"{report['bundle']['name']} ({report['bundle']['mb']} MB, loaded in {report['bundle']['load_s']} s), "
        f"camera: {report['camera']}, face in {report['faces_found']:.0%} of frames",
        report["engine"],
        "",
        f"{'stage':<12}{'median ms':>10}{'95th':>8}",
    ]
    lines += [f"{stage:<12}{row['median_ms']:>10.2f}{row['p95_ms']:>8.2f}" for stage, row in report["stages"].items()]
    lines += [
        "",
        f"whole path: {pipeline['fps']} frames a second over {pipeline['seconds']} s, "
        f"{pipeline['cpu_ms_per_frame']} ms of processor time a frame; peak memory {report['peak_memory_mb']} MB",
    ]
    return "\n".join(lines)
