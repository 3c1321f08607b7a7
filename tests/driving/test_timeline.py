"""Rise, hold and fall worked by hand, and what overlapping segments do."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.driving.channels import CHANNEL
from runtime.driving.timeline import Segment, Timeline, delayed, through

JAW = CHANNEL["jawOpen"]
SMILE = CHANNEL["mouthSmileLeft"]


def test_rises_holds_and_falls() -> None:
    timeline = Timeline([Segment({"jawOpen": 0.8}, start=1, attack=0.4, hold=1, release=0.2, ease="linear")])
    assert timeline.duration == pytest.approx(2.6)
    heights = [timeline.sample(t).values[JAW] for t in (0.9, 1.0, 1.1, 1.4, 2.0, 2.4, 2.5, 2.6, 9)]
    assert heights == pytest.approx([0, 0, 0.2, 0.8, 0.8, 0.8, 0.4, 0, 0], abs=1e-6)


def test_a_follower_takes_over_as_an_exact_cross_fade() -> None:
    first = Segment({"jawOpen": 1.0}, 0, 0.5, 1, 0.5)
    second = Segment({"mouthSmileLeft": 1.0}, 1.5, 0.5, 1, 0.5)
    timeline = Timeline([first, second])
    for t in np.linspace(0.5, 3.0, 60):
        at = timeline.sample(float(t))
        assert at.weights[JAW] == pytest.approx(1, abs=1e-6)
        assert at.values[JAW] + at.values[SMILE] == pytest.approx(1, abs=1e-6)


def test_overlapping_segments_add_up_and_stay_in_range() -> None:
    timeline = Timeline(
        [Segment({"jawOpen": 0.7}), Segment({"jawOpen": 0.6, "headYaw": 0.2}), Segment({"headYaw": 0.1})]
    )
    held = timeline.sample(1.0)
    assert held.values[JAW] == 1.0
    assert held.values[CHANNEL["headYaw"]] == pytest.approx(0.3)
    assert held.weights.max() == 1.0


def test_keyframes_are_passed_through_in_time() -> None:
    keys = [(0.0, {"jawOpen": 0.2}), (0.4, {"jawOpen": 0.8}), (1.0, {"mouthSmileLeft": 0.6})]
    timeline = Timeline(delayed(through(keys, attack=0.5, release=0.3, ease="linear"), 2.0))
    at = {t: timeline.sample(t) for t in (2.5, 2.7, 2.9, 3.2, 3.5, 3.8)}
    assert [at[t].values[JAW] for t in at] == pytest.approx([0.2, 0.5, 0.8, 0.4, 0, 0], abs=1e-6)
    assert [at[t].values[SMILE] for t in at] == pytest.approx([0, 0, 0, 0.3, 0.6, 0], abs=1e-6)
    assert timeline.duration == pytest.approx(3.8)


def test_an_empty_timeline_says_nothing() -> None:
    empty = Timeline()
    assert empty.duration == 0 and empty.steepest() == 0
    assert not empty.sample(0.0).weights.any()


def test_never_changes_faster_than_it_says() -> None:
    rng = np.random.default_rng(5)
    segments = []
    for _ in range(6):
        height, start, attack, hold, release = rng.uniform([0, 0, 0.05, 0, 0.05], [1, 3, 1, 1, 1])
        segments.append(Segment({"jawOpen": height}, start, attack, hold, release))
    timeline = Timeline(segments)
    times = np.arange(0, timeline.duration, 1 / 120)
    values = np.array([timeline.sample(float(t)).values for t in times])
    assert np.abs(np.diff(values, axis=0)).max() <= timeline.steepest() / 120
