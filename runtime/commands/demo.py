"""Where the demo avatars' bundles are."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parents[1] / "assets"
DEMOS = (ASSETS / "mira.mien", ASSETS / "amon.mien")
DEMO = DEMOS[0]
"""The one that commands take which show a single avatar."""
