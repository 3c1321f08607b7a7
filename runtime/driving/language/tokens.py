"""A prompt's letters to tokens: words in dictionary form, separators, and numbers with what they count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runtime.driving.language.lexicon import GENERAL, Lexicon
from runtime.driving.language.words import AND, DURATIONS, KEEP, NUMBERS, THEN, TIMES, UNITS

Kind = Literal["word", "then", "and", "after", "time", "count", "share", "degrees", "keep"]

_PIECES = re.compile(r"\d+\s*/\s*\d+|\d+(?:[.,]\d+)?|%|[^\W\d_]+|[,;.:!?\n]+|->|→|&|\+")
_APOSTROPHES = re.compile("['\u2019]")
_BREAK = re.compile(r"[,;.:!?\n→]|->")


@dataclass(frozen=True)
class Token:
    """One word, separator or quantity."""

    kind: Kind
    text: str
    """Dictionary form of a word."""
    raw: str
    """As it was written, in lower case."""
    value: float = 0.0
    """Seconds of a time, share 0..1 of full strength, degrees, or how often."""


def read(text: str, lexicon: Lexicon = GENERAL) -> list[Token]:
    """The tokens of a prompt of any content."""
    plain = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text.replace("½", " 1/2 ")).lower())
    raws = _PIECES.findall(plain)
    words = [raw if _BREAK.match(raw) else lexicon.dictionary_form(raw) for raw in raws]
    tokens: list[Token] = []
    i = 0
    while i < len(words):
        delay = _quantity(words, raws, i + 1) if words[i] in ("after", "in") and i + 1 < len(words) else None
        if delay and delay[0].kind == "time":
            tokens += [Token("then", ",", ","), Token("word", "wait", words[i]), delay[0], Token("then", ",", ",")]
            i = delay[1]
            continue
        token, i = _quantity(words, raws, i) or _plain(words, raws, i, tokens)
        tokens.append(token)
    return tokens


def _plain(words: Sequence[str], raws: Sequence[str], i: int, before: Sequence[Token]) -> tuple[Token, int]:
    word, raw = words[i], raws[i]
    following = words[i + 1] if i + 1 < len(words) else ""
    if _BREAK.match(raw):
        return Token("then", ",", raw), i + 1
    if word == "after" and following in ("that", "this", "which"):
        return Token("then", word, raw), i + 2
    if word == "after":
        return Token("after", word, raw), i + 1
    if word in DURATIONS and (word != "while" or (before and before[-1].text in ("a", "little", "long"))):
        return Token("time", word, raw, DURATIONS[word]), i + 1
    if word in TIMES:
        return Token("count", word, raw, TIMES[word]), i + 1
    if word in THEN:
        return Token("then", word, raw), i + 1
    if word in AND or raw in "&+":
        return Token("and", word, raw), i + 1
    if word in KEEP and not (word == "hold" and following == "on"):
        return Token("keep", word, raw), i + 1
    return Token("word", word, raw), i + 1


def _quantity(words: Sequence[str], raws: Sequence[str], i: int) -> tuple[Token, int] | None:
    """A number and its unit at `i`, if there is one there."""
    number = _number(words, i)
    if number is None:
        return None
    value, end = number
    unit = words[end] if end < len(words) else ""
    raw = " ".join(raws[i : end + 1])
    if unit in UNITS:
        return Token("time", unit, raw, value * UNITS[unit]), end + 1
    if unit in ("%", "percent"):
        return Token("share", unit, raw, min(value / 100, 1.0)), end + 1
    if unit == "degree":
        return Token("degrees", unit, raw, value), end + 1
    if unit == "times":
        return Token("count", unit, raw, value), end + 1
    if raws[i][0].isdigit() and 0 < value < 1:
        return Token("share", "%", raws[i], value), end
    return None


def _number(words: Sequence[str], i: int) -> tuple[float, int] | None:
    """The number that begins at `i` ("2.5", "1/2", "two and a half", "a couple of"), and the index after it."""
    word = words[i]
    if word[0].isdigit():
        over, _, under = word.replace(",", ".").partition("/")
        if under and float(under) == 0:
            return None
        value, end = float(over) / (float(under) if under else 1.0), i + 1
    elif word == "half":
        return 0.5, i + 2 if words[i + 1 : i + 2] in (["a"], ["an"]) else i + 1
    elif word in NUMBERS:
        value, end = NUMBERS[word], i + 1
        if word in ("a", "an") and words[end : end + 1] and words[end] in NUMBERS:
            value, end = NUMBERS[words[end]], end + 1
    else:
        return None
    if list(words[end : end + 3]) == ["and", "a", "half"]:
        return value + 0.5, end + 3
    return value, end + 1 if words[end : end + 1] == ["of"] else end
