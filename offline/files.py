"""Writing files so that a kill at any moment leaves the old one or the new one, by one command at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from runtime.errors import Unavailable


def replaced(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write(temporary)` make a file beside `path`, then move it into place."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps other commands out of `folder` meanwhile; a kill lets go. Raises Unavailable where one is at work there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise Unavailable(f"another command is at work in '{folder}'; wait for it or stop it") from error
