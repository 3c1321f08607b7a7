"""The 52 axes: MakeHuman's, made as strong as people's, with lips and lids that meet."""

from __future__ import annotations

import numpy as np

from offline.head_model.rims import OVERLAP, Rims
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.tracking.bounded import Floats

STRENGTHS = {
    "mouthSmile": 0.7, "mouthPress": 0.6, "mouthLowerDown": 1.25, "mouthUpperUp": 1.25, "browInnerUp": 1.35,
    "browOuterUp": 1.2, "noseSneer": 1.3, "cheekPuff": 0.85, "jawOpen": 0.9, "mouthClose": 0.9,
}  # fmt: skip
"""What the artist's axes are multiplied by, where a face does less or more at 1."""
TONGUE_LENGTH = 1.25
TONGUE_PARTS = {
    "mouthLowerDownLeft": 0.6,
    "mouthLowerDownRight": 0.6,
    "mouthUpperUpLeft": 0.15,
    "mouthUpperUpRight": 0.15,
}
"""Axes by which the lips let the tongue out: MakeHuman's tongue goes through them."""


def strong_axes(axes: Floats) -> Floats:
    """Axes [52, V, 3] with their strengths, and lips that make way for the tongue."""
    axes = axes * np.array([strength(name) for name in EXPRESSIONS])[:, None, None]
    axes[INDEX["tongueOut"]] *= TONGUE_LENGTH
    axes[INDEX["tongueOut"]] += sum(share * axes[INDEX[name]] for name, share in TONGUE_PARTS.items())
    return axes


def strength(name: str) -> float:
    """Of one axis, by its name without its side."""
    return STRENGTHS.get(name.removesuffix("Left").removesuffix("Right"), 1.0)


def closing_axes(mean: Floats, axes: Floats, lips: Rims, lids: dict[str, Rims]) -> Floats:
    """Axes whose mouthClose shuts a jaw that is open, and whose blinks bring the rims of the lids together."""
    axes = axes.copy()
    open_shut = axes[INDEX["jawOpen"]] + axes[INDEX["mouthClose"]]
    axes[INDEX["mouthClose"]] += lips.spread(mean, lips.gap(mean + open_shut) - lips.gap(mean))
    for side, rims in lids.items():
        blink = axes[INDEX[f"eyeBlink{side}"]]
        blink += rims.spread(mean, rims.gap(mean + blink) - OVERLAP)
    return axes


def lips_closed(vertices: Floats, lips: Rims, lower: Floats) -> Floats:
    """A neutral head [V, 3] with its lips just touching; `lower` [V] is how much a vertex goes with the lower lip."""
    gap = lips.gap(vertices)
    shut = lips.spread(vertices, gap / 2)
    below = Rims(lips.upper, lips.lower, lower).spread(vertices, -gap / 2)
    return vertices + shut + below
