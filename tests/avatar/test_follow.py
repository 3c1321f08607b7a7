"""Live coefficients to weights of a bank alone, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from runtime.avatar.follow import RIDGE, Follow
from runtime.contract.bank import BankExpression
from runtime.contract.drive import BANK, DriveState, coefficients


def own(name: str, drive: str | None = None, **values: float) -> BankExpression:
    return BankExpression(name, name, values, drive)


OPEN, SMILE = own("mouth open", jawOpen=0.7), own("smile", mouthSmileLeft=0.9, mouthSmileRight=0.9)
CLOSED, LEFT = own("eyes closed", eyeBlinkLeft=1, eyeBlinkRight=1), own("look left", eyeLookOutLeft=1, eyeLookInRight=1)
TONGUE = own("tongue out", "tongueOut", jawOpen=0.55)
FOLLOW = Follow((OPEN, SMILE, CLOSED, LEFT, TONGUE))


def weights(follow: Follow = FOLLOW, bank: dict[int, float] | None = None, **live: float) -> list[float]:
    played = np.zeros(BANK, np.float32)
    for k, weight in (bank or {}).items():
        played[k] = weight
    return follow.weights(DriveState(coefficients(live), bank=played)).tolist()


def test_a_mouth_half_open_that_smiles_is_half_open_and_smiles() -> None:
    """jawOpen 0.35 of 0.7: 0.7 * 0.35 / (0.49 + RIDGE); both smiles 0.9 of 0.9: 1.62 / (1.62 + RIDGE)."""
    expected = [0.245 / (0.49 + RIDGE), 1.62 / (1.62 + RIDGE), 0, 0, 0]
    got = weights(jawOpen=0.35, mouthSmileLeft=0.9, mouthSmileRight=0.9)
    assert got == pytest.approx(expected, abs=1e-3)


def test_lids_and_gaze_follow() -> None:
    got = weights(eyeBlinkLeft=1, eyeBlinkRight=1, eyeLookOutLeft=0.5, eyeLookInRight=0.5)
    assert got == pytest.approx([0, 0, 1, 0.5, 0], abs=0.02)
    wink = weights(eyeBlinkLeft=1)
    assert wink == pytest.approx([0, 0, 0.5, 0, 0], abs=0.01), "half of what there is for both"


def test_an_open_jaw_shows_no_tongue_and_an_opened_one_is_not_counted_twice() -> None:
    assert weights(jawOpen=0.55)[4] == 0
    played = weights(bank={4: 1.0}, jawOpen=0.55)
    assert played == pytest.approx([0, 0, 0, 0, 1], abs=1e-3)
    wider = weights(bank={4: 1.0}, jawOpen=0.9)
    assert wider[0] == pytest.approx(0.7 * 0.35 / (0.49 + RIDGE), abs=1e-3)


def test_what_coefficients_cannot_tell_apart_is_left_to_prompts() -> None:
    sly, weak = own("sly", mouthSmileLeft=0.4, mouthSmileRight=0.4), own("puffed", mouthPucker=0.2)
    follow = Follow((sly, SMILE, weak, TONGUE))
    assert follow.followers == [1]
    assert weights(follow, mouthSmileLeft=0.9, mouthSmileRight=0.9, mouthPucker=1)[0] == 0
    assert weights(follow, {0: 1.0}, mouthSmileLeft=0.4, mouthSmileRight=0.4) == pytest.approx([1, 0, 0, 0], abs=1e-3)


def test_a_bank_of_drives_alone_follows_nothing() -> None:
    assert weights(Follow((TONGUE,)), jawOpen=1.0) == [0.0]


def test_overlapping_expressions_are_solved_as_scipy_does() -> None:
    rng = np.random.default_rng(5)
    names = ["jawOpen", "mouthSmileLeft", "browInnerUp", "eyeWideLeft", "mouthFunnel"]
    bank = tuple(own(f"face {'abcdefgh'[k]}", **dict(zip(names, rng.uniform(0, 1, 5), strict=True))) for k in range(4))
    follow = Follow(bank)
    axes = np.stack([coefficients(bank[k].coefficients) for k in follow.followers]).astype(float)
    matrix = np.vstack([axes.T, np.sqrt(RIDGE) * np.eye(len(axes))])
    for _ in range(20):
        live = dict(zip(names, rng.uniform(0, 1, 5), strict=True))
        best = lsq_linear(matrix, np.r_[coefficients(live), np.zeros(len(axes))], (0, 1)).x
        assert np.array(weights(follow, **live))[follow.followers] == pytest.approx(best, abs=2e-3)


def test_weights_move_as_smoothly_as_the_face() -> None:
    steps = np.linspace(0, 1, 200)
    path = np.array([weights(jawOpen=t, mouthSmileLeft=1 - t, eyeBlinkLeft=t * t, tongueOut=t) for t in steps])
    # The steepest: d(jawOpen) / 0.7, and the ridge only makes it less.
    assert np.abs(np.diff(path, axis=0)).max() <= 1.05 / 0.7 * (steps[1] - steps[0]) * 2
    assert path.min() >= 0 and path.max() <= 1
