"""One person's tracked range to the avatar's: their rest is its rest, and when their mouth is fully open, so is its.

Each coefficient is mapped by what has been seen of this person so far: ``(x - neutral) / (reach - neutral)``. Neutral
and reach start at what trackers usually report and creep towards what they see, at a bounded speed, so the avatar never
jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from runtime.contract.axes import Array
from runtime.contract.drive import EXPRESSIONS, INDEX, DriveState
from runtime.driving.channels import GROUPS
from runtime.driving.quaternions import power

LONGEST_STEP = 0.1
"""Seconds of adaptation at most from one state to the next, however long the pause between them."""


@dataclass(frozen=True)
class Habits:
    """How quickly a person's range is learned, and how far it may differ from the tracker's own."""

    warm_up: float = 3.0
    """Seconds in which neutral is learned `warm_up_factor` times faster: the face has just come into view."""
    warm_up_factor: float = 8.0
    neutral_up: float = 0.01
    """Speed at which neutral rises, a second; only while the coefficient is within `near` of it, or a long smile would
    become the new rest."""
    neutral_down: float = 0.08
    near: float = 0.12
    neutral_limit: float = 0.3
    reach_up: float = 0.5
    """Speed at which reach rises, a second, while the coefficient is beyond it."""
    reach_down: float = 0.002
    """Speed at which an old reach is forgotten, a second."""
    recentre: float = 30.0
    """Time constant (seconds) with which the place where the person sits becomes the avatar's place of rest."""


USUAL_REACH: dict[str, tuple[float, float]] = {
    "jawOpen": (0.45, 0.7),
    "eyeBlinkLeft": (0.45, 0.7),
    "eyeBlinkRight": (0.45, 0.7),
    "mouthSmileLeft": (0.5, 0.8),
    "mouthSmileRight": (0.5, 0.8),
    "mouthPucker": (0.6, 0.9),
    "browInnerUp": (0.5, 0.8),
    "browOuterUpLeft": (0.5, 0.8),
    "browOuterUpRight": (0.5, 0.8),
    "browDownLeft": (0.5, 0.8),
    "browDownRight": (0.5, 0.8),
}
"""(least, at first) reach of the coefficients that trackers seldom take to 1; all others reach 1."""

_ADAPTED = [INDEX[name] for group in ("blink", "lids", "brows", "cheeks", "mouth") for name in GROUPS[group]]


class Retargeter:
    """A stage that maps the states of one person's stream; for one thread. Time is the states' own timestamps."""

    def __init__(self, habits: Habits | None = None, head_gain: float = 1.0) -> None:
        """`head_gain` multiplies the angle of the head's rotation about its own axis."""
        self.habits = habits or Habits()
        self.head_gain = head_gain
        self.neutral: Array = np.zeros(len(EXPRESSIONS), np.float32)
        """[52], what a coefficient reads when this person's face is at rest."""
        self._least = np.ones(len(EXPRESSIONS), np.float32)
        self.reach: Array = np.ones(len(EXPRESSIONS), np.float32)
        """[52], what it reads when they do it fully."""
        for name, (least, first) in USUAL_REACH.items():
            self._least[INDEX[name]], self.reach[INDEX[name]] = least, first
        self._centre: Array | None = None
        self._age = 0.0
        self._time: float | None = None

    def __call__(self, state: DriveState) -> DriveState:
        """The state in the avatar's range: expression 0..1, rotation scaled, translation from their usual place."""
        dt = 0.0 if self._time is None else min(max(state.timestamp - self._time, 0.0), LONGEST_STEP)
        self._time = state.timestamp
        self._age += dt
        self._learn(state.expression, dt)
        centre = self._follow(state.translation, dt)
        expression = np.clip((state.expression - self.neutral) / (self.reach - self.neutral), 0.0, 1.0)
        _lift_speech(expression)
        return replace(
            state,
            expression=expression.astype(np.float32),
            rotation=power(state.rotation, self.head_gain),
            translation=state.translation - centre,
        )

    def _learn(self, seen: Array, dt: float) -> None:
        h = self.habits
        pace = dt * (h.warm_up_factor if self._age < h.warm_up else 1.0)
        above = seen - self.neutral
        step = np.where(above < 0, np.maximum(above, -pace * h.neutral_down), np.minimum(above, pace * h.neutral_up))
        step[above > h.near] = 0.0
        self.neutral[_ADAPTED] = np.minimum(self.neutral + step, h.neutral_limit)[_ADAPTED]
        beyond = seen - self.reach
        grown = np.where(beyond > 0, np.minimum(beyond, dt * h.reach_up), -dt * h.reach_down)
        self.reach = np.clip(self.reach + grown, self._least, 1.0).astype(np.float32)

    def _follow(self, place: Array, dt: float) -> Array:
        centre = place if self._centre is None else self._centre
        self._centre = (centre + dt / self.habits.recentre * (place - centre)).astype(np.float32)
        return self._centre


def _lift_speech(expression: Array) -> None:
    """Opens a nearly closed mouth twice as far, in place, and a fully open one no further.

    Speech opens the mouth by a tenth of what a shout does. On an avatar whose lips are a few pixels high, lips that
    part by so little look closed. What keeps the lips together over an open jaw grows with it.
    """
    jaw, close = INDEX["jawOpen"], INDEX["mouthClose"]
    lift = 2 / (1 + expression[jaw])
    expression[jaw] *= lift
    expression[close] = min(expression[close] * lift, 1.0)
