"""Noise levels, rounds and presets, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offline.joker.distill.presets import PAPER, PRESETS, STUDIO, DistillPreset, preset_for
from offline.joker.distill.schedule import Round, plan
from offline.joker.prior.denoiser import noise_levels
from runtime.errors import BadInput

SMALL = replace(STUDIO, levels=5, single=3, iterations=10, after=25)


def test_the_papers_levels_and_rounds() -> None:
    levels = noise_levels(100, 1000)
    assert levels[:3] == [999, 989, 979] and levels[59] == 410 and levels[60] == 400 and levels[-1] == 10
    rounds = plan(PAPER, 1000)
    assert len(rounds) == 61 and rounds[0] == Round((999,), 130)
    assert rounds[-1].steps[0] == 400 and len(rounds[-1].steps) == 40 and rounds[-1].iterations == 12_200
    assert sum(r.iterations for r in rounds) == 20_000 and PAPER.azimuths * PAPER.elevations == 400
    assert [PAPER.resolution(n, 512) for n in (0, 199, 200, 3000, 4500, 7000, 19_999)] == [
        64,
        64,
        128,
        256,
        384,
        512,
        512,
    ]
    assert PAPER.resolution(7000, 64) == 64


def test_the_stages_switch_where_they_should() -> None:
    assert noise_levels(5, 11) == [10, 8, 6, 4, 2]
    assert plan(SMALL, 11) == [Round((10,), 10), Round((8,), 10), Round((6,), 10), Round((4, 2), 25)]
    assert plan(SMALL, 11, skipped=0.4) == [Round((6,), 10), Round((4, 2), 25)]


def test_all_variants_have_the_same_budget() -> None:
    variants = {name: plan(SMALL, 11, name) for name in ("two-stage", "single-step", "multi-step", "score")}
    assert {sum(r.iterations for r in rounds) for rounds in variants.values()} == {55}
    asked = {name: [step for r in rounds for step in r.steps] for name, rounds in variants.items()}
    assert asked["two-stage"] == asked["single-step"] == asked["multi-step"] == [10, 8, 6, 4, 2]
    assert asked["score"] == [] and len(variants["single-step"]) == 5 and len(variants["multi-step"]) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"single": 5}, "belong to Stage 1"),
        ({"skipped": 0.6}, "must leave a level"),
        ({"resolutions": ((10, 64),)}, "begin at iteration 0"),
        ({"networks": "lit"}, "did you mean 'lite'"),
    ],
)
def test_values_that_do_not_fit(change: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_unknown_names() -> None:
    with pytest.raises(BadInput, match="did you mean 'two-stage'"):
        plan(SMALL, 11, "two stage")
    with pytest.raises(BadInput, match="1 to 10 noise levels"):
        noise_levels(11, 11)
    with pytest.raises(BadInput, match="did you mean 'guidance'"):
        DistillPreset.from_dict({"guidence": 3})
    assert set(PRESETS) == {"paper", "studio"}


def test_the_preset_follows_from_the_size_of_the_priors_pictures() -> None:
    assert [preset_for(size).name for size in (32, 64, 128, 512)] == ["studio", "studio", "paper", "paper"]
    assert preset_for(64, "studio") is STUDIO
    with pytest.raises(BadInput, match=r"'studio' is for pictures of 64 pixels, and the prior draws 512; .* 'paper'"):
        preset_for(512, "studio")
    with pytest.raises(BadInput, match=r"'paper' is for pictures of 512 pixels, and the prior draws 64; .* 'studio'"):
        preset_for(64, "paper")
    with pytest.raises(BadInput, match="pictures of 1024 pixels, and heads are distilled from 512 at most"):
        preset_for(1024)
