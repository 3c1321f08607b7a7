"""From the 52 named coefficients to the few dozen numbers that bend the head.

Left and right are the subject's; the subject's left is +x. Lengths in dm, in head space.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.identity import Identity
from offline.studio.manner import PLAIN, Manner
from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW, Array

JAW_DROP = 0.36
"""How far the chin goes down at jawOpen = 1."""


class Rig(NamedTuple):
    """Scalars of one moment (0-d tensors); pairs are (left, right)."""

    jaw_x: Tensor
    jaw_y: Tensor
    jaw_z: Tensor
    upper_left: Tensor
    upper_right: Tensor
    lower_left: Tensor
    lower_right: Tensor
    mouth_x: Tensor
    corner_x_left: Tensor
    corner_x_right: Tensor
    corner_y_left: Tensor
    corner_y_right: Tensor
    corner_z_left: Tensor
    corner_z_right: Tensor
    lips_forward: Tensor
    roll_upper: Tensor
    roll_lower: Tensor
    press_left: Tensor
    press_right: Tensor
    round: Tensor
    chin_up: Tensor
    puff_left: Tensor
    puff_right: Tensor
    cheek_left: Tensor
    cheek_right: Tensor
    fold_left: Tensor
    fold_right: Tensor
    dimple_left: Tensor
    dimple_right: Tensor
    sneer_left: Tensor
    sneer_right: Tensor
    brow_inner: Tensor
    brow_outer_left: Tensor
    brow_outer_right: Tensor
    brow_down_left: Tensor
    brow_down_right: Tensor
    lid_upper_left: Tensor
    lid_upper_right: Tensor
    lid_lower_left: Tensor
    lid_lower_right: Tensor
    gaze_yaw_left: Tensor
    gaze_yaw_right: Tensor
    gaze_pitch_left: Tensor
    gaze_pitch_right: Tensor
    tongue: Tensor
    tongue_x: Tensor
    tongue_up: Tensor
    teeth_y: Tensor
    flush: Tensor
    furrow: Tensor


def build_rig(expression: Array, identity: Identity, manner: Manner = PLAIN) -> Rig:
    """The rig of an expression vector [52] and what it cannot say."""
    c = {name: float(value) for name, value in zip(EXPRESSIONS, expression, strict=True)}
    c["tongueOut"] = max(c["tongueOut"], manner.tongue)
    values = _jaw(c) | _lips(c) | _corners(c, identity) | _face(c) | _eyes(c, identity)
    values |= _beyond(values, c, manner)
    return Rig(**{name: torch.tensor(value) for name, value in values.items()})


def _jaw(c: dict[str, float]) -> dict[str, float]:
    return {
        "jaw_x": 0.10 * (c["jawLeft"] - c["jawRight"]),
        "jaw_y": -JAW_DROP * c["jawOpen"],
        "jaw_z": 0.085 * c["jawForward"] - 0.11 * c["jawOpen"],
        "tongue": c["tongueOut"],
    }


def _beyond(values: dict[str, float], c: dict[str, float], manner: Manner) -> dict[str, float]:
    """What the manner adds to or changes in the rig's `values`."""
    left, right = max(manner.twist, 0.0), max(-manner.twist, 0.0)
    return {
        "tongue_x": 0.22 * manner.tongue_side,
        "tongue_up": manner.tongue_up,
        "teeth_y": values["jaw_y"] * 0.93 * (1.0 - manner.clench),
        "puff_left": c["cheekPuff"] * min(1.0, 1.0 + manner.puff_side) * (1.0 + 0.6 * max(manner.puff_side, 0.0)),
        "puff_right": c["cheekPuff"] * min(1.0, 1.0 - manner.puff_side) * (1.0 - 0.6 * min(manner.puff_side, 0.0)),
        "mouth_x": values["mouth_x"] + 0.12 * manner.twist,
        "corner_y_left": values["corner_y_left"] + 0.05 * left,
        "corner_y_right": values["corner_y_right"] + 0.05 * right,
        "fold_left": max(values["fold_left"], 0.9 * left),
        "fold_right": max(values["fold_right"], 0.9 * right),
        "flush": manner.flush,
        "furrow": manner.furrow,
    }


