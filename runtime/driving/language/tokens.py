"""A prompt's letters to tokens: words in dictionary form, separators, and numbers with what they count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runtime.driving.language.lexicon import GENERAL, Lexicon
from runtime.driving.language.words import (
    AND,
    COMMANDING,
    DURATIONS,
    FILLERS,
    IN_A,
    KEEP,
    NOT,
    NUMBERS,
    PAUSES,
    STOPS,
    THEN,
    TIMES,
    UNITS,
)

Kind = Literal["word", "then", "and", "after", "time", "count", "share", "degrees", "keep", "not"]

_PIECES = re.compile(r"\d+\s*/\s*\d+|\d+(?:[.,]\d+)?|%|[^\W\d_]+|[,;.:!?\n]+|->|→|&|\+")
_APOSTROPHES = re.compile("['\u2019]")
_BREAK = re.compile(r"[,;.:!?\n→]|->")
_POLITE = re.compile(
    r"\b(?:dont forget (?:to )?|why (?:dont|not) (?:you )?|(?:cant|couldnt|wont|wouldnt) you |if you dont mind|"
    r"not only |nothing (?:but|except) )"
)
"""A "not" that forbids nothing."""


@dataclass(frozen=True)
class Token:
    """One word, separator or quantity."""

    kind: Kind
    text: str
    """Dictionary form of a word."""
    raw: str
    """As it was written, in lower case."""
    value: float = 0.0
    """Seconds of a time, share 0..1 of full strength, degrees, or how often; seconds between the two of "after"."""


def read(text: str, lexicon: Lexicon = GENERAL) -> list[Token]:
    """The tokens of a prompt of any content."""
    plain = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text.replace("½", " 1/2 ")).lower())
    raws = _PIECES.findall(_POLITE.sub(" ", plain))
    words = [raw if _BREAK.match(raw) else lexicon.dictionary_form(raw) for raw in raws]
    tokens: list[Token] = []
    i = 0
    while i < len(words):
        delay = _delay(words, raws, i)
        if delay:
            pause, end = delay
            _wait(tokens, pause, _ends(words, raws, end))
            i = end
            continue
        token, i = (
            _moment(words, raws, i)
            or _quantity(words, raws, i)
            or _negation(words, raws, i, tokens)
            or _plain(words, raws, i, tokens)
        )
        if token.kind == "time" and words[i : i + 1] == ["after"] and tokens and tokens[-1].raw != "for":
            token, i = Token("after", "after", f"{token.raw} after", token.value), i + 1
        tokens.append(token)
    return tokens


def _wait(tokens: list[Token], pause: Token, last: bool) -> None:
    """Put a pause before what it delays: the step that has just been read where it is `last` of it, else the next."""
    begun = len(tokens) - len(_step(tokens))
    then, wait = Token("then", "then", ","), [Token("word", "wait", pause.raw), pause]
    if last and len(tokens) > begun and tokens[-1].kind != "and":
        tokens[begun:begun] = [*wait, then]
        return
    while tokens and tokens[-1].kind == "and":
        tokens.pop()
    tokens += [then, *wait, then]


def _ends(words: Sequence[str], raws: Sequence[str], i: int) -> bool:
    """Whether a step or a part of one ends before `i`."""
    return i >= len(words) or bool(_BREAK.match(raws[i])) or words[i] in THEN or words[i] in AND or words[i] in NOT


def _delay(words: Sequence[str], raws: Sequence[str], i: int) -> tuple[Token, int] | None:
    """ "After 3 seconds", "in a moment", "3 seconds later", "with a delay of 3 seconds" at `i`, as a time."""
    begun = i
    announced = words[i] in ("after", "in")
    if words[i] == "with":
        i += 1 + (words[i + 1 : i + 2] == ["a"])
        if words[i : i + 1] and words[i] in PAUSES:
            announced, i = True, i + 1
            i += words[i : i + 1] == ["of"]
    elif announced:
        i += 1
    found = _time(words, raws, i)
    if found is None:
        return None
    time, end = found
    if words[end : end + 1] and words[end] in PAUSES and begun < i:
        announced, end = True, end + 1
    for after in (["later"], ["afterward"], ["from", "now"], ["after", "that"], ["after", "this"]):
        if list(words[end : end + len(after)]) == after:
            announced, end = True, end + len(after)
    return (Token("time", time.text, " ".join(raws[begun:end]), time.value), end) if announced else None


def _moment(words: Sequence[str], raws: Sequence[str], i: int) -> tuple[Token, int] | None:
    """ "At 3 seconds", which no step can be put at, as one word that nothing knows."""
    found = _quantity(words, raws, i + 1) if words[i] == "at" and i + 1 < len(words) else None
    if found is None or found[0].kind != "time":
        return None
    raw = " ".join(raws[i : found[1]])
    return Token("word", raw, raw), found[1]


def _time(words: Sequence[str], raws: Sequence[str], i: int) -> tuple[Token, int] | None:
    """A duration at `i`, with an article or "about" before it: "a 3 second", "a little while"."""
    while words[i : i + 1] and words[i] in ("a", "an", "about", "around", "another", "the", "little", "short"):
        quantity = _quantity(words, raws, i)
        if quantity and quantity[0].kind == "time":
            return quantity
        i += 1
    if not words[i : i + 1]:
        return None
    quantity = _quantity(words, raws, i)
    if quantity:
        return quantity if quantity[0].kind == "time" else None
    seconds = DURATIONS.get(words[i]) if raws[i - 1] in ("a", "little", "short", "an") else None
    seconds = IN_A.get(words[i]) if seconds is None and raws[i - 1] == "a" else seconds
    return (Token("time", words[i], raws[i], seconds), i + 1) if seconds else None


def _negation(
    words: Sequence[str], raws: Sequence[str], i: int, before: Sequence[Token]
) -> tuple[Token, int] | None:  # fmt: skip
    """A word that excludes what follows it in its part: "without" what may not be, "instead" what only is not meant."""
    word, end = words[i], i + 1
    following = next((k for k in range(end, len(words)) if words[k] not in FILLERS), len(words))
    if any(token.text == "say" for token in _step(before)):
        return None
    if word in ("instead", "rather") and words[end : end + 1] in (["of"], ["than"]):
        return Token("not", "instead", " ".join(raws[i : end + 1])), end + 1
    if word in ("but", "except", "other") and before and before[-1].raw in ("everything", "anything", "all"):
        return Token("not", "instead", raws[i]), end + (words[end : end + 1] == ["than"])
    if word == "or" and any(token.kind == "not" for token in _step(before)):
        return Token("not", "instead" if _step(before)[-1].text == "instead" else "without", raws[i]), end
    if word in NOT and any(words[k] in ("expression", "emotion", "feeling") for k in range(end, following)):
        return Token("word", "neutral", " ".join(raws[i:following])), following
    if word not in NOT or following >= len(words) or _BREAK.match(raws[following]) or words[following] in AND:
        return None
    if words[following] == "know" or (word in STOPS and words[following] in THEN | {"everything", "all"}):
        return None
    if word in STOPS:
        return Token("not", "stop", raws[i]), end
    contrast = word == "not" and not (before and before[-1].text in COMMANDING) and words[end] != "to"
    return Token("not", "instead" if contrast or word in ("except", "excluding") else "without", raws[i]), end


def _step(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens of the step that is being read."""
    begun = next((k for k in range(len(tokens), 0, -1) if tokens[k - 1].kind == "then"), 0)
    return tokens[begun:]


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
