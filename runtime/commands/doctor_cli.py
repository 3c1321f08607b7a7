"""`mien doctor`: what is installed, what works, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from runtime.commands.demo import DEMO
from runtime.commands.doctor import examine, healthy, report
from runtime.config import ServerConfig
from runtime.machine import about, machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, default=DEMO, help="avatar to try (default: the demo)")
    parser.add_argument("--host", default=ServerConfig.host)
    parser.add_argument("--port", type=int, default=ServerConfig.port, help="port that should be free")
    parser.add_argument("--watermark", type=Path, metavar="FILE", help="only tell whether a video carries Mien's mark")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")


def run(args: argparse.Namespace) -> int:
    """The exit status is 0 where everything that serving needs works (or the mark is found), 3 otherwise.

    Raises BadInput on a bad port or a file that is no video.
    """
    if args.watermark is not None:
        from runtime.media.watermarked import read_marks  # needs packages that the rest finds missing

        marks = read_marks(args.watermark)
        print(json.dumps(marks.as_dict()) if args.json else str(marks))
        return 0 if marks.found else 3
    config = ServerConfig(host=args.host, port=args.port)
    checks = examine(args.bundle, config.host, config.port)
    if args.json:
        print(json.dumps(report(checks), indent=1))
    else:
        print(about(machine()) + "\n")
        for check in checks:
            mark = "ok  " if check.ok else ("FAIL" if check.needed else "--  ")
            print(f"{mark}  {check.name:<24}{check.says}")
    return 0 if healthy(checks) else 3
