"""Letters to mouth shapes: enough to mouth a word. It follows spelling, not pronunciation."""

from __future__ import annotations

from runtime.driving.language.phrases import Beat, LexiconEntry

LONGEST = 60
"""Letters that are mouthed; the rest is left out."""
PACE = 0.13
"""Seconds from one shape to the next."""

_SHAPES: dict[str, dict[str, float]] = {
    "a": {"jawOpen": 0.6, "mouthLowerDownLeft": 0.25, "mouthLowerDownRight": 0.25},
    "e": {"jawOpen": 0.25, "mouthStretchLeft": 0.45, "mouthStretchRight": 0.45},
    "i": {"jawOpen": 0.15, "mouthStretchLeft": 0.6, "mouthStretchRight": 0.6},
    "o": {"jawOpen": 0.45, "mouthFunnel": 0.8},
    "u": {"jawOpen": 0.2, "mouthPucker": 0.85},
    "m": {"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "f": {"jawOpen": 0.1, "mouthRollLower": 0.6, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2},
    "l": {"jawOpen": 0.3, "tongueOut": 0.1},
    "s": {"jawOpen": 0.08, "mouthStretchLeft": 0.3, "mouthStretchRight": 0.3},
    "c": {"jawOpen": 0.12, "mouthFunnel": 0.5},
    "k": {"jawOpen": 0.2},
}
_SPELLINGS: dict[str, str] = {
    **dict.fromkeys(("oo", "ou"), "u"),
    **dict.fromkeys(("ee", "ea"), "i"),
    **dict.fromkeys(("sh", "ch"), "c"),
    **dict.fromkeys(("ai", "ay"), "e"),
    **{"th": "l", "ph": "f", "ow": "o"},
    **dict.fromkeys("aàáâäã", "a"),
    **dict.fromkeys("eéèêë", "e"),
    **dict.fromkeys("iíîy", "i"),
    **dict.fromkeys("oóôö", "o"),
    **dict.fromkeys("uúüw", "u"),
    **dict.fromkeys("mbp", "m"),
    **dict.fromkeys("fv", "f"),
    **dict.fromkeys("ldnt", "l"),
    **dict.fromkeys("szx", "s"),
    **dict.fromkeys("jr", "c"),
    **dict.fromkeys("cgkqh", "k"),
}


def shapes(text: str) -> list[str]:
    """The shapes of a text, by their letter in `_SHAPES`; equal neighbours once, a space for a pause."""
    found: list[str] = []
    letters = text.lower()[:LONGEST]
    i = 0
    while i < len(letters):
        width = 2 if letters[i : i + 2] in _SPELLINGS else 1
        shape = _SPELLINGS.get(letters[i : i + width], " ")
        if not found or found[-1] != shape:
            found.append(shape)
        i += width
    return found


def spoken(text: str) -> LexiconEntry:
    """The gesture of saying `text` without a voice."""
    said = shapes(text)
    lone = len([shape for shape in said if shape != " "]) == 1
    hold = 0.9 if lone else 0.02
    beats = [Beat(_SHAPES[s], i * PACE, PACE, hold, PACE) for i, s in enumerate(said) if s in _SHAPES]
    beats = beats or [Beat({"jawOpen": 0.3}, 0, PACE, 0.2, PACE)]
    length = max(b.start + b.attack + b.hold + b.release for b in beats)
    return LexiconEntry(f"say {text[:LONGEST]}", tuple(beats), (), 0.9, "both", True, length + PACE)
