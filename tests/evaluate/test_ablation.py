"""The ablation on networks too small to tell its rows apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offline.clip import Clip
from offline.evaluate.ablation import REDUCED, VARIANTS, ablate
from offline.evaluate.ablation_page import write_ablation_page
from offline.tri2plane.checkpoint import load
from offline.tri2plane.train import Budget
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, tiny_clip

pytestmark = pytest.mark.skipif(not hasattr(REDUCED, "levels"), reason="the presets have no field 'levels'")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("ablation") / "clip")


def test_every_row_is_trained_alike_measured_and_tabled(clip: Clip, tmp_path: Path) -> None:
    done = ablate(clip, tmp_path, Budget(steps=2), count=2, preset=TINY)
    table = json.loads((tmp_path / "ablation.json").read_text())
    assert [(row["levels"], row["window"]) for row in table["rows"]] == [(1, True), (2, True), (3, False), (3, True)]
    assert all(row["psnr"] > 0 and row["flip"] > 0 and row["lpips"] is None for row in table["rows"])
    runs = {v.key: load(tmp_path / v.key)[0] for v in VARIANTS}
    assert {run.step for run in runs.values()} == {2} and {run.config.seed for run in runs.values()} == {0}
    assert [run.config.slide_share > 0 for run in runs.values()] == [True, True, False, True]
    page = write_ablation_page(done, tmp_path).read_text()
    assert all(v.label in page for v in VARIANTS) and page.count("<img") == 5 and "<script" not in page


def test_a_finished_row_is_neither_trained_nor_measured_again(clip: Clip, tmp_path: Path) -> None:
    first = ablate(clip, tmp_path, Budget(steps=1), count=2, preset=TINY)
    kept = {v.key: (tmp_path / v.key / "checkpoint.safetensors").stat().st_mtime_ns for v in VARIANTS}
    marked = tmp_path / "one/row.json"
    marked.write_text(marked.read_text().replace('"minutes"', '"kept": true,\n "minutes"'))
    second = ablate(clip, tmp_path, Budget(steps=1), count=2, preset=TINY)
    assert {v.key: (tmp_path / v.key / "checkpoint.safetensors").stat().st_mtime_ns for v in VARIANTS} == kept
    assert second.figures["rows"][0].pop("kept") and second.figures == first.figures
    third = ablate(clip, tmp_path, Budget(steps=2), count=2, preset=TINY)  # goes on where it stopped
    assert third.figures["steps"] == 2 and "kept" not in third.figures["rows"][0]


def test_a_folder_of_another_ablation_is_refused(clip: Clip, tmp_path: Path) -> None:
    ablate(clip, tmp_path / "out", Budget(steps=1), count=1, preset=TINY, variants=VARIANTS[-1:])
    other = tiny_clip(tmp_path / "other")
    with pytest.raises(BadInput, match="another training"):
        ablate(other, tmp_path / "out", Budget(steps=1), count=1, preset=TINY, variants=VARIANTS[-1:])
