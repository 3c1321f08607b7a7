"""Text to performance: "look surprised for 2 seconds, then smile" becomes a timeline.

A prompt is a sequence of steps ("then", "after that", a comma or full stop); a step is one or several expressions at
the same time ("and", "while", "with"); each may have a side, a strength ("slightly", "30%", "20 degrees"), a duration
("for half a second", "keep"), a speed ("slowly") and a number of times ("twice"). Time and speed said once in a step
hold for all of it. "wait 1 second", "after 3 seconds" and "3 seconds later" leave a pause, "relax" or "stop" ends what
goes on. "without", "don't" and "no" hold at rest what they forbid while the rest of their step is done; "instead of"
and "not" only say what is not meant. Left and right are the subject's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from runtime.driving.language.choreography import Action, compose, described
from runtime.driving.language.lexicon import GENERAL, Lexicon, Match
from runtime.driving.language.phrases import RELEASE, STILL, WAIT
from runtime.driving.language.tokens import Token, read
from runtime.driving.language.visemes import spoken
from runtime.driving.language.words import (
    DIRECTIONS,
    FILLERS,
    MODESTLY,
    NOT,
    NOUNS,
    SIDES,
    SPEEDS,
    STRENGTHS,
    TOO,
)
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
        reader.end()
    actions = [action for step in reader.steps for action in step]
    return Prompt(compose(reader.steps), tuple(described(action) for action in actions), tuple(reader.unknown))


@dataclass(frozen=True)
class _Step:
    """What stands between two words like "then"."""

    tokens: list[Token]
    later: bool
    """Whether more than a comma or a full stop says that it follows what stands before it."""


def _steps(tokens: Sequence[Token]) -> list[_Step]:
    """Tokens between sequence words; what stands before "after" follows what stands behind it."""
    steps = [_Step([], False)]
    postponed: list[_Step] = []
    for token in tokens:
        current = steps[-1].tokens
        if token.kind == "then" and token.text == "," and current and current[0].kind == "and":
            current.append(replace(token, kind="and"))
        elif token.kind == "after" and current:
            pause = (
                [Token("word", "wait", token.raw), Token("time", "s", token.raw, token.value)] if token.value else []
            )
            postponed = [_Step(pause, True), replace(steps.pop(), later=True)]
            steps.append(_Step([], False))
        elif token.kind == "then":
            if current:
                steps += postponed
                postponed = []
            later = token.text != "," or (not current and steps[-1].later)
            steps.append(_Step([], later))
        elif token.kind != "after":
            current.append(token)
    return [step for step in (*steps, *postponed) if step.tokens]


@dataclass(frozen=True)
class _Part:
    """What stands between two words like "and"."""

    joint: str
    """The word that joins it to the part before."""
    tokens: list[Token]
    excludes: Token | None = None
    """The "without" or "instead" that stands before it."""

    @property
    def words(self) -> list[str]:
        """The dictionary form of each token that is a word, "" for the others."""
        return [token.text if token.kind == "word" else "" for token in self.tokens]


@dataclass(frozen=True)
class _Excluded:
    """An expression that is not to be."""

    match: Match
    kind: str
    """"without", "stop" or "instead"."""
    tokens: list[Token]
    """The part that says so."""

    @property
    def holds(self) -> bool:
        """Whether it is forbidden, and not only not meant."""
        return self.kind != "instead"

    @property
    def ends(self) -> bool:
        """Whether it goes on until then."""
        return self.kind == "stop"


def _parts(tokens: Sequence[Token]) -> list[_Part]:
    """Tokens between words like "and", and from words like "without" on, which also hold for the part that "and" adds
    in the same form ("without blinking and smiling")."""
    parts = [_Part("", [])]
    for token in tokens:
        last = parts[-1]
        if token.kind == "and":
            parts.append(_Part(token.text, []))
        elif token.kind == "not" and last.excludes and not last.tokens:  # "don't stop"
            parts[-1] = _Part(last.joint, [Token("keep", "keep", token.raw)])
        elif token.kind == "not":
            parts.append(_Part(last.joint, [], token))
        else:
            if not last.tokens and last.excludes is None and len(parts) > 1 and token.raw.endswith("ing"):
                before = parts[-2]
                if last.joint == "and" and before.excludes and before.tokens and _gerund(before.tokens):
                    parts[-1] = _Part(last.joint, [], before.excludes)
            parts[-1].tokens.append(token)
    return [part for part in parts if part.tokens]


def _gerund(tokens: Sequence[Token]) -> bool:
    return tokens[0].raw.endswith("ing") and tokens[0].text not in FILLERS


def _without(actions: list[Action], excluded: Sequence[_Excluded]) -> list[Action]:
    """The actions with what is forbidden at rest."""
    forbidding = [e for e in excluded if e.holds and e.match.expression.held(e.match.side)]
    if not forbidding:
        return actions
    names = tuple(dict.fromkeys(e.match.expression.name for e in forbidding))
    held = frozenset().union(*(e.match.expression.held(e.match.side) for e in forbidding))
    return [
        a if a.expression in (WAIT, RELEASE) else replace(a, forbidden=a.forbidden + names, held=a.held | held)
        for a in actions
    ]


class _Reader:
    """Gathers the actions of one prompt, step by step."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self.steps: list[list[Action]] = []
        self.unknown: list[Unknown] = []
        self._words: list[str] = []
        self._excluded: list[_Excluded] = []
        """Of a step of nothing else, for the one that follows."""

    def step(self, step: _Step) -> None:
        """Read one step: its parts act together, except opposites ("look left and right"), which follow each other."""
        parts = _parts(step.tokens)
        if step.later:
            self.end()
        here: list[Action] = []
        excluded: list[_Excluded] = []
        for part, following in zip_longest(parts, parts[1:]):
            if following and following.excludes and self._says_nothing(part.words):
                continue  # the "look" of "look not sad"
            if part.excludes is not None:
                found, more = self._exclusion(part, here)
                excluded += more
            else:
                found = self._part(part, following.words if following else [], here)
            waits = bool(here) and all(a.expression is WAIT for a in here)
            if found and (waits or any(_opposed(a, b) for a in here for b in found)):
                self._add(_without(here, excluded))
                here = []
            here += found
        if here:
            self._add(_without(here, [*self._excluded, *excluded]))
            self._excluded = []
        elif excluded and self.steps and not step.later and not any(e.ends for e in excluded):
            self.steps[-1] = _without(self.steps[-1], excluded)
        else:
            self._excluded += excluded
            if any(e.ends for e in excluded):
                self.end()

    def end(self) -> None:
        """What was excluded and nothing else asked for with it: what a head does by itself rests, all else is ended."""
        excluded, self._excluded = self._excluded, []
        if not excluded:
            return
        entries = [e for e in excluded if e.match.expression.own_accord and e.holds]
        if not entries:
            tokens = [token for e in excluded for token in e.tokens]
            self.steps.append(_modified([Action(RELEASE)], [Match(RELEASE, 0, len(tokens), None)], tokens))
            return
        tokens = entries[0].tokens
        rest = _without([Action(STILL)], entries)
        self.steps.append(_modified(rest, [Match(STILL, 0, len(tokens), None)], tokens))

    def _exclusion(self, part: _Part, here: list[Action]) -> tuple[list[Action], list[_Excluded]]:
        """What a part excludes; what it does ask for: "don't stop smiling" and "don't smile too much" do."""
        assert part.excludes is not None
        tokens, words, kind = part.tokens, part.words, part.excludes.text
        content = [word for word in words if word and word not in FILLERS]
        again = next((i for i, token in enumerate(tokens) if token.text in NOT), None)
        if "too" in content or (TOO & set(content) and STRENGTHS.keys() & set(content)):
            return self._mildly([token for token in tokens if token.text not in {*TOO, *STRENGTHS}], here), []
        side = next((SIDES[word] for word in content if word in SIDES), None)
        if side and set(content) <= {*SIDES, "one", "eye", "brow", "side"} and any(a.expression.sided for a in here):
            other = {"left": "right", "right": "left"}.get(side, side)
            here[:] = [replace(a, side=other) if a.expression.sided else a for a in here]
            return [], []
        whole = self._lexicon.forbidden([word for word in words if word not in STRENGTHS])
        matches, rest = ([whole], {}) if whole else self._matches(words)
        if not matches:
            matches, rest = self._completed(words, [], rest)
        if not matches or again is not None or any(m.expression is WAIT for m in matches):
            phrase = " ".join(token.raw for token in (part.excludes, *tokens))
            self.unknown.append(Unknown(phrase, tuple(self._lexicon.nearest(phrase))))
            return [], []
        self._complain(tokens, {i: word for i, word in rest.items() if word not in TOO}, True)
        for token in tokens:
            if token.kind in ("time", "keep"):  # "smile without blinking for 5 seconds"
                here[:] = [a.with_token(token) if a.time is None else a for a in here]
        return [], [_Excluded(match, kind, tokens) for match in matches]

    def _says_nothing(self, words: list[str]) -> bool:
        return all(w in FILLERS or w in NOUNS for w in words if w) and not self._matches(words)[0]

    def _mildly(self, tokens: list[Token], here: list[Action]) -> list[Action]:
        """What is asked for with "not too much": by these tokens, or before them where they name nothing new."""
        found = self._part(_Part("", tokens), [], here) if any(t.text not in FILLERS for t in tokens) else []
        before = here or (self.steps[-1] if self.steps else [])
        meant = [a for a in before if not found or any(a.expression is b.expression for b in found)]
        if not meant:
            return [replace(action, strength=MODESTLY) for action in found]
        before[:] = [replace(a, strength=MODESTLY) if a in meant else a for a in before]
        return []

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
        content = {word for word in words if word and word not in FILLERS}
        if any(t.raw == "only" for t in tokens) and content <= {*SIDES, "eye", "brow", "side"}:
            self._amend(tokens, here)
            return []
        matches, rest = self._matches(words)
        if matches:
            matches = _released(matches) + self._more_directions(words, matches, rest)
            self._words = words if any(m.expression is not WAIT for m in matches) else self._words
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


def _released(matches: list[Match]) -> list[Match]:
    """Where something is to end, nothing else begins in the same part."""
    return [m for m in matches if m.expression is RELEASE][:1] or matches


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
