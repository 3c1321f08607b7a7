"""Banks on their way into bundles: added to a trained avatar, alone, and those that do not fit."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.bake import bake, bake_alone
from export.bank import Differences, differences, packed, stored
from export.cli import run as bake_command
from export.subject import Trained, pictures
from offline.joker.bank.expressions import DistilledExpression
from offline.joker.bank.folder import (
    NETWORKS,
    BankInfo,
    Base,
    Planes,
    head_path,
    read_info,
    write_base,
    write_head,
    write_info,
)
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.train import Budget, train
from runtime.avatar.choose import ENGINES
from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.bank import BankExpression
from runtime.contract.bundle import BANK_FILE, read_bundle
from runtime.contract.drive import BANK, DriveState, coefficients
from runtime.errors import BadInput, MienError
from tests.tri2plane.tiny import tiny_clip, tiny_run

TONGUE = DistilledExpression("tongue out", "a tongue", {"jawOpen": 0.5, "tongueOut": 1.0}, "tongueOut")
SCREAM = DistilledExpression("scream", "a scream", {"jawOpen": 1.0, "eyeLookUpLeft": 0.5}, hold=1.0)


def planes(run: Run, seed: int) -> Planes:
    """The avatar's planes at rest and something else on top, less than they are."""
    levels = Trained(run).levels([DriveState()])
    noise = torch.Generator().manual_seed(seed)
    coarse, fine = (t[0] + 0.5 * t.std() * torch.randn(t[0].shape, generator=noise) for t in (levels[0], levels[-1]))
    return Planes(coarse, fine)


def bank_of(run: Run, folder: Path) -> Path:
    made_for = str(run.folder), run.fingerprint
    write_info(folder, BankInfo("avatar", "disc", "synthetic", "none", "", "test", (TONGUE, SCREAM), *made_for))
    for seed, expression in enumerate((TONGUE, SCREAM)):
        write_head(folder, expression, planes(run, seed), {})
    return folder


def alone_of(run: Run, folder: Path) -> Path:
    neutral = DistilledExpression("neutral", "at rest")
    smile = DistilledExpression("smile", "smiling", {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9}, "mouthSmileLeft")
    tongue = replace(TONGUE, coefficients={"jawOpen": 0.5})
    write_info(folder, BankInfo("alone", "disc", "synthetic", "none", "", "test", (neutral, smile, tongue)))
    networks = {k: v for k, v in run.averaged.state_dict().items() if k.startswith(NETWORKS)}
    write_base(folder, neutral, Base(run.model.preset, run.averaged.box, networks, planes(run, 5)), {})
    for seed, expression in enumerate((smile, tongue)):
        write_head(folder, expression, planes(run, seed), {})
    return folder


