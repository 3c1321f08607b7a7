"""How long work shows itself."""

from __future__ import annotations

BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"
"""Format of a tqdm bar whose total is 100."""
