"""Text to performance: "look surprised for 2 seconds, then smile" becomes a timeline.

A prompt is a sequence of steps ("then", "after that", a comma or full stop); a step is one or several expressions at
the same time ("and", "while", "with"); each may have a side, a strength ("slightly", "30%", "20 degrees"), a duration
("for half a second", "keep"), a speed ("slowly") and a number of times ("twice"). Time and speed said once in a step
hold for all of it. "wait 1 second" leaves a pause, "relax" or "stop" ends what goes on. Left and right are the
subject's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from runtime.driving.language.choreography import Action, compose, described
from runtime.driving.language.lexicon import GENERAL, Lexicon, Match
from runtime.driving.language.phrases import RELEASE, WAIT
from runtime.driving.language.tokens import Token, read
from runtime.driving.language.visemes import spoken
from runtime.driving.language.words import DIRECTIONS, FILLERS, NOT, NOUNS, SIDES, SPEEDS, STRENGTHS
from runtime.driving.timeline import Timeline
from runtime.errors import BadInput

MAX_LETTERS = 500


@dataclass(frozen=True)
class Unknown:
    """A part of a prompt that was not understood."""

    phrase: str
    nearest: tuple[str, ...]
    """Known phrases that are most like it, best first."""


@dataclass(frozen=True)
class Prompt:
    """What a text asks for."""

    timeline: Timeline
    """Empty where the text only asks to relax, or nothing was understood."""
    understood: tuple[str, ...]
    """Each expression as it was taken, in order, such as "smile (left, 40%, 2 s)"."""
    unknown: tuple[Unknown, ...]


def parse(text: str, lexicon: Lexicon = GENERAL) -> Prompt:
    """Read a prompt for an avatar that knows the phrases of `lexicon`.

    Raises BadInput where it is empty, longer than `MAX_LETTERS`, or asks for more time or repetitions than allowed.
    What is not understood is no error but listed in `unknown`.
    """
    if not text.strip():
        raise BadInput("The prompt is empty; write what the avatar should do, such as 'smile' or 'look left'.")
    if len(text) > MAX_LETTERS:
        raise BadInput(f"The prompt has {len(text)} letters; write at most {MAX_LETTERS}.")
    reader = _Reader(lexicon)
    exactly = lexicon.exactly(text)
    if exactly is not None:
        reader.steps.append([Action(exactly)])
    else:
        for step in _steps(read(text, lexicon)):
            reader.step(step)
    actions = [action for step in reader.steps for action in step]
    return Prompt(compose(reader.steps), tuple(described(action) for action in actions), tuple(reader.unknown))


def _steps(tokens: Sequence[Token]) -> list[list[Token]]:
    """Tokens between sequence words; what stands before "after" follows what stands behind it."""
    steps: list[list[Token]] = [[]]
    postponed: list[Token] | None = None
    for token in tokens:
        current = steps[-1]
        if token.kind == "then" and token.text == "," and current and current[0].kind == "and":
            current.append(replace(token, kind="and"))
        elif token.kind == "after" and current:
            postponed = steps.pop()
            steps.append([])
        elif token.kind == "then":
            if postponed is not None and current:
                steps.append(postponed)
                postponed = None
            steps.append([])
        elif token.kind != "after":
            current.append(token)
    if postponed is not None:
        steps.append(postponed)
    return [step for step in steps if step]


@dataclass(frozen=True)
class _Part:
    """What stands between two words like "and"."""

    joint: str
    """The word that joins it to the part before."""
    tokens: list[Token]

    @property
    def words(self) -> list[str]:
        """The dictionary form of each token that is a word, "" for the others."""
        return [token.text if token.kind == "word" else "" for token in self.tokens]


class _Reader:
    """Gathers the actions of one prompt, step by step."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self.steps: list[list[Action]] = []
        self.unknown: list[Unknown] = []
        self._words: list[str] = []

    def step(self, tokens: Sequence[Token]) -> None:
        """Read one step: its parts act together, except opposites ("look left and right"), which follow each other."""
        parts: list[_Part] = [_Part("", [])]
        for token in tokens:
            if token.kind == "and":
                parts.append(_Part(token.text, []))
            else:
                parts[-1].tokens.append(token)
        parts = [part for part in parts if part.tokens]
        here: list[Action] = []
        for part, following in zip_longest(parts, parts[1:]):
            found = self._part(part, following.words if following else [], here)
            if any(_opposed(a, b) for a in here for b in found):
                self._add(here)
                here = []
            here += found
        self._add(here)

    def _add(self, actions: list[Action]) -> None:
        """Append one step, with the time and the speed that were said once given to all that are held."""
        kept = [a for a in actions if a.expression is not RELEASE] or actions[:1]
        time = next((a.time for a in kept if a.time is not None), None)
        speed = next((a.speed for a in kept if a.speed is not None), None)
        step: list[Action] = []
        for a in kept:
            shared = None if a.expression.gesture or a.count is not None else time
            a = replace(a, time=shared if a.time is None else a.time, speed=speed if a.speed is None else a.speed)
            if not any(a.expression is b.expression and a.side == b.side for b in step):
                step.append(a)
        if step:
            self.steps.append(step)

    def _part(self, part: _Part, following: list[str], here: list[Action]) -> list[Action]:
        tokens, words = part.tokens, part.words
        said = self._speech(tokens, words)
        if said is not None:
            return said
        matches, rest = self._matches(words)
        if matches:
            matches = _without_negated(matches, rest) + self._more_directions(words, matches, rest)
            self._words = words
        elif part.joint != "with":
            matches, rest = self._completed(words, following, rest)
        if not matches:
            matches, rest = self._resembling(tokens, rest)
        self._complain(tokens, rest, bool(matches) or bool(here) or bool(self.steps))
        if not matches:
            self._amend(tokens, here)
            return []
        return _modified([Action(m.expression, side=m.side) for m in matches], matches, tokens)

    def _completed(
        self, words: list[str], following: list[str], rest: dict[int, str]
    ) -> tuple[list[Match], dict[int, str]]:
        """Half a phrase, completed by its neighbours.

        "look left and right" and "open your mouth and eyes" take their verb from what was said before; "open and close
        your mouth" takes its noun from what follows, "close your eyes and then open them" from what was said before.
        """
        content = [word for word in rest.values() if word not in FILLERS]
        for word in [*following, *self._words] if content else []:
            if not word or word in FILLERS or word in content or word in SIDES:
                continue
            match = self._lexicon.match_at([word, *content], 0)
            if match and match.end == len(content) + 1:
                self._words = [word, *content]
                return [replace(match, start=0, end=len(words))], {}
        return [], rest

    def _amend(self, tokens: Sequence[Token], here: list[Action]) -> None:
        """A part that names no expression says more about the one before: "smile, slowly"."""
        target = here or (self.steps[-1] if self.steps else [])
        side = next((SIDES[t.text] for t in tokens if t.kind == "word" and t.text in SIDES), None)
        for i, action in enumerate(target):
            more = _modified([action], [Match(action.expression, 0, len(tokens), None)], tokens)[0]
            target[i] = replace(more, side=side) if side and action.expression.sided else more
        if not target and any(token.kind == "time" for token in tokens):
            pause = Action(WAIT, time=next(token.value for token in tokens if token.kind == "time"))
            self.steps.append([pause])

    def _complain(self, tokens: Sequence[Token], rest: dict[int, str], context: bool) -> None:
        context = context or any(_meaningful(word, True) for word in rest.values())
        runs: list[tuple[int, int]] = []
        for i in (i for i, word in rest.items() if _meaningful(word, context)):
            if runs and all(rest.get(k) in FILLERS for k in range(runs[-1][1], i)):
                runs[-1] = (runs[-1][0], i + 1)
            else:
                runs.append((i, i + 1))
        for start, end in runs:
            phrase = " ".join(token.raw for token in tokens[start:end])
            self.unknown.append(Unknown(phrase, tuple(self._lexicon.nearest(phrase))))

    def _more_directions(self, words: list[str], matches: list[Match], rest: dict[int, str]) -> list[Match]:
        """The second direction of "look up left"; takes the word out of `rest`."""
        more: list[Match] = []
        for i in [i for i, word in rest.items() if word in DIRECTIONS]:
            verb = words[matches[0].start]
            match = self._lexicon.match_at([verb, words[i]], 0) if verb not in DIRECTIONS else None
            if match and match.end == 2:
                more.append(replace(match, start=i, end=i + 1))
                del rest[i]
        return more

    def _resembling(self, tokens: Sequence[Token], rest: dict[int, str]) -> tuple[list[Match], dict[int, str]]:
        content = [i for i, word in rest.items() if word not in FILLERS]
        expression = self._lexicon.resembling(" ".join(tokens[i].raw for i in content)) if content else None
        if expression is None:
            return [], rest
        return [Match(expression, content[0], content[-1] + 1, None)], {}

    def _matches(self, words: list[str]) -> tuple[list[Match], dict[int, str]]:
        """All phrases from left to right, and the words that are in none, by index."""
        matches: list[Match] = []
        rest: dict[int, str] = {}
        i = 0
        while i < len(words):
            match = self._lexicon.match_at(words, i) if words[i] else None
            if match:
                matches.append(match)
                i = match.end
            else:
                if words[i]:
                    rest[i] = words[i]
                i += 1
        return matches, rest

    def _speech(self, tokens: Sequence[Token], words: list[str]) -> list[Action] | None:
        """The mouth shapes of what follows "say", unless that is a phrase of its own, such as "say no"."""
        if "say" not in words:
            return None
        at = words.index("say")
        letters = " ".join(t.raw for t in tokens[at + 1 :] if t.kind == "word" and t.text not in SPEEDS)
        if self._lexicon.match_at(words, at) or not letters:
            return None
        return _modified([Action(spoken(letters))], [Match(WAIT, at, len(tokens), None)], tokens)


