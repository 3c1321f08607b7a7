"""Quoting what came from outside in an error, and naming the nearest known word when somebody wrote an unknown one."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 60
"""Letters of a name or value that are looked at and said."""


class _Short(reprlib.Repr):
    """Looks at no more of a value than it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 4
        self.maxstring = self.maxother = LONGEST

    def repr_int(self, x: int, level: int) -> str:
        """A long one by its size: Python refuses to write one of more than 4300 digits."""
        return repr(x) if abs(x) < 10**20 else f"a number of {x.bit_length()} bits"


_SHORT = _Short()


def shown(value: object) -> str:
    """`value` as Python writes it, in at most `LONGEST` letters and one line, however large and deep it is."""
    text = _SHORT.repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One sentence: "unknown KIND 'NAME'; did you mean 'NEAREST'?", or the list of all where nothing is near."""
    names, name = sorted(known), name[:LONGEST]
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    return f"unknown {kind} '{name}'; {hint}"
