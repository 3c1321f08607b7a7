"""An avatar's own expressions: heads that no coefficient describes, each ready to be played.

A bank lists at most 16 of them. What a bundle says of each is here; its planes are in the bundle's `bank.npz`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from runtime.contract.drive import BANK, EXPRESSIONS, INDEX
from runtime.naming import shown, unknown

MAX_NAME = 32
MAX_PROMPT = 300
MAX_HOLD = 60.0
GAZE = "eyeLook"


@dataclass(frozen=True)
class BankExpression:
    """One expression of a bank. Raises ValueError, naming the expression, where a value cannot be."""

    name: str
    """Unique, up to 32 letters, digits, spaces and hyphens, from a letter on; a live prompt says it."""
    prompt: str
    """The sentence it was made from, up to 300 characters."""
    coefficients: Mapping[str, float] = field(default_factory=dict)
    """ARKit names with values 0..1: what of it the 52 coefficients do say."""
    drive: str | None = None
    """The ARKit coefficient that plays it live."""
    hold: float = 2.0
    """Seconds for which a live prompt shows it."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(rf"[A-Za-z][A-Za-z0-9 -]{{0,{MAX_NAME - 1}}}", self.name):
            raise ValueError(f"{shown(self.name)} is no name of up to {MAX_NAME} letters, digits, spaces, hyphens")
        if not isinstance(self.prompt, str) or not self.prompt.strip() or len(self.prompt) > MAX_PROMPT:
            raise ValueError(f"the prompt of '{self.name}' must be a text of 1 to {MAX_PROMPT} characters")
        if not isinstance(self.coefficients, Mapping):
            raise ValueError(f"the coefficients of '{self.name}' must be a mapping")
        for name in (*self.coefficients, *([] if self.drive is None else [self.drive])):
            if not isinstance(name, str) or name not in INDEX:
                raise ValueError(f"'{self.name}': {unknown('coefficient', str(name)[:40], EXPRESSIONS)}")
        for name, value in self.coefficients.items():
            if not _between(value, 0.0, 1.0):
                raise ValueError(f"'{name}' of '{self.name}' must be a number from 0 to 1")
        if not _between(self.hold, 0.0, MAX_HOLD) or not self.hold:
            raise ValueError(f"'hold' of '{self.name}' must be more than 0 and at most {MAX_HOLD:g} seconds")

    @property
    def given(self) -> dict[str, float]:
        """The coefficients that the generator gets under this expression: all but the one that plays it."""
        return {name: value for name, value in self.coefficients.items() if name != self.drive}

    @property
    def overlaid(self) -> dict[str, float]:
        """Those that are laid over a live face while it plays. The gaze stays the live one, unless the expression is
        nothing but a gaze."""
        rest = {name: value for name, value in self.given.items() if not name.startswith(GAZE)}
        return rest or self.given


def checked_bank(entries: object) -> tuple[BankExpression, ...]:
    """Expressions from the plain values of a manifest. Raises ValueError that says what is wrong with them."""
    if not isinstance(entries, list | tuple) or len(entries) > BANK:
        raise ValueError(f"a bank is a list of at most {BANK} expressions")
    known = {f.name for f in fields(BankExpression)}
    for entry in entries:
        if not isinstance(entry, Mapping) or not {"name", "prompt"} <= entry.keys() <= known:
            raise ValueError(
                f"an expression of the bank has name and prompt, and of {', '.join(sorted(known))} no other"
            )
    return distinct([BankExpression(**entry) for entry in entries])


def distinct(bank: Sequence[BankExpression]) -> tuple[BankExpression, ...]:
    """`bank`, refused with ValueError where a name (in any case) or a drive comes twice."""
    kinds: dict[str, list[Any]] = {
        "name": [e.name.lower() for e in bank],
        "drive": [e.drive for e in bank if e.drive],
    }
    for kind, values in kinds.items():
        if len(set(values)) < len(values):
            raise ValueError(f"two expressions of the bank have the same {kind}")
    return tuple(bank)


def _between(value: object, low: float, high: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and low <= value <= high  # type: ignore[operator]  # no NaN is between
