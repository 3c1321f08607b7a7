"""Many sources, one head: who speaks, and how it passes from one to the next without a jump.

The most important stream that is not silent drives the head, idle fills what it does not speak for, and each player
lays its claims on top. When any of that changes hands, the difference between what would have been shown and what
should be shown is kept and eased to nothing over `fade` seconds ("inertialisation": D. Bollo, High-performance
animation in Gears of War, GDC 2018). So a switch in the middle of a fade is a switch like any other, and the source
that was left need not go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from runtime.contract.axes import Array
from runtime.contract.drive import DriveState
from runtime.driving.channels import FACE, channels_of, with_channels
from runtime.driving.easing import eased
from runtime.driving.quaternions import conjugate, multiply, power
from runtime.driving.reach import Reach
from runtime.driving.repertoire import Repertoire
from runtime.driving.sources import Claim, Player, Source, Stream, StreamSample

FADE = 0.4
"""Seconds that a change of source takes."""


@dataclass(frozen=True)
class Mixed:
    """One moment of the avatar, and where it comes from."""

    state: DriveState
    source: str
    """The most important source that speaks: a player's name, a stream's, or "idle"."""
    base: str
    """The stream that drives the head under the players, or "idle"."""
    captured: float | None
    """When the base stream's state was captured (its timestamp), None for idle."""
    sequence: int | None
    """That state's number in its stream, None for idle."""


@dataclass(frozen=True)
class _Cast:
    """Who performs at one moment, with what each says."""

    base: str
    sample: StreamSample | None
    claims: dict[str, Claim]
    """By player, in rising order of importance."""

    @property
    def who(self) -> tuple[object, ...]:
        """Changes whenever what is said does not follow on from what was said before."""
        return (
            self.base,
            self.sample and self.sample.epoch,
            *((name, claim.epoch) for name, claim in self.claims.items()),
        )


@dataclass(frozen=True)
class _Gap:
    """What is still between the target and what is shown, from the moment a change began."""

    began: float
    linear: Array
    """[79], expression, detail, translation and bank of the shown state less the target's."""
    rotation: Array
    """The turn from the target to what was shown."""


class Mixer:
    """Mixes for one avatar. `sample` is for the frame clock's thread; streams and players may be fed by others."""

    def __init__(
        self,
        idle: Source,
        streams: Sequence[Stream],
        players: Sequence[Player],
        fade: float = FADE,
        reach: Reach | None = None,
        repertoire: Repertoire | None = None,
    ) -> None:
        """`streams` and `players` in rising order of importance; `reach` is what the avatar's head has learned, and
        `repertoire` what expressions of its own it has."""
        self.idle = idle
        self.streams = tuple(streams)
        self.players = tuple(players)
        self.fade = fade
        self.reach = reach or Reach()
        self.repertoire = repertoire or Repertoire()
        self._last: _Cast | None = None
        self._gap: _Gap | None = None

    def sample(self, now: float) -> Mixed:
        """The avatar at `now`; times must not go back."""
        cast = self._cast(now)
        idle = self.idle.sample(now) or DriveState(timestamp=now)
        target = self._target(cast, idle)
        if self._last is not None and cast.who != self._last.who:
            carried = self._bridged(self._target(_carried(self._last, cast), idle), now)
            self._gap = _between(carried, target, now)
        self._last = cast
        captured, sequence = (cast.sample.state.timestamp, cast.sample.sequence) if cast.sample else (None, None)
        state = replace(self._bridged(target, now), timestamp=now if captured is None else captured)
        return Mixed(state, next(reversed(cast.claims), cast.base), cast.base, captured, sequence)

    def _cast(self, now: float) -> _Cast:
        claims = {player.name: claim for player in self.players if (claim := player.sample(now)) is not None}
        for stream in reversed(self.streams):
            sample = stream.newest(now)
            if sample is not None:
                return _Cast(stream.name, sample, claims)
        return _Cast("idle", None, claims)

    def _target(self, cast: _Cast, idle: DriveState) -> DriveState:
        state = _filled(cast.sample, idle) if cast.sample is not None else idle
        for claim in cast.claims.values():
            state = claim.overlay.over(state)
        return self.reach.clamp(self.repertoire.driven(state))

    def _bridged(self, target: DriveState, now: float) -> DriveState:
        gap = self._gap
        if gap is None:
            return target
        left = 1.0 - eased("smoother", (now - gap.began) / self.fade)
        if left <= 0.0:
            self._gap = None
            return target
        linear = _linear(target) + left * gap.linear
        ends = np.cumsum([len(part) for part in _parts(target)])[:-1]
        expression, detail, translation, bank = np.split(linear.astype(np.float32), ends)
        return replace(
            target,
            expression=np.clip(expression, 0.0, 1.0),
            detail=detail,
            translation=translation,
            bank=np.clip(bank, 0.0, 1.0),
            rotation=multiply(power(gap.rotation, left), target.rotation),
        )


def _carried(last: _Cast, cast: _Cast) -> _Cast:
    """The cast before a change as it would go on: who stays on moves on, who left or began anew stays as last seen."""
    stays = last.sample and cast.sample and (last.base, last.sample.epoch) == (cast.base, cast.sample.epoch)
    claims = {
        name: cast.claims[name] if name in cast.claims and cast.claims[name].epoch == claim.epoch else claim
        for name, claim in last.claims.items()
    }
    return _Cast(last.base, cast.sample if stays else last.sample, claims)


def _parts(state: DriveState) -> tuple[Array, ...]:
    return state.expression, state.detail, state.translation, state.bank


def _linear(state: DriveState) -> Array:
    return np.concatenate(_parts(state))


def _between(shown: DriveState, target: DriveState, now: float) -> _Gap:
    turn = multiply(shown.rotation, conjugate(target.rotation))
    return _Gap(now, _linear(shown) - _linear(target), turn)


def _filled(sample: StreamSample, idle: DriveState) -> DriveState:
    """What the stream says, and idle where it does not speak."""
    if sample.spoken.all():
        return sample.state
    mixed = np.where(sample.spoken > 0, channels_of(sample.state), channels_of(idle))
    return replace(with_channels(sample.state, mixed), detail=sample.state.detail * sample.spoken[FACE].max())
