"""How the work of a thread ended, told to whom it concerns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

log = logging.getLogger(__name__)


class Reporting(AbstractContextManager["Reporting"]):
    """Around all that a thread does: whatever error ends it is logged and handed to `on_failure` in that thread.

    Python would print it and tell nobody, and the rest of the process would wait for what never comes.
    """

    def __init__(self, what: str, on_failure: Callable[[Exception], None]) -> None:
        """`what` fails, in the log's words."""
        self._what = what
        self._on_failure = on_failure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        log.error("%s failed", self._what, exc_info=error)
        self._on_failure(error)
        return True
