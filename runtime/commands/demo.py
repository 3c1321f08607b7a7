"""Where the demo avatar's bundle is."""

from __future__ import annotations

from pathlib import Path

DEMO = Path(__file__).parents[1] / "assets" / "demo.mien"
