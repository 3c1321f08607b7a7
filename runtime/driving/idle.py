"""What a face does when nobody drives it: it breathes, blinks, looks about, sways and is never quite still.

Everything is a function of time and of events drawn from a seed: the same seed gives the same performance at any frame
rate. Figures follow the literature on spontaneous behaviour: blinks every 2 to 6 s that close faster than they open,
fixations joined by saccades of a few dozen milliseconds, about 14 breaths a minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import INDEX, DriveState, coefficients, gaze_coefficients
from runtime.driving.easing import eased

DEGREE = math.pi / 180

BREATHS_HZ = 0.235
RESTING: dict[str, float] = {"mouthSmileLeft": 0.07, "mouthSmileRight": 0.08}
"""A face at rest that looks friendly rather than blank."""

MICRO: tuple[dict[str, float], ...] = (
    {"mouthSmileLeft": 0.20, "mouthSmileRight": 0.18, "cheekSquintLeft": 0.12, "cheekSquintRight": 0.12},
    {"browInnerUp": 0.16, "browOuterUpLeft": 0.12, "browOuterUpRight": 0.12},
    {"mouthPressLeft": 0.22, "mouthPressRight": 0.22, "mouthDimpleLeft": 0.10, "mouthDimpleRight": 0.10},
    {"eyeSquintLeft": 0.18, "eyeSquintRight": 0.18, "browDownLeft": 0.06, "browDownRight": 0.06},
    {"mouthRollLower": 0.16, "mouthRollUpper": 0.10},
    {"mouthLeft": 0.10, "mouthDimpleLeft": 0.14},
)
"""Small things that faces do now and then."""

FORGOTTEN = 60.0
"""After a pause longer than this (seconds) the past is skipped rather than lived through."""


@dataclass(frozen=True)
class Blink:
    """One closing and opening of both lids."""

    start: float
    closing: float
    shut: float
    opening: float
    depth: float

    @property
    def end(self) -> float:
        """When the lids are open again, seconds."""
        return self.start + self.closing + self.shut + self.opening

    def at(self, t: float) -> float:
        """How far the lids are closed, 0..1."""
        down = eased("smooth", (t - self.start) / self.closing)
        up = eased("smooth", (t - self.start - self.closing - self.shut) / self.opening)
        return self.depth * (down - up)


@dataclass(frozen=True)
class Fixation:
    """A move of the gaze, and the rest that follows it until the next one starts."""

    start: float
    end: float
    saccade: float
    before: tuple[float, float]
    target: tuple[float, float]
    """(yaw, pitch) in radians towards what is looked at, in world space; ahead is (0, 0)."""

    def gaze(self, t: float) -> tuple[float, float]:
        """Where the eyes look, (yaw, pitch), radians."""
        return self._between(eased("smoother", (t - self.start) / self.saccade))

    def head(self, t: float) -> tuple[float, float]:
        """The head's slow share in the move, (yaw, pitch), radians."""
        yaw, pitch = self._between(eased("smoother", (t - self.start) / HEAD_FOLLOWS_IN))
        return HEAD_SHARE * yaw, HEAD_SHARE * pitch

    def _between(self, w: float) -> tuple[float, float]:
        (y0, p0), (y1, p1) = self.before, self.target
        return y0 + w * (y1 - y0), p0 + w * (p1 - p0)


HEAD_SHARE = 0.3
HEAD_FOLLOWS_IN = 0.6
SHORTEST_FIXATION = 0.7
"""Longer than the head takes to follow, so that it always arrives."""


@dataclass(frozen=True)
class Micro:
    """A slight expression that comes and goes."""

    start: float
    attack: float
    hold: float
    release: float
    height: float
    targets: dict[str, float]

    @property
    def end(self) -> float:
        """When it has gone, seconds."""
        return self.start + self.attack + self.hold + self.release

    def at(self, t: float) -> float:
        """Its height, 0..1."""
        rise = eased("smoother", (t - self.start) / self.attack)
        return self.height * (rise - eased("smoother", (t - self.start - self.attack - self.hold) / self.release))


def _blinks(rng: np.random.Generator, start: float) -> Iterator[Blink]:
    at = start + rng.uniform(0.6, 1.6)
    while True:
        closing, shut, opening = rng.uniform(0.10, 0.15), rng.uniform(0.02, 0.05), rng.uniform(0.18, 0.28)
        blink = Blink(at, closing, shut, opening, depth=rng.uniform(0.93, 1.0))
        yield blink
        double = rng.random() < 0.12
        at = blink.end + rng.uniform(0.06, 0.14) if double else blink.start + 2.0 + 4.0 * rng.beta(1.6, 2.4)


