"""Calling commands, in this process or as users do."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIEN = "from runtime.commands.main import main; raise SystemExit(main())"


def call(module: str, *arguments: str) -> int:
    """A command's `run`, as the dispatcher calls it."""
    command = importlib.import_module(module)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(list(arguments))) or 0)


def start(*arguments: str, before: str = "") -> subprocess.Popen[str]:
    """`mien` with these arguments in a process of its own, which runs the Python code `before` first."""
    command = [sys.executable, "-c", before + MIEN, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