def _without_negated(matches: list[Match], rest: dict[int, str]) -> list[Match]:
    """A phrase after "stop" or "don't" only releases."""
    released = [m for m in matches if m.expression is RELEASE]
    if released or any(word in NOT and i < matches[0].start for i, word in rest.items()):
        return [replace(matches[0], expression=RELEASE)]
    return matches


def _meaningful(word: str, context: bool) -> bool:
    if word in FILLERS or word in STRENGTHS or word in SPEEDS or word in NOT:
        return False
    return not (context and (word in NOUNS or word in SIDES or word.endswith("ly")))


def _modified(actions: list[Action], matches: Sequence[Match], tokens: Sequence[Token]) -> list[Action]:
    """Give each strength, time, speed and number to the expression next to it; ties go to the one that follows."""
    actions = list(actions)
    for i, token in enumerate(tokens):
        if token.kind in ("word", "then", "and", "after") and token.text not in STRENGTHS and token.text not in SPEEDS:
            continue
        distances = [0 if m.start <= i < m.end else m.start - i if i < m.start else i - m.end + 1.5 for m in matches]
        k = min(range(len(matches)), key=distances.__getitem__)
        actions[k] = actions[k].with_token(token)
    return actions


def _opposed(a: Action, b: Action) -> bool:
    pairs = ({"left", "right"}, {"up", "down"}, {"open", "close"}, {"raise", "lower"})
    words = set(a.expression.name.split()) ^ set(b.expression.name.split())
    sides = {a.side, b.side}
    return words in pairs or (a.expression is b.expression and sides in pairs)