def _lips(c: dict[str, float]) -> dict[str, float]:
    """Heights of both lips' edges at the middle, per side, and how they roll, press and purse."""
    drop = JAW_DROP * c["jawOpen"]
    close = min(1.0, c["mouthClose"] / max(c["jawOpen"], 0.05)) if c["mouthClose"] > 0 else 0.0
    close = max(close * min(1.0, c["jawOpen"] / 0.1), 0.0)
    values: dict[str, float] = {}
    for side in ("Left", "Right"):
        upper = 0.012 * c["jawOpen"] + 0.085 * c["mouthUpperUp" + side] + 0.028 * c["mouthSmile" + side]
        upper += 0.03 * c["noseSneer" + side] + 0.028 * c["mouthShrugUpper"] + 0.018 * c["mouthFunnel"]
        upper -= 0.25 * drop * close + 0.02 * c["mouthClose"]
        lower = -drop * (1.0 - 0.72 * close) - 0.085 * c["mouthLowerDown" + side] - 0.035 * c["mouthFunnel"]
        lower += 0.055 * c["mouthShrugLower"] - 0.05 * c["tongueOut"] - 0.012 * c["mouthStretch" + side]
        lower -= 0.014 * c["mouthSmile" + side] + 0.012 * c["mouthPucker"]
        upper -= 0.012 * c["mouthPucker"]
        if lower > upper - 0.004 or close > 0.97:
            upper = lower = 0.4 * upper + 0.6 * lower
        values |= {f"upper_{side.lower()}": upper, f"lower_{side.lower()}": lower}
        values[f"press_{side.lower()}"] = c["mouthPress" + side]
    return values | {
        "lips_forward": 0.075 * c["mouthPucker"] + 0.055 * c["mouthFunnel"] + 0.02 * c["mouthShrugUpper"],
        "roll_upper": c["mouthRollUpper"],
        "roll_lower": c["mouthRollLower"],
        "round": min(1.0, c["mouthFunnel"] + 0.8 * c["mouthPucker"]),
        "chin_up": c["mouthShrugLower"],
        "mouth_x": 0.10 * (c["mouthLeft"] - c["mouthRight"]),
    }


def _corners(c: dict[str, float], identity: Identity) -> dict[str, float]:
    """Displacement of the corners of the mouth; x is outward."""
    narrow = -0.105 * c["mouthPucker"] - 0.075 * c["mouthFunnel"] - 0.018 * c["jawOpen"]
    wide = 0.246 * (identity.mouth_width - 1)
    values: dict[str, float] = {}
    for side in ("Left", "Right"):
        s = side.lower()
        smile, frown = c["mouthSmile" + side], c["mouthFrown" + side]
        stretch, dimple = c["mouthStretch" + side], c["mouthDimple" + side]
        values[f"corner_x_{s}"] = wide + narrow + 0.06 * smile + 0.055 * stretch + 0.03 * dimple - 0.006 * frown
        y = 0.085 * smile - 0.075 * frown + 0.012 * dimple - 0.022 * stretch + 0.015 * c["noseSneer" + side]
        y += 0.02 * c["mouthUpperUp" + side] - 0.02 * c["mouthLowerDown" + side]
        values[f"corner_y_{s}"] = y - 0.40 * JAW_DROP * c["jawOpen"]
        values[f"corner_z_{s}"] = -0.045 * smile - 0.03 * dimple - 0.03 * stretch
    return values


def _face(c: dict[str, float]) -> dict[str, float]:
    values = {"brow_inner": c["browInnerUp"]}
    for side in ("Left", "Right"):
        s = side.lower()
        values[f"cheek_{s}"] = min(1.2, c["cheekSquint" + side] + 0.65 * c["mouthSmile" + side])
        values[f"fold_{s}"] = min(1.0, 0.75 * c["mouthSmile" + side] + 0.8 * c["noseSneer" + side]
                                  + 0.3 * c["mouthStretch" + side] + 0.35 * c["mouthUpperUp" + side])  # fmt: skip
        values[f"dimple_{s}"] = min(1.0, c["mouthDimple" + side] + 0.25 * c["mouthSmile" + side])
        values[f"sneer_{s}"] = c["noseSneer" + side]
        values[f"brow_outer_{s}"] = c["browOuterUp" + side]
        values[f"brow_down_{s}"] = c["browDown" + side]
    return values


def _eyes(c: dict[str, float], identity: Identity) -> dict[str, float]:
    """Heights of the lids' edges over the eye's centre, and the direction of each eye."""
    values: dict[str, float] = {}
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        s = side.lower()
        yaw = outward * (c["eyeLookOut" + side] - c["eyeLookIn" + side]) * GAZE_YAW
        pitch = (c["eyeLookDown" + side] - c["eyeLookUp" + side]) * GAZE_PITCH
        squint = min(1.0, c["eyeSquint" + side] + 0.35 * c["cheekSquint" + side] + 0.15 * c["mouthSmile" + side])
        upper = 0.062 * identity.eye_open + 0.026 * c["eyeWide" + side] - 0.020 * squint
        upper -= 0.085 * max(pitch, 0.0) + 0.03 * min(pitch, 0.0)
        upper -= 0.006 * c["browDown" + side]
        lower = -0.046 + 0.020 * squint - 0.010 * c["eyeWide" + side] - 0.014 * max(pitch, 0.0)
        blink = c["eyeBlink" + side]
        shut = lower + 0.010 * blink
        values[f"lid_upper_{s}"] = upper + (shut - upper) * blink
        values[f"lid_lower_{s}"] = lower + 0.010 * blink
        values |= {f"gaze_yaw_{s}": yaw, f"gaze_pitch_{s}": pitch}
    return values
