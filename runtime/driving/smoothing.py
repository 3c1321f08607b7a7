"""The One-Euro filter over whole drive states: still when the face is still, quick when it moves.

G. Casiez, N. Roussel, D. Vogel, "1€ Filter", CHI 2012. An exponential filter whose cut-off rises with speed. At a
cut-off of f Hz it delays by about 1 / (2π f): the mouth by 32 ms when nearly still and a few ms while it opens, so that
the delay is paid where nobody sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.contract.drive import DETAIL, EXPRESSIONS, DriveState
from runtime.driving.channels import GROUP_OF
from runtime.driving.quaternions import angle_between, slerp

FORGET = 0.5
"""After a pause longer than this (seconds) the filter starts anew."""
SPEED_CUTOFF = 6.0
"""Cut-off of the speed estimate, Hz. The paper's 1 Hz notices the start of a blink only when it is over."""


@dataclass(frozen=True)
class Tuning:
    """How one kind of channel is filtered."""

    still: float
    """Cut-off at rest, Hz: lower is calmer."""
    quick: float
    """Rise of the cut-off (Hz) per unit of speed (channel units a second): higher follows sooner."""


TUNING: dict[str, Tuning] = {
    "blink": Tuning(5.0, 8.0),
    "lids": Tuning(3.0, 5.0),
    "gaze": Tuning(2.5, 6.0),
    "brows": Tuning(3.0, 5.0),
    "cheeks": Tuning(3.0, 5.0),
    "mouth": Tuning(5.0, 6.0),
    "detail": Tuning(3.0, 1.0),
    "rotation": Tuning(2.0, 8.0),
    "translation": Tuning(2.0, 8.0),
}
"""By group of channels, whose units are coefficients 0..1, standard deviations (detail), radians and dm."""


def blend(cutoff: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    """Share of the new value in an exponential filter of `cutoff` Hz after `dt` seconds."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * dt))


class OneEuro:
    """The filter for a vector of n independent channels, each with its own tuning."""

    def __init__(self, still: NDArray[np.float64], quick: NDArray[np.float64]) -> None:
        self.still, self.quick = still, quick
        self._value: NDArray[np.float64] | None = None
        self._raw = np.zeros_like(still)
        self._speed = np.zeros_like(still)

    def reset(self) -> None:
        """Take the next value as it is."""
        self._value = None

    def __call__(self, raw: NDArray[np.float32] | NDArray[np.float64], dt: float) -> NDArray[np.float64]:
        """The filtered vector [n] after `raw` [n], `dt` > 0 seconds after the one before."""
        raw = np.asarray(raw, np.float64)
        if self._value is None:
            self._value, self._speed = raw, np.zeros_like(raw)
        else:
            slope = (raw - self._raw) / dt
            self._speed = self._speed + blend(np.full_like(raw, SPEED_CUTOFF), dt) * (slope - self._speed)
            share = blend(self.still + self.quick * np.abs(self._speed), dt)
            self._value = self._value + share * (raw - self._value)
        self._raw = raw
        return self._value


class OneEuroRotation:
    """The same for a unit quaternion: speed is the angle per second, and the blend is a slerp."""

    def __init__(self, tuning: Tuning) -> None:
        self.tuning = tuning
        self._value: Array | None = None
        self._raw = np.array([0, 0, 0, 1], np.float32)
        self._speed = 0.0

    def reset(self) -> None:
        """Take the next value as it is."""
        self._value = None

    def __call__(self, raw: Array, dt: float) -> Array:
        """The filtered quaternion after `raw`, `dt` > 0 seconds after the one before."""
        if self._value is None:
            self._value, self._speed = raw, 0.0
        else:
            speed = angle_between(self._raw, raw) / dt
            self._speed += float(blend(np.array(SPEED_CUTOFF), dt)) * (speed - self._speed)
            share = float(blend(np.array(self.tuning.still + self.tuning.quick * self._speed), dt))
            self._value = slerp(self._value, raw, share)
        self._raw = raw
        return self._value


class Smoother:
    """A stage that smooths the states of one stream; for one thread. Time is the states' own timestamps."""

    def __init__(self) -> None:
        kinds = [GROUP_OF[name] for name in EXPRESSIONS] + ["detail"] * DETAIL + ["translation"] * 3
        self._linear = OneEuro(
            np.array([TUNING[kind].still for kind in kinds]), np.array([TUNING[kind].quick for kind in kinds])
        )
        self._rotation = OneEuroRotation(TUNING["rotation"])
        self._last: DriveState | None = None

    def __call__(self, state: DriveState) -> DriveState:
        """The smoothed state. One that is not newer than the last gives the last again."""
        dt = state.timestamp - self._last.timestamp if self._last else math.inf
        if self._last is not None and dt <= 0:
            return self._last
        if dt > FORGET:
            self._linear.reset()
            self._rotation.reset()
        raw = np.concatenate([state.expression, state.detail, state.translation])
        linear = self._linear(raw, dt).astype(np.float32)
        expressions, details = len(EXPRESSIONS), len(EXPRESSIONS) + DETAIL
        self._last = replace(
            state,
            expression=linear[:expressions],
            detail=linear[expressions:details],
            rotation=self._rotation(state.rotation, dt),
            translation=linear[details:],
        )
        return self._last
