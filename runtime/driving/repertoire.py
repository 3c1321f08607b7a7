"""An avatar's own expressions, as driving sees them: what they are called, what goes with them, what plays them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from runtime.contract.bank import BankExpression, distinct
from runtime.contract.drive import INDEX, DriveState, coefficients
from runtime.driving.channels import FACE, OWN, mask
from runtime.driving.language.lexicon import GENERAL, Lexicon
from runtime.driving.language.phrases import Beat, LexiconEntry
from runtime.driving.timeline import Segment

ATTACK, RELEASE = 0.45, 0.55
"""Seconds in which an expression of the avatar's own rises and falls: it is larger than an everyday one."""


class Repertoire:
    """The expressions of one avatar's bank. Immutable; safe to share between threads."""

    def __init__(self, bank: Sequence[BankExpression] = ()) -> None:
        """`bank` is in the bundle's order. Raises ValueError where names or drives come twice."""
        self.bank = distinct(bank)
        self.channels: dict[str, str] = {e.name: OWN[k] for k, e in enumerate(self.bank)}
        """The channel of each expression, by name."""
        self.lexicon = Lexicon([_said(e, OWN[k]) for k, e in enumerate(self.bank)]) if self.bank else GENERAL
        """The phrases that this avatar understands."""
        self._overlaid = {e.name: e.overlaid for e in self.bank}
        self._drives = [(k, INDEX[e.drive]) for k, e in enumerate(self.bank) if e.drive]
        self._coefficients = [coefficients(e.overlaid) for e in self.bank]
        self._brought = {k: np.array([c[drive] for c in self._coefficients], np.float32) for k, drive in self._drives}
        self._claims = [_claims(e) for e in self.bank]

    def overlaid(self, name: str) -> dict[str, float]:
        """The coefficients that go with the expression of that name at full weight."""
        return self._overlaid[name]

    def driven(self, state: DriveState) -> DriveState:
        """`state` with what its coefficients play: a `drive` coefficient becomes the weight of its expression, whose
        own coefficients are laid over the face as far; the generator then is not given the drive.

        What an expression that plays already brings of a drive, as "left cheek" may of `cheekPuff`, asks for nothing
        and goes to the generator. Details are what tracking adds to everyday faces; they fade as an expression comes.
        """
        if not self.bank:
            return state
        expression, bank = state.expression.copy(), state.bank.copy()
        asked: list[tuple[int, float]] = []
        for k, drive in self._drives:
            brought = min(float(bank[: len(self.bank)] @ self._brought[k]), float(expression[drive]))
            asked.append((k, float(expression[drive]) - brought))
            expression[drive] = brought
        for k, weight in asked:
            if weight > bank[k]:
                share = (weight - bank[k]) / (1.0 - bank[k])
                expression += share * self._claims[k] * (self._coefficients[k] - expression)
                bank[k] = weight
        return replace(state, expression=expression, bank=bank, detail=state.detail * (1.0 - bank.max()))


def _said(expression: BankExpression, channel: str) -> LexiconEntry:
    """As prompts know it. Words that prompts give another meaning only count where the name is all that is said."""
    words = re.findall(r"[a-z]+", expression.name.lower())
    phrase = " ".join(GENERAL.dictionary_form(word) if GENERAL.knows(word) else word for word in words)
    targets = {**expression.overlaid, channel: 1.0}
    beat = Beat(targets, attack=ATTACK, hold=expression.hold, release=RELEASE)
    return LexiconEntry(expression.name, (beat,), tuple(dict.fromkeys((expression.name, phrase))), normal=1.0)


def _claims(expression: BankExpression) -> np.ndarray:
    """[52], 1 for the coefficients that the expression speaks for."""
    return mask(Segment(expression.overlaid).claims)[FACE]
