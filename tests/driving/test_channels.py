"""Overlays replace what they claim and leave the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import EXPRESSIONS, INDEX, DriveState, coefficients
from runtime.driving.channels import ANGLES, CHANNEL, CHANNELS, GROUPS, Overlay, channels_of, mask, with_channels
from runtime.driving.timeline import Segment, Timeline


def _turned(yaw: float, pitch: float, roll: float) -> DriveState:
    rotation = quaternion_from_rotation(rotation_from_angles(yaw, pitch, roll))
    return DriveState(
        coefficients({"jawOpen": 0.5}), rotation=rotation, translation=np.array([0.1, 0, -0.2], np.float32)
    )


def test_every_channel_is_in_exactly_one_group() -> None:
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(CHANNELS)
    assert mask(GROUPS).tolist() == [1.0] * 74


def test_channels_hold_degrees_of_freedom_by_name() -> None:
    state = _turned(0.3, -0.2, 0.1)
    channels = channels_of(state)
    assert channels[ANGLES] == pytest.approx([0.3, -0.2, 0.1], abs=1e-6)
    assert channels[CHANNEL["headZ"]] == pytest.approx(-0.2)
    assert with_channels(state, channels).rotation == pytest.approx(state.rotation, abs=1e-6)


def test_a_smile_owns_the_mouth_and_nothing_else() -> None:
    base = _turned(0.3, 0.0, 0.0)
    smile = Timeline([Segment({"mouthSmileLeft": 0.8}, attack=0.1, hold=1)]).sample(0.5)
    shown = smile.over(base)
    assert shown.expression[INDEX["mouthSmileLeft"]] == pytest.approx(0.8)
    assert shown.expression[INDEX["jawOpen"]] == 0
    assert shown.rotation is base.rotation
    half = Overlay(smile.values / 2, smile.weights / 2).over(base)
    assert half.expression[INDEX["jawOpen"]] == pytest.approx(0.25)


def test_a_nod_leaves_the_other_angles_to_the_camera() -> None:
    nod = Timeline([Segment({"headPitch": math.radians(10)}, attack=0.1, hold=1)]).sample(0.5)
    shown = channels_of(nod.over(_turned(0.3, -0.1, 0.2)))
    assert shown[ANGLES] == pytest.approx([0.3, math.radians(10), 0.2], abs=1e-6)


def test_lids_on_their_way_down_are_not_wide() -> None:
    wide = Timeline([Segment({"eyeWideLeft": 1.0, "eyeWideRight": 1.0}, attack=0.1, hold=1)]).sample(0.5)
    blinking = DriveState(coefficients({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.25}))
    shown = wide.over(blinking).expression
    assert shown[INDEX["eyeBlinkLeft"]] == 1.0
    assert shown[[INDEX["eyeWideLeft"], INDEX["eyeWideRight"]]].tolist() == [0.0, 0.75]


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(KeyError, match="ears"):
        mask(["ears"])
    assert len(EXPRESSIONS) == 52
