"""A whole bank, by a prior that knows its heads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from offline.files import held
from offline.joker import cli
from offline.joker.bank.expressions import DistilledExpression
from offline.joker.bank.folder import base_path, head_path, is_finished, read_base, read_head, read_info, work_path
from offline.joker.cli import bank_info, distil_bank
from offline.joker.distill import task
from offline.joker.distill.distill import Distillation
from offline.joker.distill.jobs import run_tasks
from offline.joker.distill.presets import PRESETS, STUDIO
from offline.joker.distill.reference import Reference
from offline.joker.distill.targets import Targets
from offline.joker.distill.task import Task
from offline.tri2plane.checkpoint import save
from offline.tri2plane.presets import PRESETS as SIZES
from offline.tri2plane.train import make_optimiser
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput, Unavailable
from tests.joker.balls import BallPrior
from tests.tri2plane.tiny import TINY, tiny_clip, tiny_run

QUICK = replace(
    STUDIO, name="quick", size=16, azimuths=3, elevations=2, levels=4, single=2, iterations=2, after=2, views=3,
    resolutions=((0, 16),), patch=16, skipped=0.25, autocast=False, batch=6,
)  # fmt: skip
LIST = """
expressions:
  - {name: neutral, prompt: a face}
  - {name: tongue out, prompt: a tongue, coefficients: {jawOpen: 0.55}, drive: tongueOut}
  - {name: smile, prompt: a smile, coefficients: {mouthSmileLeft: 0.9}}
