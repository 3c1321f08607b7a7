"""The sets of losses: which terms there are, and under which weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from offline.clip import Clip
from offline.perceptual import Lpips
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.config import TRAINING, TrainConfig
from offline.tri2plane.crops import slide
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.losses import LOSSES
from offline.tri2plane.presets import PRESETS, Preset
from offline.tri2plane.terms import loss_terms
from runtime.errors import BadInput
from tests.tri2plane.tiny import tiny_clip, tiny_run
from tests.tri2plane.variants import TINY_LIVE, TINY_PAPER, VARIANTS


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("clip") / "disc")


class Judge(nn.Module):
    """A perceptual loss that can be computed by hand."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        assert prediction.shape == target.shape and prediction.shape[1] == 3
        return (prediction - target).abs().mean((1, 2, 3))


def terms(run: Run, clip: Clip) -> dict[str, float]:
    torch.manual_seed(3)
    run.model.train()
    return {k: v.item() for k, v in loss_terms(run, load_batch(clip, np.array([0, 3]))).items()}


def test_the_defaults_are_the_values_of_the_config() -> None:
    """Runs that were begun before there were sets go on as they were."""
    assert TrainConfig().weights() == LOSSES["mien"]
    own = TrainConfig(level_weight=0.2, opacity_weight=0.3, sharpness_weight=0.4, feature_strength=5.0).weights()
    assert own.levels == (0.2, 0.2, 0.2) and (own.mask, own.sharpness, own.features) == (0.3, 0.4, 5.0)


def test_a_set_or_a_perceptual_loss_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'papr'; did you mean 'paper'\?"):
        TrainConfig(losses="papr")
    with pytest.raises(BadInput, match="value of 'perceptual' 'vgg'"):
        TrainConfig(perceptual="vgg")


def test_what_presets_set_is_known() -> None:
    for name, values in TRAINING.items():
        assert name in PRESETS and TrainConfig(**values)


@pytest.mark.parametrize("preset", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("losses", LOSSES)
def test_the_terms_follow_the_weights(clip: Clip, tmp_path: Path, preset: Preset, losses: str) -> None:
    """Against the same step under other weights: only the weights differ, so terms scale with them."""
    weights = LOSSES[losses]
    got = terms(tiny_run(tmp_path, clip, preset, autocast=False, losses=losses, slide=0.0), clip)
    run = tiny_run(tmp_path, clip, preset, autocast=False, slide=0.0, feature_strength=weights.features)
    base, mien = terms(run, clip), LOSSES["mien"]
    extra = weights.composite if preset.patches == 1 else 0.0  # a window stands for the composite where there is none
    for level in range(3):
        share = (weights.levels[level] + extra * (level == 2)) / mien.levels[level]
        assert got[f"rgb{level + 1}"] == pytest.approx(share * base[f"rgb{level + 1}"], rel=1e-5)
    assert ("composite" in got) == (losses == "released" and preset.patches > 1)
    assert got["sharp"] == pytest.approx(weights.sharpness / mien.sharpness * base["sharp"], rel=1e-5)
    assert got["sr"] == pytest.approx(base["sr"], rel=1e-5)  # never without L1 where nothing judges colours
    assert 0 < got["mask"] < weights.mask / mien.mask * base["mask"] or losses == "mien"


def test_lpips_takes_the_place_of_sharpness(clip: Clip, tmp_path: Path) -> None:
    run = tiny_run(tmp_path, clip, TINY_LIVE, autocast=False, losses="paper", slide=0.0)
    run.judge = Judge()
    got = terms(run, clip)
    assert "sharp" not in got and "sr" not in got  # as the text of the paper has it
    run.config = replace(run.config, losses="released")
    assert terms(run, clip)["lpips"] == pytest.approx(0.1 * got["lpips"], rel=1e-6)
    run.config = replace(run.config, losses="mien")
    assert {"lpips", "sr"} <= set(terms(run, clip))


def test_lpips_itself_reaches_the_networks(clip: Clip, tmp_path: Path) -> None:
    """With random weights: what it sees of the picture flows back to the planes."""
    torch.manual_seed(0)
    run = tiny_run(tmp_path, clip, TINY_LIVE, losses="paper", slide=0.0)
    run.judge = Lpips()
    torch.nn.init.normal_(run.model.super_resolution.tail.weight, std=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        term = loss_terms(run, load_batch(clip, np.array([3])))["lpips"]
    term.backward()
    still = dict(run.model.named_parameters())["generator.to_planes.2.still"].grad
    assert term > 0 and still is not None and still.abs().sum() > 0


def test_what_is_not_known_is_not_judged(clip: Clip, tmp_path: Path) -> None:
    """Where a slid frame leaves nothing, the judge sees the same twice."""
    run = tiny_run(tmp_path, clip, TINY_LIVE, autocast=False, losses="paper", slide=0.5, slide_share=1.0)
    judge = run.judge = Judge()
    seen: list[Tensor] = []
    judge.register_forward_pre_hook(lambda _, pictures: seen.append((pictures[0] - pictures[1]).detach()))
    batch = load_batch(clip, np.array([0, 3]))
    torch.manual_seed(5)
    known = slide(batch, 0.5, 1.0)[1].expand(-1, 3, -1, -1) > 0
    torch.manual_seed(5)
    run.model.train()
    loss_terms(run, batch)
    assert 0.1 < known.float().mean() < 0.9
    assert seen[0][known].any() and not seen[0][~known].any()


@pytest.mark.parametrize("preset", [TINY_LIVE, TINY_PAPER], ids=lambda p: p.name)
def test_the_composite_counts_active_patches_alone_for_the_last_level(
    clip: Clip, tmp_path: Path, preset: Preset
) -> None:
    """With all patches active, the last level's term is the composite's."""
    run = tiny_run(tmp_path, clip, preset, autocast=False, losses="released", active=16, slide=0.0)
    got = terms(run, clip)
    assert got["rgb3"] == pytest.approx(got["composite"], rel=1e-6)
    run.config = replace(run.config, active=3)
    assert terms(run, clip)["rgb3"] != pytest.approx(got["composite"], rel=1e-3)


def test_half_precision_does_not_move_the_sliding_window(clip: Clip) -> None:
    batch = load_batch(clip, np.array([0, 1]))
    torch.manual_seed(1)
    expected = slide(batch, 0.2, 1.0)[0]
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        pose = slide(batch, 0.2, 1.0)[0]
    assert torch.equal(pose, expected)
