"""Calling commands, in this process or as users do."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIEN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a script
from runtime.commands.main import main
raise SystemExit(main())
"""
LIMIT = 300.0
"""Seconds after which a process counts as hanging, on however busy a machine."""


def call(module: str, *arguments: str) -> int:
    """A command's `run`, as the dispatcher calls it."""
    command = importlib.import_module(module)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(list(arguments))) or 0)


@contextlib.contextmanager
def start(*arguments: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """`mien` with these arguments in a process of its own, which runs the Python code `before` first.

    It is killed where it still runs at the end.
    """
    command = [sys.executable, "-c", before + MIEN, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