"""


IDENTITY = np.linspace(-2, 2, len(HeadModel.load().identity), dtype=np.float32)


def ball_prior(name: str, device: torch.device) -> BallPrior:
    return BallPrior()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "lite", TINY)
    monkeypatch.setitem(PRESETS, "quick", QUICK)
    monkeypatch.setattr(task, "PICTURE", TINY.picture)
    monkeypatch.setattr(cli, "prior_size", lambda source: 16)
    flat = np.full((64, 64, 3), 128, np.uint8)
    monkeypatch.setattr(cli, "photo_reference", lambda photo: Reference(flat, IDENTITY))


def arguments(folder: Path, *more: str) -> argparse.Namespace:
    (folder / "list.yaml").write_text(LIST)
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    given = ["-o", str(folder / "bank"), "--prior", "balls", "--device", "cpu"]
    return parser.parse_args([*given, "--expressions", str(folder / "list.yaml"), *more])


ALONE = ("--reference", "photo.png", "--subject", "Ball", "--consent", "a ball agrees to everything")


def test_a_bank_from_one_picture_and_its_going_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def counting(name: str, device: torch.device) -> BallPrior:
        asked.append(name)
        return BallPrior()

    distil_bank(arguments(tmp_path, *ALONE), counting)
    bank = tmp_path / "bank"
    info = read_info(bank)
    assert [e.name for e in info.expressions] == ["neutral", "tongue out", "smile"] and info.subject == "Ball"
    base, tongue = read_base(bank), read_head(bank, info.expressions[1])
    assert tongue.fine.shape == base.neutral.fine.shape == (3, 8, 16, 16)
    assert not torch.equal(tongue.fine, base.neutral.fine)
    assert not list((bank / "work").rglob("*.safetensors"))  # what going on needs is gone, the previews stay
    assert (work_path(bank, info.expressions[1]) / "preview" / "last.png").is_file()

    kept = {path: path.stat().st_mtime_ns for path in (base_path(bank), head_path(bank, info.expressions[1]))}
    head_path(bank, info.expressions[2]).unlink()
    asked.clear()
    distil_bank(arguments(tmp_path, *ALONE), counting)
    assert asked == ["balls"] and is_finished(bank, info.expressions[2])
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert "2 of 3 expressions are finished" in capsys.readouterr().out


def test_a_kill_between_and_amid_expressions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual: Callable[..., float] = Distillation._iterate
    iterations = 0

    def killed(self: Distillation, iteration: int, targets: Targets | None) -> float:
        nonlocal iterations
        iterations += 1
        if iterations == 9:  # in the second expression: the first has 2 · 2 + 2 iterations
            raise KeyboardInterrupt
        return usual(self, iteration, targets)

    monkeypatch.setattr(Distillation, "_iterate", killed)
    with pytest.raises(KeyboardInterrupt):
        distil_bank(arguments(tmp_path, *ALONE), ball_prior)
    bank = tmp_path / "bank"
    expressions = read_info(bank).expressions
    assert [is_finished(bank, e) for e in expressions] == [True, False, False]
    distil_bank(arguments(tmp_path, *ALONE), ball_prior)
    assert all(is_finished(bank, e) for e in expressions)
    assert iterations == 9 + 4 + 6  # two of the second expression's six were kept


def test_a_bank_for_an_avatar_starts_from_its_planes(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"))
    save(run, make_optimiser(run))
    distil_bank(arguments(tmp_path, "--avatar", str(tmp_path / "run")), ball_prior)
    info = read_info(tmp_path / "bank")
    assert info.kind == "avatar" and [e.name for e in info.expressions] == ["tongue out", "smile"]
    assert (info.subject, info.consent) == (run.subject, run.consent) and info.avatar == str(
        (tmp_path / "run").resolve()
    )
    head, start = read_head(tmp_path / "bank", info.expressions[0]), task.avatar_planes(run, info.expressions[0].vector)
    assert head.coarse.shape == start.coarse.shape and head.fine.shape == start.fine.shape
    # six steps of Adam at a rate of 1e-2 move a value by some hundredths, not away from where it began
    assert 0 < (head.fine - start.fine).abs().max() < 0.2
    assert cv2.imread(str(tmp_path / "bank" / "reference.png")).shape == (512, 512, 3)
    assert not base_path(tmp_path / "bank").exists()


def test_two_commands_do_not_work_in_one_folder(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"))
    save(run, make_optimiser(run))
    with held(tmp_path / "bank"), pytest.raises(Unavailable, match="another command is at work"):
        distil_bank(arguments(tmp_path, "--avatar", str(tmp_path / "run")), ball_prior)


@pytest.mark.slow
def test_several_processes_finish_all(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"))
    save(run, make_optimiser(run))
    args = arguments(tmp_path, "--avatar", str(tmp_path / "run"))
    info = bank_info(args, QUICK)
    cli.prepare(args, info)
    tasks = [Task(args.out, e, QUICK, "balls", info.avatar) for e in info.expressions]
    run_tasks(tasks, 2, [torch.device("cpu")], ball_prior)
    assert all(is_finished(args.out, e) for e in info.expressions)


@pytest.mark.slow
def test_one_that_fails_stops_the_others(tmp_path: Path) -> None:
    """Of six, two at once, the first cannot go on: its folder holds another's work."""
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"))
    save(run, make_optimiser(run))
    args = arguments(tmp_path, "--avatar", str(tmp_path / "run"))
    cli.prepare(args, bank_info(args, QUICK))
    long = replace(QUICK, iterations=2000, after=2000)
    tasks = [
        Task(args.out, DistilledExpression(f"face {letter}", "a face"), long, "balls", str(tmp_path / "run"))
        for letter in "abcdef"
    ]
    work_path(args.out, tasks[0].expression).mkdir(parents=True)
    (work_path(args.out, tasks[0].expression) / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be read"):
        run_tasks(tasks, 2, [torch.device("cpu")], ball_prior)
    begun = {path.parent.name for path in args.out.glob("work/*/*.safetensors")}
    assert begun == {"face-a", "face-b"}  # the second saved what it had


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--reference", "x.png"), "whose likeness it is"),
        ((), "needs --reference PHOTO"),
        ((*ALONE, "--jobs", "0"), "--jobs must be 1 to 64"),
        ((*ALONE, "--preset", "papr"), "did you mean 'paper'"),
        ((*ALONE, "--preset", "paper"), "'paper' is for pictures of 512 pixels, and the prior draws 16; .* 'quick'"),
        ((*ALONE, "--set", "iteratons=3"), "did you mean 'iterations'"),
        ((*ALONE, "--set", "levels=1"), "'levels' must be at least 2"),
        ((*ALONE, "--avatar", "nowhere"), "holds no checkpoint"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, more: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        distil_bank(arguments(tmp_path, *more), ball_prior)


def test_a_folder_of_another_bank_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distil_bank(arguments(tmp_path, *ALONE), ball_prior)
    with pytest.raises(BadInput, match="a bank of another subject"):
        bank_info(arguments(tmp_path, *ALONE, "--subject", "Cube"), QUICK)
    args = arguments(tmp_path, *ALONE)
    args.expressions.write_text(LIST.replace("a smile", "a grin"))
    with pytest.raises(BadInput, match="'smile' is finished with other words"):
        bank_info(args, QUICK)
    args.expressions.write_text(LIST.replace("a smile", "a smile, hold: 3.0"))  # how it is played may change
    assert bank_info(args, QUICK).expressions[2].hold == 3.0
    monkeypatch.setattr(cli, "photo_reference", lambda photo: Reference(np.zeros((64, 64, 3), np.uint8), IDENTITY))
    with pytest.raises(BadInput, match="another reference picture"):
        distil_bank(arguments(tmp_path, *ALONE), ball_prior)


def test_a_bank_does_not_go_on_with_a_prior_that_was_trained_on(tmp_path: Path) -> None:
    prior = tmp_path / "prior"
    (prior / "denoiser").mkdir(parents=True)
    (prior / "denoiser" / "weights").write_text("early")
    args = arguments(tmp_path, *ALONE, "--prior", str(prior))
    distil_bank(args, ball_prior)
    (prior / "training.safetensors").write_text("what training keeps beside the networks")
    assert bank_info(args, QUICK) == read_info(args.out)
    (prior / "denoiser" / "weights").write_text("late")
    with pytest.raises(BadInput, match="another state of the prior, which was trained on since"):
        bank_info(args, QUICK)


def test_a_bank_knows_what_was_set_and_goes_on_with_the_same(tmp_path: Path) -> None:
    args = arguments(tmp_path, *ALONE, "--set", "after=3", "--set", "iterations=1")
    distil_bank(args, ball_prior)
    assert read_info(args.out).preset == "quick iterations=1 after=3"
    with pytest.raises(BadInput, match="a bank of another preset"):
        distil_bank(arguments(tmp_path, *ALONE), ball_prior)


def test_help_settings_lists_the_preset_of_the_prior(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(tmp_path, "--help-settings")
    listed = capsys.readouterr().out
    assert "iterations=2  (whole number, at least 1)" in listed and "resolutions=0:16" in listed
    assert "size=" not in listed  # it follows from the prior


@pytest.mark.parametrize(("head", "identity"), [("fitted", IDENTITY), ("mean", None)])
def test_a_prior_sees_the_head_that_it_was_trained_on(tmp_path: Path, head: str, identity: np.ndarray | None) -> None:
    prior = BallPrior(head=head)
    distil_bank(arguments(tmp_path, *ALONE), lambda name, device: prior)
    views = [task.view_normals(e.vector, prior.views, 16, identity) for e in read_info(tmp_path / "bank").expressions]
    assert len(views) == 3
    for seen, wanted in zip(prior.normals, views, strict=True):
        assert torch.equal(seen, wanted)
    other = task.view_normals(np.zeros(52, np.float32), prior.views, 16, None if head == "fitted" else IDENTITY)
    assert (views[0] - other).abs().mean() > 0.01  # of another head they would differ


def test_a_bank_without_an_identity_goes_on_with_the_mean_head(tmp_path: Path) -> None:
    """Its first heads were distilled so."""
    task.write_reference(tmp_path, Reference(np.zeros((64, 64, 3), np.uint8), None))
    task.write_reference(tmp_path, Reference(np.zeros((64, 64, 3), np.uint8), IDENTITY))
    assert task.read_identity(tmp_path) is None


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"identity": [1]}', '{"identity": [NaN]}', "[" * 60_000])
def test_a_damaged_identity_is_refused(tmp_path: Path, written: str) -> None:
    (tmp_path / task.IDENTITY).write_text(written)
    with pytest.raises(BadInput, match="delete it and run the same command again"):
        task.read_identity(tmp_path)
