"""The ablation on networks too small to tell its rows apart."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from offline.clip import Clip
from offline.evaluate.ablation import REDUCED, TABLES, Variant, ablate
from offline.evaluate.ablation_page import write_ablation_page
from offline.metrics import flip, psnr
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.train import Budget
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, tiny_clip

PLANES = TABLES["planes"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("ablation") / "clip")


def test_every_row_is_trained_alike_measured_and_tabled(clip: Clip, tmp_path: Path) -> None:
    done = ablate(clip, tmp_path, Budget(steps=2), count=1, preset=TINY)
    table = json.loads((tmp_path / "ablation.json").read_text())
    assert [row["preset"].get("levels", 3) for row in table["rows"]] == [1, 2, 3, 3, 3]
    assert len({row["psnr"] for row in table["rows"][:3]}) == 3, "other levels, other pictures"
    for row, picture in zip(table["rows"], done.pictures, strict=True):
        assert row["psnr"] == pytest.approx(psnr(picture, done.truth), abs=1e-4) and row["lpips"] is None
        assert row["flip"] == pytest.approx(flip(picture, done.truth)[0], abs=1e-4)
    runs = [json.loads((tmp_path / v.key / "config.json").read_text()) for v in PLANES.variants]
    assert [run["step"] for run in runs] == [2] * 5 and len({run["train"]["seed"] for run in runs}) == 1
    assert [run["train"]["slide_share"] > 0 for run in runs] == [True, True, False, True, True]
    page = write_ablation_page(done, tmp_path).read_text()
    assert all(v.label in page for v in PLANES.variants) and page.count("<img") == 6 and "<script" not in page


def test_a_finished_row_is_neither_trained_nor_measured_again(clip: Clip, tmp_path: Path) -> None:
    def once(steps: int) -> dict[str, Any]:
        return ablate(clip, tmp_path, Budget(steps=steps), count=1, preset=TINY, table=PLANES.only("three")).figures

    first, checkpoint = once(1), tmp_path / "three/checkpoint.safetensors"
    written, marked = checkpoint.stat().st_mtime_ns, tmp_path / "three/row.json"
    marked.write_text(marked.read_text().replace('"minutes"', '"kept": true,\n "minutes"'))
    second = once(1)
    assert checkpoint.stat().st_mtime_ns == written
    assert second["rows"][0].pop("kept") and second == first
    third = once(2)  # goes on where it stopped
    assert third["steps"] == 2 and "kept" not in third["rows"][0]


def test_a_rows_own_differences_are_on_top_of_what_was_set(clip: Clip, tmp_path: Path) -> None:
    set_by_hand = TrainConfig(warm_up=5, slide_share=0.3)
    ablate(clip, tmp_path, Budget(steps=1), 1, preset=TINY, table=PLANES.only("three-still"), config=set_by_hand)
    kept = json.loads((tmp_path / "three-still/config.json").read_text())["train"]
    assert (kept["warm_up"], kept["slide_share"]) == (5, 0.0)


def test_a_folder_of_another_ablation_is_refused(clip: Clip, tmp_path: Path) -> None:
    ablate(clip, tmp_path / "out", Budget(steps=1), count=1, preset=TINY, table=PLANES.only("three"))
    other = tiny_clip(tmp_path / "other")
    with pytest.raises(BadInput, match="another training"):
        ablate(other, tmp_path / "out", Budget(steps=1), count=1, preset=TINY, table=PLANES.only("three"))


@pytest.mark.parametrize("variant", [v for table in TABLES.values() for v in table.variants], ids=lambda v: v.key)
def test_every_variant_differs_from_the_shipped_one_by_what_it_says(variant: Variant) -> None:
    preset, config = replace(REDUCED, **variant.preset), TrainConfig(**variant.config)
    changed = sum(getattr(preset, f.name) != getattr(REDUCED, f.name) for f in fields(preset))
    changed += sum(getattr(config, f.name) != getattr(TrainConfig(), f.name) for f in fields(config))
    assert changed == len(variant.preset) + len(variant.config)


def test_rows_of_equal_time_take_the_steps_that_they_can(clip: Clip, tmp_path: Path) -> None:
    speed = TABLES["speed"].only("edges", "all")
    figures = ablate(clip, tmp_path, Budget(minutes=0.01), count=1, preset=TINY, table=speed).figures
    assert figures["steps"] is None and [row["steps"] > 0 for row in figures["rows"]] == [True, True]
    assert all(row["minutes"] >= 0.01 for row in figures["rows"])
