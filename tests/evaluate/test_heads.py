"""The comparison of distilled heads, at a size that a test can pay for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from offline.evaluate.head_truth import HeadTruth, head_truth, named_look
from offline.evaluate.heads import FIGURES, ROWS, OracleSource, PriorSource, Seen, evaluate_heads, measure
from offline.evaluate.heads_page import HEAD_METRICS, write_heads_page
from offline.evaluate.judges import Judges
from offline.joker.captures.views import View
from offline.joker.distill.presets import PRESETS
from offline.joker.prior.ambiguity import picture_of
from offline.joker.prior.bound import Prior
from offline.joker.prior.small import small_prior
from offline.joker.world.looks import person
from runtime.errors import BadInput

VIEWS = (View(-0.1, 0.0), View(0.1, 0.0))
TINY = replace(
    PRESETS["studio"],
    azimuths=2,
    elevations=1,
    levels=2,
    single=1,
    iterations=1,
    after=1,
    views=1,
    batch=2,
    skipped=0.0,
)
HEADS = ((300_000, "tongue out"),)


SIZE = 32


@pytest.fixture(scope="module")
def truth() -> HeadTruth:
    return head_truth(*HEADS[0], SIZE, VIEWS)


@pytest.fixture
def rendered_once(truth: HeadTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering the truth takes longest: the evaluation gets the one that is there."""

    def same(*asked: object) -> HeadTruth:
        assert asked == (*HEADS[0], SIZE, VIEWS)
        return truth

    monkeypatch.setattr("offline.evaluate.heads.head_truth", same)


def pictures(seed: int, look: str) -> Tensor:
    """[V, 3, P, P] of another head."""
    return torch.stack([picture_of(person(seed), named_look(look)[1], v.yaw, v.pitch, SIZE) for v in VIEWS])


def test_the_truth_itself_is_perfect_but_for_light_and_pixels(truth: HeadTruth) -> None:
    with Judges() as judges:
        found = measure(Seen(truth.pictures, truth.depth), truth, judges)
    assert found["psnr"] == 100 and found["flip"] == 0 and found["depth_mm"] == 0 and found["look"] == 1
    assert found["warp"] is not None and found["warp"] < 12


def test_another_look_and_a_shifted_head_are_told(truth: HeadTruth) -> None:
    closed = pictures(300_000, "mouth open")
    deeper = np.where(truth.depth > 0, truth.depth + 0.05, 0).astype(np.float32)
    with Judges() as judges:
        found = measure(Seen(closed, deeper), truth, judges)
        flat = measure(Seen(closed, None), truth, judges)
    assert found["look"] == 0
    assert found["depth_mm"] == pytest.approx(5.0, abs=0.01)
    assert flat["depth_mm"] is None and flat["psnr"] == found["psnr"]


def test_views_of_different_heads_do_not_agree(truth: HeadTruth) -> None:
    mixed = torch.stack([truth.pictures[0], pictures(300_001, "tongue out")[1]])
    with Judges() as judges:
        one, two = (measure(Seen(p, None), truth, judges)["warp"] for p in (truth.pictures, mixed))
    assert one is not None and two is not None and two > 1.5 * one


def test_an_unknown_look_is_named() -> None:
    with pytest.raises(BadInput, match="tongue out"):
        named_look("tonge out")


@pytest.mark.usefixtures("rendered_once")
def test_rows_are_distilled_measured_and_shown(tmp_path: Path) -> None:
    prior = PriorSource(Prior(small_prior(size=SIZE, widths=(16, 32))))
    rows = ("two-stage", "score", "2d")
    done = evaluate_heads(prior, "tiny", TINY, tmp_path, HEADS, rows, VIEWS)
    written = json.loads((tmp_path / "heads.json").read_text())
    assert [row["key"] for row in written["rows"]] == list(rows)
    assert set(FIGURES) == {metric.key for metric in HEAD_METRICS}
    assert len({row["psnr"] for row in written["rows"]}) == len(rows)
    for row in written["rows"]:
        error = (done.seen[row["key"]][0].pictures - done.truths[0].pictures).square().mean((1, 2, 3))
        assert row["psnr"] == pytest.approx(float(-10 * error.log10().mean()), abs=1e-3)
        assert (row["depth_mm"] is None) == (row["key"] == "2d")
    page = write_heads_page(done, tmp_path).read_text()
    assert all(ROWS[row] in page for row in rows) and ROWS["multi-step"] not in page
    assert page.count("data:image/") == 1 + len(rows)
    with pytest.raises(BadInput, match="another evaluation"):
        evaluate_heads(prior, "other", TINY, tmp_path, HEADS, rows, VIEWS)


@pytest.mark.usefixtures("rendered_once")
def test_an_oracles_pictures_are_the_truth(tmp_path: Path) -> None:
    done = evaluate_heads(OracleSource(SIZE), "oracle", TINY, tmp_path, HEADS, ("2d",), VIEWS)
    (row,) = done.figures["rows"]
    assert row["psnr"] > 55  # 8 bits a value: 10 log10(12 · 255²)
    assert row["look"] == 1
