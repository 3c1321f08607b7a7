"""The hairstyles, as numbers; `offline.people.hair` grows them. A bald head has none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How hair is cut and worn. Lengths are dm."""

    length: tuple[float, float]
    """At the crown, and at the sides and the nape."""
    count: int = 15000
    steps: int = 10
    comb: str = "down"
    """Which way it is combed (`offline.people.hair`)."""
    gravity: float = 0.3
    fall: float = 0.9
    """How much of its way gravity takes over, a dm from the root."""
    stiff: float = 0.6
    lift: float = 0.05
    """How far the outermost strands stand off."""
    curl: float = 0.0
    """Radius of its curls, dm."""
    turns: float = 0.0
    """Of a curl, a dm."""
    wave: float = 0.0
    clump: float = 0.35
    width: float = 0.0058
    tie: str = "none"
    """"tail" or "bun"."""
    fringe: float = 0.0


STYLES: dict[str, Style] = {
    "shaved": Style(
        (0.022, 0.018), count=26000, steps=2, comb="out", gravity=0.1, fall=0, lift=0.01, clump=0.0, width=0.0035
    ),
    "crop": Style(
        (0.28, 0.11), count=26000, steps=6, comb="forward", gravity=0.12, fall=0.2, lift=0.10, clump=0.15, width=0.0046
    ),
    "side part": Style(
        (0.62, 0.16), count=20000, steps=9, comb="side", gravity=0.10, fall=0.25, stiff=0.45, lift=0.08, clump=0.4
    ),
    "swept back": Style(
        (0.80, 0.22), count=20000, steps=9, comb="back", gravity=0.10, fall=0.2, stiff=0.45, lift=0.09, clump=0.4
    ),
    "curly": Style(
        (0.62, 0.45),
        count=12000,
        steps=18,
        comb="out",
        gravity=0.25,
        fall=0.45,
        lift=0.30,
        curl=0.055,
        turns=4.5,
        clump=0.55,
    ),
    "afro": Style(
        (0.75, 0.60),
        count=15000,
        steps=16,
        comb="out",
        gravity=0.02,
        fall=0,
        lift=0.6,
        curl=0.032,
        turns=9.0,
        clump=0.2,
        width=0.005,
    ),
    "bob": Style((1.75, 1.25), count=15000, steps=15, comb="parted", gravity=0.15, fall=1.1, lift=0.13, clump=0.35),
    "long": Style((3.1, 2.5), count=11500, steps=20, comb="parted", gravity=0.15, fall=1.1, lift=0.12, clump=0.4),
    "long wavy": Style(
        (3.0, 2.4), count=11000, steps=21, comb="parted", gravity=0.15, fall=1.1, lift=0.17, wave=0.05, clump=0.6
    ),
    "fringe": Style(
        (1.6, 1.2), count=15000, steps=14, comb="fringe", gravity=0.15, fall=1.1, lift=0.12, clump=0.22, fringe=0.40
    ),
    "ponytail": Style(
        (1.7, 1.5),
        count=14000,
        steps=20,
        comb="tied",
        gravity=0.0,
        fall=0,
        stiff=0.25,
        lift=0.07,
        clump=0.35,
        tie="tail",
    ),
    "bun": Style(
        (1.7, 1.5),
        count=14000,
        steps=20,
        comb="tied",
        gravity=0.0,
        fall=0,
        stiff=0.25,
        lift=0.07,
        clump=0.35,
        tie="bun",
    ),
}