def _fixations(rng: np.random.Generator, start: float) -> Iterator[Fixation]:
    at, here = start, (0.0, 0.0)
    away = True  # so that the first look is at the viewer
    while True:
        away = not away and rng.random() < 0.3
        spread = (7.0, 3.5) if away else (0.7, 0.5)
        there = (rng.normal(0, spread[0]), rng.normal(0, spread[1]))
        there = (float(np.clip(there[0], -11, 11)) * DEGREE, float(np.clip(there[1], -6, 6)) * DEGREE)
        distance = math.dist(here, there) / DEGREE
        rest = rng.uniform(SHORTEST_FIXATION, 1.4) if away else rng.uniform(0.9, 3.2)
        # The main sequence of saccades: about 2 ms a degree over a base of 25 ms.
        yield Fixation(at, at + rest, 0.025 + 0.0022 * distance, here, there)
        at, here = at + rest, there


def _micros(rng: np.random.Generator, start: float) -> Iterator[Micro]:
    at = start + rng.uniform(2.0, 5.0)
    while True:
        targets = MICRO[int(rng.integers(len(MICRO)))]
        micro = Micro(
            at, rng.uniform(0.4, 0.8), rng.uniform(0.3, 1.5), rng.uniform(0.6, 1.1), rng.uniform(0.5, 1.0), targets
        )
        yield micro
        at = micro.end + rng.uniform(2.0, 7.0)


class _Sway:
    """A slow wander with three incommensurate periods, within ±1, and its phases from the seed."""

    PERIODS = (13.1, 7.3, 4.3)
    SHARES = (0.5, 0.33, 0.17)

    def __init__(self, rng: np.random.Generator) -> None:
        self._phases = rng.uniform(0, 2 * math.pi, 3)

    def at(self, t: float) -> float:
        waves = zip(self.SHARES, self.PERIODS, self._phases, strict=True)
        return sum(share * math.sin(2 * math.pi * t / period + phase) for share, period, phase in waves)


class _Event(Protocol):
    @property
    def end(self) -> float: ...


E = TypeVar("E", bound=_Event)


class _Track(Generic[E]):
    """Events one after the other; asked with times that do not go back."""

    def __init__(self, events: Iterator[E]) -> None:
        self._events = events
        self._current = next(events)

    def at(self, now: float) -> E:
        """The event that is on at `now`, or the next to come."""
        while now >= self._current.end:
            self._current = next(self._events)
        return self._current


class Idle:
    """The source that is never silent. Sample it with times that do not go back; not for several threads at once."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._last: float | None = None

    def sample(self, now: float) -> DriveState:
        """The idle head at `now`."""
        if self._last is None or now - self._last > FORGOTTEN:
            self._begin(now)
        self._last = now
        return self._state(now)

    def _begin(self, now: float) -> None:
        # A stream of random numbers for each behaviour: changing one leaves the others as they were.
        rngs = [np.random.default_rng([self._seed, k]) for k in range(4)]
        self._started = now
        self._blinks = _Track(_blinks(rngs[0], now))
        self._fixations = _Track(_fixations(rngs[1], now))
        self._micros = _Track(_micros(rngs[2], now))
        self._sways = [_Sway(rngs[3]) for _ in range(6)]

    def _state(self, now: float) -> DriveState:
        t = now - self._started
        sway = [wander.at(t) for wander in self._sways]
        breath = _breath(t)
        fixation, micro = self._fixations.at(now), self._micros.at(now)
        head_yaw, head_pitch = fixation.head(now)
        yaw = head_yaw + 1.6 * DEGREE * sway[0]
        pitch = head_pitch + 1.1 * DEGREE * sway[1] - 0.35 * DEGREE * breath
        roll = 0.9 * DEGREE * sway[2]
        gaze_yaw, gaze_pitch = fixation.gaze(now)
        # The eyes hold their target while the head moves under them.
        looks = gaze_coefficients(gaze_yaw - yaw, gaze_pitch - pitch)
        expression = coefficients(RESTING | looks)
        height = micro.at(now)
        for name, value in micro.targets.items():
            expression[INDEX[name]] += np.float32(height * value)
        expression[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = self._blinks.at(now).at(now)
        shift = np.array([0.025 * sway[3], 0.012 * breath + 0.01 * sway[4], 0.03 * sway[5]], np.float32)
        rotation = quaternion_from_rotation(rotation_from_angles(yaw, pitch, roll))
        return DriveState(expression, rotation=rotation, translation=shift, timestamp=now)


def _breath(t: float) -> float:
    """-1 (out) to 1 (in): in faster than out, each breath a little different in length."""
    phase = 2 * math.pi * BREATHS_HZ * t + 0.5 * math.sin(2 * math.pi * t / 17.0)
    return math.sin(phase + 0.35 * math.sin(phase))
