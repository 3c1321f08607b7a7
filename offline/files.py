"""Writing files so that a kill at any moment leaves the old one or the new one, by one command at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from runtime.errors import Unavailable


def replaced(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write(temporary)` make a file beside `path`, then move it into place.

    Raises Unavailable where it cannot be written, as on a full disk; what was there stays.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise Unavailable(
            f"'{path}' could not be written ({error.strerror or error}); make room or take another folder, then run "
            "the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`replaced` with a text."""
    replaced(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """`replaced` with bytes."""
    replaced(path, lambda temporary: temporary.write_bytes(data))


def write_png(path: Path, pixels: NDArray[np.uint8], compression: int = 1) -> None:
    """`replaced` with a picture, uint8 [H, W, 3] BGR or [H, W, 4] BGRA; `compression` 0 (quick) to 9 (small)."""
    ok, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not ok:
        raise ValueError(f"a picture of {pixels.shape} {pixels.dtype} cannot be a PNG")
    write_bytes(path, data.tobytes())


def clear_leftovers(path: Path) -> None:
    """Delete what killed commands left of their attempts at `path`."""
    for left in path.parent.glob(f".*-{path.name}"):
        pid = left.name[1:].split("-")[0]
        if pid.isdecimal() and not _is_running(int(pid)):
            left.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps other commands out of `folder` meanwhile; a kill lets go. Raises Unavailable where one is at work there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise Unavailable(f"another command is at work in '{folder}'; wait for it or stop it") from error
