"""Steps of actions to a timeline: when each begins, how long it lasts, how strong it gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from runtime.driving.channels import HEAD
from runtime.driving.language.phrases import RELEASE, WAIT, Beat, LexiconEntry, is_sided
from runtime.driving.language.tokens import Token
from runtime.driving.language.words import SPEEDS, STRENGTHS
from runtime.driving.timeline import Segment, Timeline
from runtime.errors import BadInput

MAX_SECONDS = 120.0
MAX_COUNT = 50
MAX_SEGMENTS = 500
KEPT = 20.0
"""Seconds that "keep smiling" lasts."""
PAUSE = 1.0
"""Seconds of a "wait" without a duration."""
RELAXED = 0.6
"""Seconds that a "relax" between two steps leaves."""
REPEATED_HOLD = 0.35
"""Seconds for which a face that is made several times is held each time."""


@dataclass(frozen=True)
class Action:
    """One expression as a prompt asks for it; None where it does not say."""

    expression: LexiconEntry
    side: str | None = None
    strength: float | None = None
    """Share of full strength, 0..1."""
    degrees: float | None = None
    """Size of a head turn, instead of a strength."""
    time: float | None = None
    """Seconds until it begins to fall."""
    count: int | None = None
    speed: float | None = None
    """How many times faster than usual."""
    keep: bool = False
    forbidden: tuple[str, ...] = ()
    """Names of what it is done without."""
    held: frozenset[str] = frozenset()
    """Channels that rest meanwhile."""

    def with_token(self, token: Token) -> Action:
        """The same with what a token says of it."""
        if token.kind == "share":
            return replace(self, strength=token.value)
        if token.kind == "degrees":
            return replace(self, degrees=token.value)
        if token.kind == "time":
            return replace(self, time=token.value)
        if token.kind == "count":
            return replace(self, count=max(1, round(min(token.value, MAX_COUNT + 1))))
        if token.kind == "keep":
            return replace(self, keep=True)
        if token.text in SPEEDS:
            return replace(self, speed=SPEEDS[token.text])
        if token.text in STRENGTHS:
            return replace(self, strength=_combined(self.strength, STRENGTHS[token.text]))
        return self


def _combined(known: float | None, more: float) -> float:
    """Of "very slightly" the slight counts, of "very wide" the wide."""
    if known is None:
        return more
    return min(known, more) if min(known, more) < 0.5 else max(known, more)


def described(action: Action) -> str:
    """One action in words, such as "smile (left, 40%, 2 s)"."""
    notes = [action.side] if action.side in ("left", "right") else []
    if action.degrees is not None:
        notes.append(f"{action.degrees:g} degrees")
    elif action.strength is not None:
        notes.append(f"{action.strength:.0%}")
    notes += [f"{action.count} times"] if action.count is not None else []
    notes += [f"{action.time:g} s"] if action.time is not None else []
    notes += ["kept"] if action.keep and action.time is None else []
    notes += ["slower" if action.speed < 1 else "faster"] if action.speed is not None else []
    notes += [f"without: {name}" for name in action.forbidden]
    return action.expression.name + (f" ({', '.join(notes)})" if notes else "")


def compose(steps: Sequence[Sequence[Action]]) -> Timeline:
    """The timeline of steps that follow each other, each of actions that begin together.

    A step begins when the last action of the one before begins to fall. Raises BadInput where the whole is longer than
    `MAX_SECONDS` or an action is asked for more than `MAX_COUNT` times.
    """
    segments: list[Segment] = []
    start = 0.0
    for step in steps:
        turns = [start]
        for action in step:
            made, turn = _perform(action, start)
            segments += made
            turns.append(turn)
        start = max(turns)
        if start > MAX_SECONDS or len(segments) > MAX_SEGMENTS:
            raise BadInput(f"The prompt lasts more than {MAX_SECONDS:g} seconds; shorten it or use a script file.")
    return Timeline(segments)


def _perform(action: Action, start: float) -> tuple[list[Segment], float]:
    """The segments of one action and the time at which the next step may begin."""
    if action.count is not None and action.count > MAX_COUNT:
        raise BadInput(f"'{action.expression.name}' can be repeated at most {MAX_COUNT} times.")
    time = action.time if action.time is not None else KEPT if action.keep else None
    if time is not None and time > MAX_SECONDS:
        raise BadInput(f"'{action.expression.name}' can last at most {MAX_SECONDS:g} seconds.")
    if action.expression is WAIT:
        return [], start + (time if time is not None else PAUSE)
    if action.expression is RELEASE:
        return [], start + (time if time is not None else RELAXED)
    return _gesture(action, start, time) if action.expression.gesture else _face(action, start, time)


def _gesture(action: Action, start: float, time: float | None) -> tuple[list[Segment], float]:
    expression, pace = action.expression, 1.0 / (action.speed or 1.0)
    period = expression.period * pace
    count = action.count or expression.times
    if time is not None and action.count is None:
        count = max(1, round(time / period))
    if time is not None and action.count is not None:
        period = max(period, time / count)
    segments = [
        Segment(
            _targets(beat, action), start + i * period + beat.start * pace, beat.attack * pace, beat.hold * pace,
            beat.release * pace,
        )
        for i in range(count)
        for beat in expression.beats
    ]  # fmt: skip
    return segments, max(s.end - s.release for s in segments)


def _face(action: Action, start: float, time: float | None) -> tuple[list[Segment], float]:
    pace = 1.0 / (action.speed or 1.0)
    count = action.count or 1
    beat = action.expression.beats[0]
    attack, release = beat.attack * pace, beat.release * pace
    if time is not None:
        attack = min(attack, 0.5 * time)
    hold = time - attack if time is not None else beat.hold if count == 1 else REPEATED_HOLD * pace
    period = attack + hold + release
    targets = _targets(beat, action)
    segments = [Segment(targets, start + i * period, attack, hold, release) for i in range(count)]
    return segments, segments[-1].end - release


def _targets(beat: Beat, action: Action) -> dict[str, float]:
    """Values of one beat for the action's side and strength; the other side is held at 0."""
    expression = action.expression
    side = action.side or expression.side
    strength = action.strength if action.strength is not None else expression.normal
    targets = {}
    for name, full in beat.targets.items():
        share = strength * (_share_of_side(name, side) if expression.sided else 1.0)
        targets[name] = full * share
        if action.degrees is not None and name in HEAD[:3] and full:
            targets[name] = math.copysign(math.radians(min(action.degrees, 45.0)), full)
    return targets | dict.fromkeys(action.held, 0.0)


def _share_of_side(name: str, side: str) -> float:
    if side == "both":
        return 1.0
    if is_sided(name):
        return 1.0 if name.lower().endswith(side) else 0.0
    return 0.5 if name == "browInnerUp" else 1.0
