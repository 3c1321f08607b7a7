"""Loading beside the main thread, so that Ctrl-C and errors end a command at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
NAME = "mien-load"


def start_loading(load: Callable[[], T]) -> Future[T]:
    """Runs `load` in a thread of its own; the future's `result` waits for it and raises what it raised.

    An engine compiles its graphs for seconds in C++, where Python's main thread would not hear a signal.
    """
    pool = ThreadPoolExecutor(1, NAME)
    loading = pool.submit(load)
    pool.shutdown(wait=False)
    return loading


def is_loading() -> bool:
    """Whether something is being loaded still; the interpreter would wait for it before it ends."""
    return any(thread.name.startswith(NAME) for thread in threading.enumerate())
