"""What a face can do that the 52 coefficients cannot say: the tongue's way, one cheek's air, clenched teeth, colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Manner:
    """Added to what the coefficients of a moment say. Left and right are the subject's, so left is positive."""

    tongue: float = 0.0
    """How far the tongue is out, 0..1; the larger of this and `tongueOut` holds."""
    tongue_side: float = 0.0
    """Where its tip points, -1 (right) .. 1 (left)."""
    tongue_up: float = 0.0
    """How far the tip curls up to the upper lip, 0..1."""
    puff_side: float = 0.0
    """Which cheek holds the air of `cheekPuff`: -1 the right one alone, 0 both, 1 the left one alone."""
    clench: float = 0.0
    """How far the teeth stay together while the lips open, 0..1."""
    twist: float = 0.0
    """A grimace that drags the mouth to one side, -1..1."""
    flush: float = 0.0
    """The face's colour: 1 red with rage, -1 pale with fear."""
    furrow: float = 0.0
    """Depth of the lines on the forehead and between the brows, 0..1."""


PLAIN = Manner()
"""Nothing but the coefficients."""
