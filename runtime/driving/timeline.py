"""A timeline: named channels that rise, hold and fall with easing. Prompts and script files both become one.

Segments that overlap add up, each expression channel at most 1, and each claims its groups in proportion to its
envelope. The falling envelope is one minus the rising one, so a segment that begins where its predecessor begins to
fall, with the same easing and times, takes over as an exact cross-fade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from runtime.driving.channels import CHANNEL, CHANNELS, FACE, GROUP_OF, WEIGHTS, Overlay, mask
from runtime.driving.easing import EASINGS, STEEPEST

MIN_RAMP = 1e-3
"""Shortest attack or release in seconds; it only keeps the division finite."""


@dataclass(frozen=True)
class Segment:
    """One expression in time: it rises for `attack`, stays for `hold`, falls for `release` (all seconds)."""

    targets: Mapping[str, float]
    """Channel name to value at full height: coefficients 0..1, angles in radians, shifts in dm."""
    start: float = 0.0
    attack: float = 0.35
    hold: float = 1.5
    release: float = 0.45
    ease: str = "smooth"
    groups: frozenset[str] = field(default_factory=frozenset)
    """Groups claimed besides those of `targets`; their other channels are held at 0."""

    @property
    def end(self) -> float:
        """When it has fallen to nothing, seconds from the timeline's start."""
        return self.start + self.attack + self.hold + self.release

    @property
    def claims(self) -> frozenset[str]:
        """All groups that this segment speaks for. Whoever takes the mouth ends what the avatar's own expressions do
        to it."""
        return _claimed(self.groups, self.targets)


def _claimed(groups: frozenset[str], targets: Iterable[str]) -> frozenset[str]:
    named = groups | {GROUP_OF[name] for name in targets}
    return named | {"own"} if "mouth" in named else named


class Timeline:
    """Segments, ready to be sampled. Immutable; safe to share between threads."""

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self.segments: Sequence[Segment] = tuple(segments)
        self.duration: float = max((s.end for s in self.segments), default=0.0)
        """Seconds until the last segment has fallen to nothing."""
        count = len(self.segments)
        self._values = np.zeros((count, len(CHANNELS)))
        self._claims = np.zeros((count, len(CHANNELS)))
        for i, segment in enumerate(self.segments):
            self._values[i, [CHANNEL[name] for name in segment.targets]] = list(segment.targets.values())
            self._claims[i] = mask(segment.claims)
        self._start = np.array([s.start for s in self.segments])
        self._attack = np.array([max(s.attack, MIN_RAMP) for s in self.segments])
        self._fall = np.array([s.start + s.attack + s.hold for s in self.segments])
        self._release = np.array([max(s.release, MIN_RAMP) for s in self.segments])
        self._by_ease = {
            ease: np.array([i for i, s in enumerate(self.segments) if s.ease == ease], np.intp)
            for ease in sorted({s.ease for s in self.segments})
        }

    def envelopes(self, t: float) -> NDArray[np.float64]:
        """Height 0..1 of each segment at `t` seconds from the start."""
        heights = np.zeros(len(self.segments))
        for ease, i in self._by_ease.items():
            rise = EASINGS[ease](np.clip((t - self._start[i]) / self._attack[i], 0.0, 1.0))
            fall = EASINGS[ease](np.clip((t - self._fall[i]) / self._release[i], 0.0, 1.0))
            heights[i] = rise - fall
        return heights

    def sample(self, t: float) -> Overlay:
        """What is claimed at `t` seconds from the start; nothing before 0 and after `duration`."""
        heights = self.envelopes(t)
        values = heights @ self._values
        for bounded in (FACE, WEIGHTS):
            values[bounded] = np.clip(values[bounded], 0.0, 1.0)
        weights = np.minimum(heights @ self._claims, 1.0)
        return Overlay(values.astype(np.float32), weights.astype(np.float32))

    def steepest(self) -> float:
        """A bound on the change of any channel per second (units of that channel), all segments together."""
        speeds = [
            STEEPEST[s.ease] / max(min(s.attack, s.release), MIN_RAMP) * max(1.0, *map(abs, s.targets.values()), 0.0)
            for s in self.segments
        ]
        return float(sum(speeds))


def delayed(segments: Iterable[Segment], seconds: float) -> list[Segment]:
    """The same segments, all `seconds` later."""
    return [replace(segment, start=segment.start + seconds) for segment in segments]


def through(
    keys: Sequence[tuple[float, Mapping[str, float]]],
    attack: float,
    release: float,
    ease: str = "smooth",
    groups: frozenset[str] = frozenset(),
) -> list[Segment]:
    """Segments that pass through keyframes (seconds, values) in rising order of time.

    Each key rises while the one before falls, so that values are eased from key to key. The first is reached from
    nothing in `attack` seconds (all keys are later by that), the last falls in `release` seconds. A channel that a key
    leaves out is 0 there.
    """
    claimed = _claimed(groups, [name for _, targets in keys for name in targets])
    tops = [at + attack for at, _ in keys]
    rises = [attack, *(later - here for here, later in pairwise(tops))]
    falls = [*rises[1:], release]
    return [
        Segment(targets, top - rise, rise, 0.0, fall, ease, claimed)
        for (_, targets), top, rise, fall in zip(keys, tops, rises, falls, strict=True)
    ]
