"""Streams fall silent and refuse nonsense; players play one timeline at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from runtime.contract.drive import DriveState, coefficients
from runtime.driving.sources import GAP, SILENCE, Player, Stream
from runtime.driving.timeline import Segment, Timeline

OPEN = DriveState(coefficients({"jawOpen": 0.5}), timestamp=3.0)
SMILE = Timeline([Segment({"mouthSmileLeft": 1.0}, attack=0.5, hold=1.0, release=0.5)])


def test_a_stream_keeps_its_last_state_until_it_is_silent() -> None:
    camera = Stream("camera")
    assert camera.sample(0.0) is None
    assert [camera.push(OPEN, 1.0), camera.push(OPEN, 1.03)] == [1, 2]
    assert camera.sample(1.03 + SILENCE - 0.01) is not None
    assert camera.sample(1.03 + SILENCE + 0.01) is None
    camera.push(OPEN, 2.0)
    camera.end()
    assert camera.sample(2.0) is None


def test_a_gap_or_other_channels_begin_a_new_epoch() -> None:
    app = Stream("coefficients")

    def epoch(now: float, groups: tuple[str, ...] = ("mouth",)) -> int:
        app.push(OPEN, now, groups)
        sample = app.newest(now)
        assert sample is not None
        return sample.epoch

    assert [epoch(1.0), epoch(1.1)] == [1, 1]
    assert epoch(1.1 + GAP * 1.1) == 2
    assert epoch(1.4, ("mouth", "brows")) == 3


@pytest.mark.parametrize(
    ("state", "field"),
    [
        (replace(OPEN, expression=np.full(52, np.nan, np.float32)), "expression"),
        (replace(OPEN, expression=np.zeros(51, np.float32)), "expression"),
        (replace(OPEN, rotation=np.zeros(4, np.float32)), "rotation"),
        (replace(OPEN, translation=np.array([0, 0, 99], np.float32)), "translation"),
        (replace(OPEN, timestamp=math.inf), "timestamp"),
    ],
)
def test_a_state_that_cannot_be_shown_is_refused_and_changes_nothing(state: DriveState, field: str) -> None:
    camera = Stream("camera")
    camera.push(OPEN, 1.0)
    with pytest.raises(ValueError, match=field):
        camera.push(state, 1.1)
    sample = camera.newest(1.1)
    assert sample is not None and sample.sequence == 1
    assert sample.state.expression == pytest.approx(OPEN.expression)


def test_out_of_range_coefficients_are_clipped_before_the_stages_see_them() -> None:
    seen: list[float] = []

    def stage(state: DriveState) -> DriveState:
        seen.append(float(state.expression.max()))
        return state

    Stream("camera", lambda: [stage]).push(replace(OPEN, expression=OPEN.expression * 9), 1.0)
    assert seen == [1.0]


def test_a_player_ends_by_itself() -> None:
    prompt = Player("prompt")
    assert prompt.sample(0.0) is None and prompt.remaining(0.0) == 0
    prompt.play(SMILE, 10.0)
    claim = prompt.sample(10.75)
    assert claim is not None and claim.overlay.weights.max() == 1
    assert prompt.remaining(10.5) == pytest.approx(1.5)
    assert prompt.sample(12.0) is None


def test_a_loop_goes_on_until_it_is_stopped() -> None:
    script = Player("script")
    script.play(SMILE, 0.0, loop=True)
    first, later = script.sample(0.75), script.sample(200.75)
    assert first is not None and later is not None
    assert later.overlay.values == pytest.approx(first.overlay.values)
    assert script.remaining(5.0) == math.inf
    script.stop()
    assert script.sample(0.75) is None


def test_an_empty_timeline_ends_what_plays() -> None:
    prompt = Player("prompt")
    prompt.play(SMILE, 0.0)
    prompt.play(Timeline(), 0.5, loop=True)
    assert prompt.sample(0.6) is None
