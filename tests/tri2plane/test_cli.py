"""`mien train` from the command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.clip import HEAD_MODEL, Clip, drive_arrays
from offline.tensors import read_tensors
from offline.tri2plane import cli
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.presets import PRESETS
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, TINY_FACE, tiny_clip
from tests.tri2plane.variants import TINY_LIVE


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("clip") / "disc")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in (replace(TINY, name="lite"), replace(TINY_LIVE, name="live")):
        monkeypatch.setitem(PRESETS, preset.name, preset)


def mien_train(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    cli.run(parser.parse_args([*arguments, "--device", "cpu"]))


def config(folder: Path) -> dict[str, object]:
    return json.loads((folder / "config.json").read_text())["train"]


def test_it_says_and_keeps_what_it_trains_with(clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mien_train(str(clip.folder), "-o", str(tmp_path / "a"), "--steps", "1", "--batch", "2")
    kept = config(tmp_path / "a")
    assert (kept["losses"], kept["perceptual"], kept["batch"]) == ("mien", "sharpness", 2)
    assert "losses 'mien' with the sharpness loss in place of LPIPS" in capsys.readouterr().out
    mien_train(str(clip.folder), "-o", str(tmp_path / "b"), "--steps", "1", "--preset", "live", "--losses", "paper")
    kept = config(tmp_path / "b")
    assert kept["losses"] == "paper"
    assert "preset live on cpu, 1 worker(s); losses 'paper'" in capsys.readouterr().out


def test_weights_that_are_not_there_are_refused_before_the_first_step(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="A folder for LPIPS holds"):
        mien_train(str(clip.folder), "-o", str(tmp_path), "--steps", "1", "--lpips", str(tmp_path))
    assert not (tmp_path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--losses", "papr"), "'papr'; did you mean 'paper'"),
        (("--preset", "lie"), "did you mean 'li"),
        (("--steps", "0"), "must be positive"),
        (("--set", "hiden=8"), r"unknown setting 'hiden'; did you mean 'hidden'\?"),
        (("--set", "window=2"), "'window' must be 0.0625 to 1, got 2"),
        (("--set", "levels=4"), "'levels' must be 1 to 3, got 4"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    clip: Clip, tmp_path: Path, arguments: tuple[str, str], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        mien_train(str(clip.folder), "-o", str(tmp_path), *arguments)


def test_settings_reach_the_networks_and_the_training(clip: Clip, tmp_path: Path) -> None:
    mien_train(str(clip.folder), "-o", str(tmp_path), "--steps", "1", "--set", "hidden=24", "--set", "slide_share=1")
    kept = json.loads((tmp_path / "config.json").read_text())
    assert (kept["preset"]["hidden"], kept["train"]["slide_share"]) == (24, 1.0)


@pytest.fixture(scope="module")
def begun(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "lite", replace(TINY, name="lite"))
        mien_train(str(clip.folder), "-o", str(folder), "--steps", "1", "--batch", "2", "--seed", "7")
    return folder


@pytest.mark.parametrize(
    ("arguments", "old", "new"),
    [
        (("--preset", "live"), "lite", "live"),
        (("--seed", "8"), "7", "8"),
        (("--batch", "4"), "2", "4"),
        (("--losses", "paper"), "mien", "paper"),
        (("--lpips", "."), "sharpness", "lpips"),
        (("--set", "hidden=24"), "16", "24"),
        (("--set", "slide=0.1"), "0.05", "0.1"),
    ],
)
def test_a_run_does_not_go_on_under_other_settings(
    clip: Clip, begun: Path, arguments: tuple[str, str], old: str, new: str
) -> None:
    before = (begun / "checkpoint.safetensors").read_bytes()
    option = arguments[0] if arguments[0] != "--set" else f"--set {arguments[1].split('=')[0]}"
    with pytest.raises(BadInput, match=f"begun with '{old}' for {option}, not with '{new}'; leave {option} out"):
        mien_train(str(clip.folder), "-o", str(begun), "--steps", "2", *arguments)
    assert (begun / "checkpoint.safetensors").read_bytes() == before


def test_a_run_goes_on_with_what_it_was_begun_with(clip: Clip, begun: Path) -> None:
    mien_train(str(clip.folder), "-o", str(begun), "--steps", "2", "--seed", "7")
    kept = json.loads((begun / "config.json").read_text())
    assert kept["step"] == 2 and (kept["train"]["seed"], kept["train"]["batch"]) == (7, 2)


def test_steps_repeat_exactly_and_polishing_takes_steps_too(clip: Clip, tmp_path: Path) -> None:
    for name in ("a", "b"):
        mien_train(str(clip.folder), "-o", str(tmp_path / name), "--steps", "2", "--batch", "2", "--polish-steps", "2")
    (one, about), (two, _) = (read_tensors(tmp_path / name / "checkpoint.safetensors") for name in ("a", "b"))
    assert one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())
    assert about["step"] == 2 and one["polish.optimiser.0.step"] == 2


def test_a_run_has_the_head_model_of_its_clip(tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip")
    assert cli.new_run(tmp_path / "run", clip, TINY, TrainConfig()).head_model is HeadModel.load()
    own = replace(HeadModel.load(), identity=HeadModel.load().identity[:3])
    own.save(clip.folder / HEAD_MODEL)
    assert len(cli.new_run(tmp_path / "run", clip, TINY, TrainConfig()).identity) == 3
    arrays = drive_arrays([clip.state(i) for i in range(len(clip))]) | {"identity": np.zeros(30, np.float32)}
    other = Clip.create(tmp_path / "other", clip.info, arrays)
    with pytest.raises(BadInput, match="tracked with another head model"):
        cli.new_run(tmp_path / "run", other, TINY, TrainConfig())


def test_the_warp_of_the_face_needs_the_mesh_that_a_clip_was_tracked_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tiny_clip(tmp_path / "clip").folder
    HeadModel.load().save(own / HEAD_MODEL)
    monkeypatch.setitem(PRESETS, "lite", replace(TINY_FACE, name="lite"))
    with pytest.raises(BadInput, match="--set warp=neck"):
        mien_train(str(own), "-o", str(tmp_path / "run"), "--steps", "1")
