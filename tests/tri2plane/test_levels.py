"""Fewer than three levels: what is left out, and that it trains, saves and bakes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from export.bake import bake
from offline.clip import Clip
from offline.tri2plane.checkpoint import load
from offline.tri2plane.generator import StyleGenerator
from offline.tri2plane.train import Budget, train
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, tiny_clip, tiny_run


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("clip") / "disc")


def test_fewer_levels_are_the_coarser_ones_and_cost_no_blocks() -> None:
    one, two = replace(TINY, levels=1), replace(TINY, levels=2)
    assert (one.plane_sizes, two.plane_sizes, TINY.plane_sizes) == ((4,), (4, 8), (4, 8, 16))
    assert (one.blocks, two.blocks) == ((8,), (8, 8))
    long = replace(TINY, trunk=(32, 16, 12, 8, 4))
    assert (replace(long, levels=1).blocks, long.blocks) == ((32, 16, 12), (32, 16, 12, 8, 4))
    with pytest.raises(BadInput, match="'levels' must be 1 to 3"):
        replace(TINY, levels=0)


@pytest.mark.parametrize("levels", [1, 2])
def test_the_levels_that_are_there_are_those_of_the_whole_generator(levels: int) -> None:
    torch.manual_seed(0)
    whole, part = StyleGenerator(TINY), StyleGenerator(replace(TINY, levels=levels))
    part.load_state_dict({k: v for k, v in whole.state_dict().items() if k in part.state_dict()})
    style = torch.randn(2, TINY.style)
    for a, b in zip(part(style), whole(style)[:levels], strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("levels", [1, 2])
def test_it_trains_and_loads(clip: Clip, tmp_path: Path, levels: int) -> None:
    run = tiny_run(tmp_path / "run", clip, replace(TINY, levels=levels), whole_every=2)
    train(run, clip, Budget(steps=4))
    assert load(tmp_path / "run")[0].model.preset.levels == levels
    row = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert sum(name.startswith("rgb") for name in row) == levels


@pytest.mark.slow  # traces and compiles three graphs
@pytest.mark.parametrize("levels", [1, 2])
def test_it_bakes(clip: Clip, tmp_path: Path, levels: int) -> None:
    run = tiny_run(tmp_path / "run", clip, replace(TINY, levels=levels))
    train(run, clip, Budget(steps=10))
    assert all(parity.passed for parity in bake(run, tmp_path / "a.mien", "a").parity)
