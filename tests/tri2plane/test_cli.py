"""`mien train` from the command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from offline.clip import Clip
from offline.tri2plane import cli
from offline.tri2plane.presets import PRESETS
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, tiny_clip
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
    ],
)
def test_options_that_mean_nothing_are_refused(
    clip: Clip, tmp_path: Path, arguments: tuple[str, str], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        mien_train(str(clip.folder), "-o", str(tmp_path), *arguments)
