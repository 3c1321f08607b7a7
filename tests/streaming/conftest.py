"""Time limits of the server's that no busy machine reaches; tests of the limits themselves set their own."""

from __future__ import annotations

import pytest

from runtime.streaming import peer
from tests.streaming.caller import LIMIT


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONNECT_LIMIT", "SILENT_LIMIT", "CLOSE_LIMIT"):
        monkeypatch.setattr(peer, name, LIMIT)
