"""Which of a person's pictures are kept: expressive ones that differ (DivEx in Joker's released code)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offline.joker.captures.layout import TONGUE

TURN = 0.5
"""Weight of a radian of the head's turn beside the distance of the coefficients."""
DIVERSITY = 2.0
"""Weight of being different beside being expressive."""


def most_expressive(
    expressions: NDArray[np.floating], angles: NDArray[np.floating], captions: Sequence[str], count: int
) -> list[int]:
    """At most `count` of N pictures, the calm frontal one first, then the most telling.

    `expressions` [N, 52], `angles` [N, 2] (yaw and pitch, radians). Each next one has the highest sum of its distance
    from rest, twice its distance from the nearest of those chosen, and a point for a tongue in its caption.
    """
    if not len(expressions) or count < 1:
        return []
    effort = np.linalg.norm(expressions, axis=1) + TURN * np.linalg.norm(angles, axis=1)
    apart = np.linalg.norm(expressions[:, None] - expressions, axis=-1)
    apart = apart + TURN * np.linalg.norm(angles[:, None] - angles, axis=-1)
    tongue = TONGUE * np.array(["tongue" in caption for caption in captions])
    chosen = [int((effort + np.linalg.norm(angles, axis=1)).argmin())]
    while len(chosen) < min(count, len(effort)):
        score = effort + tongue + DIVERSITY * apart[:, chosen].min(1)
        score[chosen] = -np.inf
        chosen.append(int(score.argmax()))
    return chosen
