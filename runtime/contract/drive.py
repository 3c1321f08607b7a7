"""The drive state: one moment of a performance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from runtime.contract.axes import Array, pose_matrix

EXPRESSIONS: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit names, in the order of Mien's vectors (that of Live Link Face). Left and right are the subject's."""

INDEX: dict[str, int] = {name: i for i, name in enumerate(EXPRESSIONS)}
DETAIL = 8
"""Length of `detail`, the vector for what the 52 names cannot say."""
BANK = 16
"""Length of `bank`: the most expressions of its own that an avatar has."""

GAZE_YAW = 0.52
GAZE_PITCH = 0.44
"""Eye rotation (radians) at which an eyeLook coefficient is 1."""


def coefficients(values: Mapping[str, float]) -> Array:
    """Expression vector [52] from names; absent names are 0. Raises KeyError with the unknown name."""
    vector = np.zeros(len(EXPRESSIONS), np.float32)
    for name, value in values.items():
        vector[INDEX[name]] = value
    return vector


def gaze_coefficients(yaw: float, pitch: float) -> dict[str, float]:
    """The eight eyeLook coefficients of a gaze in head space: yaw > 0 to the picture's right, pitch > 0 down."""
    right, left = max(yaw, 0.0) / GAZE_YAW, max(-yaw, 0.0) / GAZE_YAW
    down, up = max(pitch, 0.0) / GAZE_PITCH, max(-pitch, 0.0) / GAZE_PITCH
    values = {"OutLeft": right, "InRight": right, "InLeft": left, "OutRight": left}
    values |= {f"Down{side}": down for side in ("Left", "Right")} | {f"Up{side}": up for side in ("Left", "Right")}
    return {f"eyeLook{name}": min(value, 1.0) for name, value in values.items()}


def gaze_of(expression: Array) -> tuple[float, float]:
    """(yaw, pitch) in radians that the eyeLook coefficients of an expression vector [52] say; mean of both eyes."""

    def axis(plus: Iterable[str], minus: Iterable[str]) -> float:
        return float(np.mean([expression[INDEX[n]] for n in plus]) - np.mean([expression[INDEX[n]] for n in minus]))

    yaw = axis(("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight")) * GAZE_YAW
    pitch = axis(("eyeLookDownLeft", "eyeLookDownRight"), ("eyeLookUpLeft", "eyeLookUpRight")) * GAZE_PITCH
    return yaw, pitch


def _zeros(n: int) -> Array:
    return np.zeros(n, np.float32)


@dataclass(frozen=True)
class DriveState:
    """What a head does at one moment. Arrays are float32 and must not be written to after construction.

    The eyes' direction is held by the eyeLook coefficients; `gaze` reads it and `looking` sets it.
    """

    expression: Array = field(default_factory=lambda: _zeros(len(EXPRESSIONS)))
    """[52], 0..1, in the order of `EXPRESSIONS`."""
    detail: Array = field(default_factory=lambda: _zeros(DETAIL))
    """[8], about -3..3, standard deviations of the head model's detail axes; zeros from a source that has none."""
    rotation: Array = field(default_factory=lambda: np.array([0, 0, 0, 1], np.float32))
    """Quaternion (x, y, z, w), head space to world space."""
    translation: Array = field(default_factory=lambda: _zeros(3))
    """[3], dm, of the head's origin from its place at rest."""
    timestamp: float = 0.0
    """Seconds on the session's monotonic clock at which this was captured."""
    bank: Array = field(default_factory=lambda: _zeros(BANK))
    """[16], 0..1: how far each of the avatar's own expressions plays, in the order of its bundle; else zeros."""

    @property
    def pose(self) -> Array:
        """Head pose ``[R | T]`` [3, 4]."""
        return pose_matrix(self.rotation, self.translation)

    @property
    def gaze(self) -> tuple[float, float]:
        """(yaw, pitch) of the eyes in head space, radians."""
        return gaze_of(self.expression)

    def looking(self, yaw: float, pitch: float) -> DriveState:
        """The same moment with the eyes turned to (yaw, pitch) in head space, radians."""
        expression = self.expression.copy()
        for name, value in gaze_coefficients(yaw, pitch).items():
            expression[INDEX[name]] = value
        return replace(self, expression=expression)


def checked(state: DriveState) -> DriveState:
    """`state` with coefficients, detail and bank clipped to their ranges and a unit quaternion.

    Raises ValueError, naming the field, where a shape is wrong, a value is not finite, the rotation is zero or the head
    is more than 10 dm away.
    """
    shapes = {"expression": len(EXPRESSIONS), "detail": DETAIL, "rotation": 4, "translation": 3, "bank": BANK}
    for name, length in shapes.items():
        value = getattr(state, name)
        if value.shape != (length,):
            raise ValueError(f"'{name}' must have {length} values, got shape {value.shape}")
        if not np.isfinite(value).all():
            raise ValueError(f"'{name}' holds a value that is not finite")
    norm = float(np.linalg.norm(state.rotation))
    if norm < 1e-3:
        raise ValueError("'rotation' is a zero quaternion")
    if float(np.abs(state.translation).max()) > 10.0:
        raise ValueError("'translation' is more than 10 dm from rest")
    if not np.isfinite(state.timestamp):
        raise ValueError("'timestamp' is not finite")
    return replace(
        state,
        expression=np.clip(state.expression, 0.0, 1.0).astype(np.float32),
        detail=np.clip(state.detail, -3.0, 3.0).astype(np.float32),
        rotation=(state.rotation / norm).astype(np.float32),
        translation=state.translation.astype(np.float32),
        bank=np.clip(state.bank, 0.0, 1.0).astype(np.float32),
    )