@pytest.fixture(scope="module")
def bank(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bank_of(run, tmp_path_factory.mktemp("bank") / "bank")


@pytest.fixture(scope="module")
def alone(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return alone_of(run, tmp_path_factory.mktemp("alone") / "bank")


@pytest.fixture(scope="module")
def bundle(run: Run, bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "banked.mien"
    baked = bake(run, path, "banked", bank)
    assert all(p.passed for p in baked.parity) and "bank in 8 bits" in baked.parity[0].engine
    return path


def weighted(*values: float) -> DriveState:
    return DriveState(bank=np.pad(np.array(values, np.float32), (0, BANK - len(values))))


def test_the_bundle_lists_its_expressions(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert read.manifest.kind == "tri2plane"
    assert read.manifest.bank == tuple(BankExpression(**e.as_dict()) for e in (TONGUE, SCREAM))
    sizes = read.manifest.files[BANK_FILE]["bytes"]
    assert sizes < 2 * 2**20


def test_the_weight_slides_from_the_live_face_into_the_distilled_head(bundle: Path, run: Run, bank: Path) -> None:
    """At weight 1, under the expression's own coefficients, exactly the distilled planes."""
    subject = Trained(run, bank)
    given = DriveState(coefficients({"jawOpen": 0.5}), bank=weighted(1.0).bank)
    levels = subject.levels([given])
    for level, wanted in zip((levels[0][0], levels[-1][0]), planes(run, 0), strict=True):
        torch.testing.assert_close(level, wanted.half().float(), atol=1e-5, rtol=0)
    engine = LoadedAvatar.load(bundle, "onnxruntime").new_renderer()
    ends = []
    for state in (DriveState(given.expression), replace(given, bank=weighted(0.5).bank), given):
        expected = (pictures(subject, [state])[0] * 255).permute(1, 2, 0).numpy()
        shown = engine.render(state).rgba.astype(np.float64)
        assert np.abs(shown - expected).mean() < 1.0  # rounding to 8 bits of picture and planes
        ends.append(shown)
    assert np.abs(ends[2] - ends[0]).mean() > 1


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_while_none_plays_the_picture_is_that_of_the_avatar(bundle: Path, run: Run, engine: str) -> None:
    session = LoadedAvatar.load(bundle, engine).new_renderer()
    before = session.render(DriveState()).rgba.copy()
    session.render(weighted(1.0, 0.5))
    assert np.array_equal(session.render(DriveState()).rgba, before)
    expected = (pictures(Trained(run), [DriveState()])[0] * 255).permute(1, 2, 0).numpy()
    assert np.abs(before - expected).mean() < 2.0  # half precision


def test_a_bank_alone_is_driven_by_coefficients_and_by_name(alone: Path, tmp_path: Path) -> None:
    baked = bake_alone(alone, tmp_path / "alone.mien", "alone")
    assert baked.manifest.kind == "joker" and all(p.passed for p in baked.parity)
    drives = [(e.name, e.drive) for e in baked.manifest.bank]
    assert drives == [("smile", None), ("tongue out", "tongueOut")], "what follows the whole face needs no drive"
    for engine in sorted(ENGINES):
        session = LoadedAvatar.load(tmp_path / "alone.mien", engine).new_renderer()
        rest = session.render(DriveState()).rgba.astype(float)
        smile = coefficients({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9})
        live, named = session.render(DriveState(smile)).rgba.astype(float), session.render(weighted(1.0)).rgba
        assert np.abs(live - rest).mean() > 1 and np.abs(live - named).mean() < 0.2 * np.abs(live - rest).mean()
        assert np.abs(session.render(weighted(0.0, 1.0)).rgba - rest).mean() > 1


def test_steps_hold_each_channel_to_a_half() -> None:
    torch.manual_seed(0)
    made = Differences((BankExpression("a", "a"),), torch.randn(1, 3, 2, 4, 4), torch.randn(1, 3, 2, 8, 8))
    made.fine[0, 1, 0] = 0  # a channel that nothing changes
    kept = stored(made)
    step = made.fine.abs().amax((3, 4), keepdim=True) / 127
    assert ((kept.fine - made.fine).abs() <= 0.5001 * step).all() and kept.fine[0, 1, 0].abs().max() == 0
    assert len(packed(made)) < 8192


def refused(run: Run, bank: Path, tmp_path: Path) -> str:
    with pytest.raises((BadInput, MienError)) as error:
        bake(run, tmp_path / "x.mien", "x", bank)
    assert not (tmp_path / "x.mien").exists()
    return str(error.value)


def test_a_bank_without_one_of_its_heads_is_refused(run: Run, bank: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bank, tmp_path / "bank"))
    head_path(copy, SCREAM).unlink()
    assert "'scream' is not distilled yet" in refused(run, copy, tmp_path)


def test_planes_of_another_preset_are_refused(run: Run, bank: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bank, tmp_path / "bank"))
    write_head(copy, SCREAM, Planes(torch.zeros(3, 8, 8, 8), torch.zeros(3, 8, 32, 32)), {})
    assert "do not fit this avatar" in refused(run, copy, tmp_path)


def test_heads_of_another_run_are_refused(run: Run, bank: Path, tmp_path: Path) -> None:
    other = tiny_run(tmp_path / "other", tiny_clip(tmp_path / "clip"), seed=7)
    assert "which is not" in refused(other, bank, tmp_path)


def test_a_run_trained_on_since_is_refused(bank: Path, tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip")
    run = tiny_run(tmp_path / "run", clip)
    bank_of(run, tmp_path / "bank")
    train(run, clip, Budget(steps=1))
    assert "trained on since" in refused(run, tmp_path / "bank", tmp_path)


def test_kinds_are_told_apart(run: Run, bank: Path, alone: Path, tmp_path: Path) -> None:
    assert "bake it by itself" in refused(run, alone, tmp_path)
    assert "mien distill" in refused(run, tmp_path / "none", tmp_path)
    with pytest.raises(BadInput, match="belongs to an avatar"):
        bake_alone(bank, tmp_path / "x.mien", "x")


def test_networks_that_do_not_fit_their_preset_are_refused(run: Run, alone: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(alone, tmp_path / "bank"))
    networks = {k: v for k, v in run.averaged.state_dict().items() if k.startswith(NETWORKS)}
    networks.pop(next(iter(networks)))
    (neutral, *others) = read_info(copy).expressions
    write_base(copy, neutral, Base(run.model.preset, run.averaged.box, networks, planes(run, 5)), {})
    for expression in others:
        write_head(copy, expression, planes(run, 0), {})
    with pytest.raises(BadInput, match="does not fit its preset"):
        bake_alone(copy, tmp_path / "x.mien", "x")


def test_more_than_a_bundle_holds_is_refused(run: Run, bank: Path, tmp_path: Path) -> None:
    many = Path(shutil.copytree(bank, tmp_path / "bank"))
    info = (many / "bank.json").read_text()
    entry = '{"name": "face %s", "prompt": "a", "coefficients": {}, "drive": null, "hold": 2.0}'
    listed = ", ".join(entry % "abcdefghijklmnopq"[k] for k in range(BANK + 1))
    start = info.index('"expressions": [') + len('"expressions": [')
    (many / "bank.json").write_text(info[:start] + listed + "]}")
    assert "17 expressions are too many" in refused(run, many, tmp_path)


def test_a_bank_that_eight_bits_cannot_hold_is_refused(
    run: Run, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.parity.STORED_DB", 200.0)
    assert "the bank in 8 bits" in refused(run, bank, tmp_path)


def test_the_command_tells_a_run_from_a_bank(alone: Path, bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = {"run": alone, "out": Path("c.mien"), "bank": None, "samples": None, "guide_samples": None, "name": None}

    def asked(*given: object) -> None:
        assert given == (alone, Path("c.mien"), "c")
        raise MienError("baked alone")

    monkeypatch.setattr("export.cli.bake_alone", asked)
    with pytest.raises(MienError, match="baked alone"):
        bake_command(argparse.Namespace(**usual))
    for option, value in (("bank", bank), ("samples", 4), ("guide_samples", 4)):
        with pytest.raises(BadInput, match=f"--{option.replace('_', '-')} has no meaning"):
            bake_command(argparse.Namespace(**(usual | {option: value})))


def test_one_base_for_each_head(bank: Path, run: Run) -> None:
    info = BankInfo("avatar", "disc", "synthetic", "none", "", "test", (TONGUE,), "run", "0")
    made = differences(bank, info, [planes(run, 0)])
    assert made.fine.abs().max() < 2e-3  # half precision of what is on disk
