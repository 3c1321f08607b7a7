"""Gives the memory of ended sessions back to the system.

A WebRTC connection leaves cycles of references behind, about a megabyte each; Python looks for such seldom in a process
that has loaded much, and glibc keeps what several threads have freed. Without this a server grows by a fifth over fifty
visits.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable

DELAY = 0.5
"""Seconds after a session's end; several that end together are tidied up after at once."""


def freeze_loaded() -> None:
    """Takes all that is loaded now out of later collections, so that these are a matter of milliseconds."""
    gc.collect()
    gc.freeze()


class Tidier:
    """Collects some time after it was asked to; on the event loop."""

    def __init__(self) -> None:
        self._pending: asyncio.TimerHandle | None = None
        self._trim = _trimmer()

    def soon(self) -> None:
        """Tidies up in `DELAY` seconds, unless that is coming anyway."""
        if self._pending is None:
            self._pending = asyncio.get_running_loop().call_later(DELAY, self._tidy)

    def _tidy(self) -> None:
        self._pending = None
        gc.collect()
        asyncio.get_running_loop().run_in_executor(None, self._trim)


def _trimmer() -> Callable[[], object]:
    """glibc's `malloc_trim`, or nothing where there is none."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            return lambda: trim(0)
    return lambda: None
