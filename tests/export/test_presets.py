"""Presets other than `lite` as bundles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.bake import bake, check_bakeable
from offline.tri2plane.presets import LITE, LIVE, PAPER
from offline.tri2plane.train import Budget, train
from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.drive import DriveState
from runtime.errors import BadInput
from tests.tri2plane.tiny import tiny_clip, tiny_run
from tests.tri2plane.variants import TINY_LIVE, TINY_PAPER


@pytest.mark.slow  # traces and compiles three graphs
def test_a_small_live_bakes_and_renders(tmp_path: Path) -> None:
    """Every pixel a ray, in patches; the graph renders the picture at once."""
    clip = tiny_clip(tmp_path / "clip")
    run = tiny_run(tmp_path / "run", clip, TINY_LIVE)
    train(run, clip, Budget(steps=10))
    baked = bake(run, tmp_path / "live.mien", "live")
    assert baked.parity and all(parity.passed for parity in baked.parity)
    picture = LoadedAvatar.load(tmp_path / "live.mien", "auto").new_renderer().render(DriveState())
    assert picture.rgba.shape == (64, 64, 4) and picture.depth.shape == (64, 64) and np.isfinite(picture.depth).all()


def test_what_has_no_graphs_is_refused_with_the_reasons(tmp_path: Path) -> None:
    check_bakeable(LITE)
    check_bakeable(LIVE)
    with pytest.raises(BadInput, match=r"'paper' cannot be baked \(sums fetched features, .*, has a U-Net\)"):
        check_bakeable(PAPER)
    check_bakeable(replace(PAPER, lateral="planes", guide_samples=16, guide_rays=64, super_resolution="light"))
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"), TINY_PAPER)
    with pytest.raises(BadInput, match="train 'live' or 'lite'"):
        bake(run, tmp_path / "paper.mien", "paper")
    assert not (tmp_path / "paper.mien").exists()
