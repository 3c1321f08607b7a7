"""The 52 ARKit coefficients by the names that other programs give them."""

from __future__ import annotations

from runtime.contract.drive import EXPRESSIONS

LONGEST = 40
"""Characters of a name that are looked at."""


def _folded(name: str) -> str:
    """`name` without the mesh it belongs to ("blendShape1.jawOpen"), case, underscores, hyphens and spaces."""
    bare = name[-LONGEST:].rpartition(".")[2].lower()
    return bare.translate({ord(sign): None for sign in "_- "})


def _spellings() -> dict[str, str]:
    table = {}
    for name in EXPRESSIONS:
        table[_folded(name)] = name
        for side in ("Left", "Right"):
            if name.endswith(side):
                table[_folded(name.removesuffix(side) + side[0])] = name
    return table


_NAMES = _spellings()
_SILENT = {"neutral"} | {
    f"{part}{angle}" for part in ("head", "lefteye", "righteye") for angle in ("yaw", "pitch", "roll")
}


def coefficient(name: str) -> str | None:
    """The ARKit name (one of `EXPRESSIONS`) that `name` spells, or None for a known name that drives nothing.

    Matched without regard to case, ``_``, ``-`` and spaces, after the last dot, with ``L``/``R`` for Left and Right:
    ``JawOpen`` (Live Link, VMC), ``jaw_open``, ``eyeBlink_L`` (ARKit's own raw values, iFacialMocap),
    ``blendShape1.eyeBlink_L`` (Maya). None are MediaPipe's ``_neutral`` and the nine angles that Live Link Face adds
    (HeadYaw … RightEyeRoll): a head turns by `rotation`, eyes by the eyeLook coefficients. Raises KeyError otherwise.
    """
    folded = _folded(name)
    if folded in _NAMES:
        return _NAMES[folded]
    if folded in _SILENT:
        return None
    raise KeyError(name)
