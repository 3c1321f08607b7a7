"""What is shown while a fit cannot be believed."""

from __future__ import annotations

import numpy as np

from runtime.contract.axes import rotation_from_angles
from runtime.contract.drive import INDEX
from runtime.tracking.fit import Solution
from runtime.tracking.trust import HIDDEN, PROFILE, SLIPPED, Trust
from tests.tracking.synthetic import vector

SMILE, BLINK = INDEX["mouthSmileLeft"], INDEX["eyeBlinkLeft"]
GRIMACE = vector(mouthSmileLeft=1.0, eyeBlinkLeft=1.0)


def posed(yaw: float = 0.0) -> Solution:
    return Solution(rotation_from_angles(yaw, 0, 0).astype(np.float64), np.array([0, 0, -7.0]), GRIMACE)


def after(trust: Trust, seconds: float, **doubt: float) -> np.ndarray:
    values = {"misfit": 1.0, "visible": 1.0, "yaw": 0.0} | doubt
    for _ in range(round(seconds * 30)):
        shown = trust.eased(posed(values["yaw"]), values["misfit"], values["visible"], 1 / 30)
    return shown


def test_what_is_believed_is_shown_at_once() -> None:
    np.testing.assert_array_equal(Trust().eased(posed(), 1.0, 1.0, 0.0), GRIMACE)


def test_a_profile_and_a_misfit_ease_to_rest_and_come_back_without_a_jump() -> None:
    for doubt in ({"yaw": PROFILE + 0.1}, {"yaw": -PROFILE - 0.1}, {"misfit": SLIPPED + 1}):
        trust = Trust()
        after(trust, 0.2)
        gone = [after(trust, 1 / 30, **doubt) for _ in range(30)]
        assert gone[0][SMILE] > 0.7 and gone[-1].max() < 0.01
        back = [after(trust, 1 / 30)[SMILE] for _ in range(15)]
        assert max(np.diff([0.0, *back])) < 0.4 and back[-1] == 1.0


def test_a_hand_before_the_mouth_leaves_the_eyes() -> None:
    trust = Trust()
    after(trust, 0.2)
    shown = after(trust, 1.0, visible=HIDDEN / 2)
    assert shown[SMILE] < 0.01 and shown[BLINK] == 1.0
