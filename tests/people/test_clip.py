"""Performances that visit every coefficient; clips of people, and what the command refuses."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from offline.clip import Clip
from offline.people import Person, performance
from offline.people.cli import add_arguments, run
from offline.people.dataset import write_clip
from runtime.contract.drive import EXPRESSIONS
from runtime.errors import BadInput


def test_every_coefficient_plays_alone_in_the_training_part() -> None:
    states = performance(2400, 30.0, 7)
    shown = np.array([s.expression for s in states])[: int(0.8 * 2400)]
    for i, name in enumerate(EXPRESSIONS):
        others = np.delete(shown, [i, EXPRESSIONS.index("jawOpen")] if name == "mouthClose" else i, axis=1)
        alone = others.max(1) < 0.25
        assert shown[alone, i].max() > 0.3, f"{name} never plays alone"
        assert shown[:, i].max() > 0.6, name
        assert np.histogram(shown[:, i], 2, (0.1, 0.8))[0].min() > 0, f"{name} skips strengths"


def test_heads_turn_and_the_same_seed_repeats() -> None:
    states = performance(900, 30.0, 1)
    yaw = np.degrees([2 * np.arctan2(s.rotation[1], s.rotation[3]) for s in states])
    assert yaw.max() > 20 and yaw.min() < -20 and np.abs(yaw).max() < 45
    again = performance(900, 30.0, 1)
    assert all(np.array_equal(a.expression, b.expression) for a, b in zip(states, again, strict=True))
    assert not np.array_equal(states[400].expression, performance(900, 30.0, 2)[400].expression)
    with pytest.raises(ValueError, match="at least one frame"):
        performance(0, 30.0, 1)


def test_a_clip_holds_the_truth_and_goes_on(tmp_path: Path) -> None:
    states, person = performance(3, 30.0, 0), Person(hair_style="bald")
    clip = write_clip(tmp_path, person, states, 30.0, 32, workers=1)
    np.testing.assert_array_equal(clip.expression[2], states[2].expression)
    assert clip.info.subject == person.name and clip.info.source == "studio"
    kept = (tmp_path / "frames/000000.png").stat().st_mtime_ns
    before = clip.frame(1)
    clip.frame_path(1).unlink()
    again = write_clip(tmp_path, person, states, 30.0, 32, workers=1)
    np.testing.assert_array_equal(again.frame(1), before)
    assert Clip.open(tmp_path).missing() == [] and (tmp_path / "frames/000000.png").stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--frames", "0", "-o", "x"), "--frames must be between"),
        (("--size", "9", "-o", "x"), "--size must be between"),
        ((), "say where to write"),
        (("--sheet", "0", "0", "-o", "x.png"), "1 to 100 people"),
        (("--check", "0"), "1 to 10000"),
    ],
)
def test_options_out_of_range(words: tuple[str, ...], message: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(BadInput, match=message):
        run(parser.parse_args(words))
