"""What a prompt or script may move, in which groups, and how it is laid over a drive state.

The channel vector [74] is the 52 expression coefficients, then head yaw, pitch and roll (radians), then the head's
shift along x, y and z (dm), then the weights of the avatar's own 16 expressions. A group is what one performer speaks
for as a whole: whoever smiles owns the whole mouth, so that the camera's open mouth does not mix into it, but leaves
brows, blinks and head to whoever moves them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from runtime.contract.axes import Array, angles_from_rotation, quaternion_from_rotation, rotation_from_angles
from runtime.contract.axes import rotation_from_quaternion as rotation_of
from runtime.contract.drive import BANK, EXPRESSIONS, DriveState

HEAD: tuple[str, ...] = ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")
OWN: tuple[str, ...] = tuple(f"own{k}" for k in range(BANK))
CHANNELS: tuple[str, ...] = EXPRESSIONS + HEAD + OWN
CHANNEL: dict[str, int] = {name: i for i, name in enumerate(CHANNELS)}

FACE = slice(0, len(EXPRESSIONS))
ANGLES = slice(len(EXPRESSIONS), len(EXPRESSIONS) + 3)
SHIFT = slice(len(EXPRESSIONS) + 3, len(EXPRESSIONS) + 6)
WEIGHTS = slice(len(EXPRESSIONS) + 6, len(CHANNELS))


def _starting(*prefixes: str) -> tuple[str, ...]:
    return tuple(name for name in EXPRESSIONS if name.startswith(prefixes))


GROUPS: dict[str, tuple[str, ...]] = {
    "blink": _starting("eyeBlink"),
    "lids": _starting("eyeSquint", "eyeWide"),
    "gaze": _starting("eyeLook"),
    "brows": _starting("brow"),
    "cheeks": _starting("cheekSquint", "noseSneer"),
    "mouth": _starting("jaw", "mouth", "cheekPuff", "tongue"),
    **{name: (name,) for name in HEAD},
    "own": OWN,
}
"""Every channel is in exactly one group; blinking goes on under a surprised look, so lids and blinks are apart."""

GROUP_OF: dict[str, str] = {name: group for group, names in GROUPS.items() for name in names}

_BLINKS = [CHANNEL["eyeBlinkLeft"], CHANNEL["eyeBlinkRight"]]
_WIDE = [CHANNEL["eyeWideLeft"], CHANNEL["eyeWideRight"]]


def mask(groups: Iterable[str]) -> Array:
    """[74], 1 for each channel of the named groups and 0 elsewhere. Raises KeyError with an unknown group."""
    weights = np.zeros(len(CHANNELS), np.float32)
    for group in groups:
        weights[[CHANNEL[name] for name in GROUPS[group]]] = 1.0
    return weights


def channels_of(state: DriveState) -> Array:
    """The channel vector [74] of a drive state."""
    angles = angles_from_rotation(rotation_of(state.rotation))
    return np.concatenate([state.expression, angles, state.translation, state.bank]).astype(np.float32)


def with_channels(state: DriveState, channels: Array) -> DriveState:
    """`state` with expression, rotation, translation and bank from a channel vector [74]."""
    yaw, pitch, roll = (float(angle) for angle in channels[ANGLES])
    return replace(
        state,
        expression=np.clip(channels[FACE], 0.0, 1.0).astype(np.float32),
        rotation=quaternion_from_rotation(rotation_from_angles(yaw, pitch, roll)),
        translation=channels[SHIFT].astype(np.float32),
        bank=np.clip(channels[WEIGHTS], 0.0, 1.0).astype(np.float32),
    )


@dataclass(frozen=True)
class Overlay:
    """A partial performance: for each channel how much of it is claimed, and the claimed part of the value."""

    values: Array
    """[74], already multiplied by `weights`."""
    weights: Array
    """[74], 0 (left to whoever is below) to 1 (fully claimed)."""

    def over(self, base: DriveState) -> DriveState:
        """`base` with the claimed channels replaced in proportion."""
        below = channels_of(base)
        out = (1.0 - self.weights) * below + self.values
        # A lid that is on its way down is not wide open, whoever opened it.
        out[_WIDE] *= 1.0 - self.weights[_WIDE] * np.clip(out[_BLINKS], 0.0, 1.0)
        laid = with_channels(base, out)
        return laid if self.weights[ANGLES].any() else replace(laid, rotation=base.rotation)
