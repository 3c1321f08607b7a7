"""Who is connected, and how many may be."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable


class Full(Exception):
    """No session is free."""


class Registry:
    """Connections by unguessable ids, at most `limit`; on the event loop.

    A place is taken before anything is built, so that requests at the same moment cannot pass the limit together.
    """

    def __init__(self, limit: int, on_leave: Callable[[], None] = lambda: None) -> None:
        self.limit = limit
        self._on_leave = on_leave
        self.admitting = True
        self.opened = 0
        self.rejected = 0
        self._closers: dict[str, Callable[[], Awaitable[object]] | None] = {}

    def __len__(self) -> int:
        return len(self._closers)

    @property
    def free(self) -> bool:
        """Whether one more connection would be let in."""
        return self.admitting and len(self._closers) < self.limit

    def enter(self) -> str:
        """Takes a place and returns its id. Raises Full without one."""
        if not self.free:
            self.rejected += 1
            raise Full
        key = secrets.token_urlsafe(24)
        self._closers[key] = None
        self.opened += 1
        return key

    def attach(self, key: str, closer: Callable[[], Awaitable[object]]) -> None:
        """Says how the connection of a place is ended."""
        self._closers[key] = closer

    def leave(self, key: str) -> None:
        """Gives a place back; a second time does nothing."""
        if key in self._closers:
            del self._closers[key]
            self._on_leave()

    def knows(self, key: str) -> bool:
        """Whether the id belongs to a connection."""
        return self._closers.get(key) is not None

    async def close(self, key: str) -> None:
        """Ends one connection and gives its place back."""
        closer = self._closers.get(key)
        if closer is not None:
            await closer()
        self.leave(key)

    async def close_all(self) -> None:
        """Lets nobody in any more and ends all connections."""
        self.admitting = False
        await asyncio.gather(*(self.close(key) for key in tuple(self._closers)))
