"""Whoever has something to say about the avatar's next moment.

Times are seconds on the session's monotonic clock and are always passed in, so that tests can run on virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from runtime.contract.axes import Array
from runtime.contract.drive import DriveState, checked
from runtime.driving.channels import GROUPS, Overlay, mask
from runtime.driving.timeline import Timeline

Filter = Callable[[DriveState], DriveState]
"""One step of conditioning between a stream and the mixer: smoothing, retargeting."""

SILENCE = 0.5
"""Seconds without a new state after which a stream counts as silent."""

GAP = 0.2
"""Seconds without a new state after which the next one is eased into, as the head may have moved on."""


class Source(Protocol):
    """Something that can say what the whole head does now."""

    def sample(self, now: float) -> DriveState | None:
        """The state to show at `now`, or None when the source is silent."""


@dataclass(frozen=True)
class StreamSample:
    """The newest state of a stream."""

    state: DriveState
    arrived: float
    sequence: int
    spoken: Array
    """[74], 1 for the channels that the stream speaks for."""
    epoch: int
    """Rises when this state does not follow on from the one before: after a gap, or for other channels."""


class Stream:
    """A live source that is pushed to: the camera's tracker, a face-capture app, a websocket.

    One thread may push while another samples.
    """

    def __init__(self, name: str, new_stages: Callable[[], Iterable[Filter]] = tuple, silence: float = SILENCE) -> None:
        """`new_stages` makes the steps between what is pushed and what is shown, for one person."""
        self.name = name
        self.stages = tuple(new_stages())
        self._new_stages = new_stages
        self.silence = silence
        self._newest: StreamSample | None = None
        self._sequence = 0
        self._epoch = 0

    def push(self, state: DriveState, now: float, groups: Iterable[str] = GROUPS) -> int:
        """Make `state` the newest and return its sequence number, counted from 1.

        `groups` are those the stream speaks for; idle fills the others. Raises ValueError, naming the field, for a
        state that `runtime.contract.drive.checked` refuses; the stream then goes on as if it had not come.
        """
        state = checked(state)
        for stage in self.stages:
            state = stage(state)
        last, spoken = self._newest, mask(groups)
        if last is None or now - last.arrived > GAP or (spoken != last.spoken).any():
            self._epoch += 1
        self._sequence += 1
        self._newest = StreamSample(state, now, self._sequence, spoken, self._epoch)
        return self._sequence

    def skip(self) -> None:
        """Count a state that could not be used, so that the numbers of later ones are those of their sender."""
        self._sequence += 1

    def renew(self) -> None:
        """Somebody else is pushed from now on: what the stages learned of the last one is forgotten. In the thread
        that pushes."""
        self.stages = tuple(self._new_stages())
        self._epoch += 1

    def end(self) -> None:
        """Say nothing more until the next push; what was last shown eases away at once."""
        self._newest = None

    def newest(self, now: float) -> StreamSample | None:
        """The newest state with its history, or None after `silence` seconds without one."""
        last = self._newest
        return last if last is not None and now - last.arrived <= self.silence else None

    def sample(self, now: float) -> DriveState | None:
        """The newest state, or None after `silence` seconds without one."""
        last = self.newest(now)
        return last.state if last is not None else None


@dataclass(frozen=True)
class Claim:
    """What a player lays over the rest at one moment."""

    overlay: Overlay
    epoch: int
    """Rises with every timeline that is started."""


class Player:
    """A layer that plays one timeline at a time: a prompt or a script. One thread may play while another samples."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._epoch = 0
        self._playing: tuple[Timeline, float, bool, int] | None = None

    def play(self, timeline: Timeline, now: float, loop: bool = False) -> None:
        """Start `timeline` at `now` in place of what is playing."""
        self._epoch += 1
        self._playing = (timeline, now, loop and timeline.duration > 0, self._epoch)

    def stop(self) -> None:
        """End what is playing; it eases away."""
        self._playing = None

    def remaining(self, now: float) -> float:
        """Seconds left of what is playing; infinite for a loop, 0 when nothing plays."""
        playing = self._playing
        if playing is None:
            return 0.0
        timeline, start, loop, _ = playing
        return float("inf") if loop else max(start + timeline.duration - now, 0.0)

    def sample(self, now: float) -> Claim | None:
        """What the timeline claims at `now`, or None when none plays."""
        playing = self._playing
        if playing is None:
            return None
        timeline, start, loop, epoch = playing
        t = now - start
        if loop:
            t %= timeline.duration
        return Claim(timeline.sample(t), epoch) if t < timeline.duration else None
