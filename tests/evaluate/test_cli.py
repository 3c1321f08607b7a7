"""`mien eval` as it is typed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from offline.evaluate import cli
from offline.tri2plane.checkpoint import save
from offline.tri2plane.train import make_optimiser
from runtime.commands.demo import DEMO
from runtime.errors import BadInput
from tests.tri2plane.tiny import tiny_clip, tiny_run


def call(*words: str | Path) -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    cli.run(parser.parse_args([str(word) for word in words]))


def test_json_is_all_that_goes_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"))
    save(run, make_optimiser(run))
    call(run.folder, "--frames", "2", "--samples", "2", "--guide-samples", "3", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert {"psnr", "psnr_5th", "ssim", "frames", "landmark_px"} <= set(printed)
    assert printed == json.loads((run.folder / "eval/report.json").read_text())
    assert (run.folder / "eval/index.html").is_file() and (run.folder / "eval/held-out.mp4").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give one of"),
        (("run", "--ablate", "clip"), "give one of"),
        (("run", "--frames", "0"), "must be at least 1"),
        (("run", "--steps", "3"), "belong to --ablate"),
        (("run", "--set", "warm_up=5"), "belong to --ablate"),
        (("run", "--subject"), "give --drive VIDEO as well"),
        (("run", "--drive", "nowhere.mp4"), "there is no video 'nowhere.mp4'"),
        ((str(DEMO),), "say what to measure: --axes, --drive VIDEO"),
        ((str(DEMO), "--axes", "--views", "frnt"), "front"),
        ((str(DEMO), "--axes", "--frames", "3"), "--frames is for a run's folder"),
        (("--ablate", "nowhere", "-o", "out", "--set", "warmup=5"), "warm_up"),
        (("--ablate", "clip"), "-o FOLDER"),
        (("--ablate", "clip", "-o", "out", "--cross", "c"), "not for --ablate"),
        (("--ablate", "clip", "-o", "out", "--minutes", "-1"), "must be positive"),
        (("--ablate", "nowhere", "-o", "out"), "is not a clip"),
        (("nowhere",), "holds no checkpoint"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        call(*words)
