"""Words to their dictionary form, and bags of words to expressions, tolerant of endings and typing errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from runtime.driving.language.phrases import FORBIDDABLE, VOCABULARY, LexiconEntry
from runtime.driving.language.words import (
    AND,
    COMMANDING,
    DURATIONS,
    FILLERS,
    IN_A,
    IRREGULAR,
    KEEP,
    NOT,
    NOUNS,
    NUMBERS,
    PAUSES,
    SIDES,
    SPEEDS,
    STRENGTHS,
    THEN,
    TIMES,
    TOO,
    UNITS,
)

Bag = tuple[str, ...]

LONGEST = 8
"""Most words that a phrase may span in a prompt, those that mean nothing included."""
SIMILAR = 0.74
"""Least similarity (1 less typing errors per letter) at which a word counts as mistyped."""
SHORTEST = 4
"""Words shorter than this are taken as they are: a letter more or less makes another word of them."""


def _endings(word: str) -> list[str]:
    stem = word[:-1] if word.endswith("e") else word
    twice = word + word[-1] if re.search(r"[^aeiou][aeiou][bdgmnpt]$", word) else stem
    forms = [word + "s", word + "es", stem + "ing", stem + "ed", twice + "ing", twice + "ed"]
    return [*forms, word[:-1] + "ies", word[:-1] + "ied"] if word.endswith("y") else forms


_GRAMMAR: set[str] = {
    *AND, *DURATIONS, *FILLERS, *KEEP, *NOT, *NOUNS, *NUMBERS, *SIDES, *SPEEDS, *STRENGTHS, *THEN, *TIMES, *UNITS,
    *IRREGULAR, *PAUSES, *COMMANDING, *TOO, *IN_A, "after", "percent", "degree", "times", "which", "say", "than",
    "other", "everything", "anything", "all", "or", "forget",
}  # fmt: skip


@dataclass(frozen=True)
class Match:
    """An expression found in a list of words."""

    expression: LexiconEntry
    start: int
    end: int
    """Index after its last word."""
    side: str | None
    """"left", "right" or "both" where the words say so."""


class Lexicon:
    """The words and phrases of one avatar: those that every head knows, after `own`, which only this one does."""

    def __init__(self, own: Sequence[LexiconEntry] = ()) -> None:
        """`own` expressions have phrases of dictionary forms; they come before general ones of the same words."""
        self.own = {expression.name.lower(): expression for expression in own}
        known = (*own, *VOCABULARY)
        said = {word for e in (*known, *FORBIDDABLE) for phrase in e.phrases for word in phrase.lower().split()}
        self._forms: dict[str, str] = {
            form: word
            for word in sorted(said | UNITS.keys() | KEEP, key=len, reverse=True)
            for form in _endings(word)
            if len(word) > 2 and form not in _GRAMMAR
        } | IRREGULAR
        self._words = frozenset(said | _GRAMMAR | self._forms.keys())
        self._long = sorted(word for word in self._words if len(word) >= SHORTEST)
        self._by_bag: dict[Bag, LexiconEntry] = {}
        for expression in known:
            for phrase in expression.phrases:
                self._by_bag.setdefault(self._bag(phrase), expression)
        self._forbiddable = {self._bag(phrase): e for e in FORBIDDABLE for phrase in e.phrases}
        self._phrases = {phrase: e for e in reversed(known) for phrase in e.phrases}

    def exactly(self, text: str) -> LexiconEntry | None:
        """The avatar's own expression whose name is the whole text, whatever its words mean otherwise."""
        return self.own.get(" ".join(text.lower().split()))

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is known as it is written."""
        return word in self._words

    def dictionary_form(self, word: str) -> str:
        """The form under which phrases know a lower-case word: "smiling" and "smilling" are "smile"; others stay."""
        if word not in self._words and len(word) >= SHORTEST:
            found = process.extractOne(word, self._long, scorer=OSA.normalized_similarity, score_cutoff=SIMILAR)
            # The first letter is seldom mistyped, except that it changes place with the second.
            if found and (found[0][0] == word[0] or sorted(found[0]) == sorted(word)):
                word = found[0]
        return self._forms.get(word, word)

    def match_at(self, words: list[str], start: int) -> Match | None:
        """The longest phrase that begins with the word at `start`; words in dictionary form."""
        for end in range(min(len(words), start + LONGEST), start, -1):
            window = words[start:end]
            if not window[0] or not window[-1] or window[0] in FILLERS or window[-1] in FILLERS:
                continue
            found = self._match(window)
            if found:
                return Match(found[0], start, end, found[1])
        return None

    def forbidden(self, words: list[str]) -> Match | None:
        """What all of these words name where they follow a "without": a thing that may move, such as "the eyes"."""
        entry = self._forbiddable.get(tuple(sorted(word for word in words if word and word not in FILLERS)))
        return Match(entry, 0, len(words), None) if entry else None

    def resembling(self, phrase: str) -> LexiconEntry | None:
        """The expression whose phrase is all but the given one, where the words as a whole are that close."""
        found = process.extractOne(phrase, list(self._phrases), scorer=fuzz.ratio, score_cutoff=86)
        return self._phrases[found[0]] if found else None

    def nearest(self, phrase: str, count: int = 3) -> list[str]:
        """The known phrases most like an unknown one, best first."""
        found = process.extract(phrase, list(self._phrases), scorer=fuzz.WRatio, limit=12)
        names = dict.fromkeys(self._phrases[phrase].name for phrase, _, _ in found)
        return list(names)[:count]

    def _bag(self, phrase: str) -> Bag:
        words = [self._forms.get(word, word) for word in phrase.lower().split()]
        return tuple(sorted(word for word in words if word not in FILLERS))

    def _match(self, window: list[str]) -> tuple[LexiconEntry, str | None] | None:
        core = [word for word in window if word and word not in FILLERS]
        if core[0] in SIDES and core[1:] == ["eye"]:
            return None  # "the left eye" is an eye, "eyes left" a direction
        modest = [word for word in core if word not in STRENGTHS and word not in SPEEDS]
        for words in (core, modest):
            expression = self._by_bag.get(tuple(sorted(words)))
            if expression is not None and (words is core or _bounded(window)):
                return expression, None
        sides = [SIDES[word] for word in modest if word in SIDES]
        if len(sides) != 1 or not _bounded(window):
            return None
        plain = [word for word in modest if word not in SIDES]
        for words in (plain, [word for word in plain if word not in ("side", "eye", "one")]):
            expression = self._by_bag.get(tuple(sorted(words)))
            if expression is not None and expression.sided:
                return expression, sides[0]
        return None


def _bounded(window: list[str]) -> bool:
    """Whether no modifier stands at either end: there it may belong to a neighbour."""
    return not any(word in STRENGTHS or word in SPEEDS for word in (window[0], window[-1]))


GENERAL = Lexicon()
"""What every avatar understands."""
