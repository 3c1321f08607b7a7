"""`mien prior` from the command line's point of view, and the autoencoder's training."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from offline.joker.captures.layout import create, finish, read, write_frame
from offline.joker.prior import ambiguity, autoencoder
from offline.joker.prior import cli as prior_cli
from offline.joker.prior.ambiguity import answer_cases, cases
from offline.joker.prior.autoencoder import calibrate, reconstruction_loss, train_autoencoder
from offline.joker.prior.bound import load_prior
from offline.joker.prior.config import CONFIGS, PriorConfig
from offline.joker.prior.pairs import Pairs
from offline.joker.prior.small import small_prior
from offline.joker.prior.training import PriorTraining
from offline.joker.world.dataset import shots
from offline.training import pacing
from runtime.errors import BadInput


def _run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    prior_cli.add_arguments(parser)
    prior_cli.run(parser.parse_args(list(words)))


@pytest.fixture(autouse=True)
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior_cli, "GRID", 2)
    monkeypatch.setattr(prior_cli, "GRID_STEPS", 2)
    monkeypatch.setattr(autoencoder, "CALIBRATION", 16)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people of stripes."""
    folder = tmp_path_factory.mktemp("captures")
    create(folder, 32, "test")
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        taken = [shot.frame for shot in shots(0, 3)]
        for frame in taken:
            rgba = np.full((32, 32, 4), 255, np.uint8)
            rgba[..., :3] = rng.integers(255, size=(4, 1, 3)).repeat(8, 0)
            write_frame(folder / name, frame.name, rgba, np.zeros((32, 32, 3), np.uint8))
        finish(folder / name, taken)
    return folder


def test_a_prior_is_trained_goes_on_and_is_read(
    captures: Path, tiny_prior_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONFIGS, "studio", replace(CONFIGS["studio"], batch=2))
    out = tmp_path / "prior"
    _run("train", str(captures), "-o", str(out), "--base", str(tiny_prior_folder), "--steps", "2", "--device", "cpu")
    before = {k: v.clone() for k, v in load_prior(out).networks.denoiser.state_dict().items()}
    _run("train", str(captures), "-o", str(out), "--steps", "3", "--device", "cpu")
    assert load_prior(tiny_prior_folder).head == "mean" and load_prior(out).head == "fitted"  # as the captures are
    after = load_prior(out).networks.denoiser.state_dict()
    assert any(not torch.equal(before[k], after[k]) for k in before)
    assert sorted(p.name for p in (out / "previews").iterdir()) == ["0000002.png", "0000003.png"]


def test_an_early_kill_loses_no_autoencoder(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after the first checkpoint and before the first look, which is when the networks were written once."""
    monkeypatch.setitem(CONFIGS, "studio", replace(CONFIGS["studio"], batch=2, vae_steps=1))
    monkeypatch.setattr(prior_cli, "small_prior", lambda: small_prior(size=32, widths=(16, 32)))
    monkeypatch.setattr(pacing, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(pacing, "SHARE", 1.0)
    usual, steps = PriorTraining._step, 0

    def killed(self: PriorTraining, pairs: Pairs) -> float:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise KeyboardInterrupt
        return usual(self, pairs)

    monkeypatch.setattr(PriorTraining, "_step", killed)
    out = tmp_path / "prior"
    line = ("train", str(captures), "-o", str(out), "--steps", "3", "--device", "cpu")
    with pytest.raises(KeyboardInterrupt):
        _run(*line)
    coder = load_prior(out).networks.vae.state_dict()
    capsys.readouterr()
    _run(*line)
    assert "autoencoder" not in capsys.readouterr().out and steps == 4  # two steps were kept
    again = load_prior(out).networks.vae.state_dict()
    assert all(torch.equal(coder[name], again[name]) for name in coder)
    assert not (out / ".writing").exists()


def test_the_papers_config_needs_networks_to_begin_with(captures: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give the networks to begin with by --base"):
        _run("train", str(captures), "-o", str(tmp_path / "prior"), "--config", "joker", "--device", "cpu")


def test_captures_of_both_heads_do_not_go_together(captures: Path, tmp_path: Path) -> None:
    mean = tmp_path / "mean"
    shutil.copytree(captures, mean)
    said = json.loads((mean / "captures.json").read_text())
    (mean / "captures.json").write_text(json.dumps(said | {"head": "mean"}))
    with pytest.raises(BadInput, match=r"normals of the mean head and .* of fitted ones"):
        prior_cli.one_head([read(captures), read(mean)])
    del said["head"]
    (mean / "captures.json").write_text(json.dumps(said | {"source": "studio"}))
    assert prior_cli.one_head([read(mean)]) == "mean"  # the studio's world, before it said so


def test_a_prior_does_not_go_on_with_another_head(captures: Path, tiny_prior_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "prior"
    shutil.copytree(tiny_prior_folder, out)
    with pytest.raises(BadInput, match="learnt from normals of the mean head, and the captures show the fitted one"):
        _run("train", str(captures), "-o", str(out), "--steps", "1", "--device", "cpu")


def test_settings_and_options_say_otherwise_than_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    def config(*words: str) -> PriorConfig:
        parser = argparse.ArgumentParser()
        prior_cli.add_arguments(parser)
        return prior_cli._config(parser.parse_args(["train", "captures", "-o", "prior", *words]))

    made = config("--config", "joker", "--batch", "40", "--parts", "8", "--set", "snr_cap=5", "--set", "parts=2")
    assert made == replace(CONFIGS["joker"], batch=40, parts=8, snr_cap=5.0) and made.checkpointing
    with pytest.raises(BadInput, match="'batch' must be at least 1"):
        config("--batch", "0")
    with pytest.raises(BadInput, match="did you mean 'snr_cap'"):
        config("--set", "snr_cup=5")
    with pytest.raises(SystemExit):
        config("--config", "joker", "--help-settings")
    assert "checkpointing=yes" in capsys.readouterr().out


def test_a_killed_autoencoder_goes_on_as_the_same_run(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONFIGS, "studio", replace(CONFIGS["studio"], batch=2, vae_steps=8))
    monkeypatch.setattr(prior_cli, "small_prior", lambda: small_prior(size=32, widths=(16, 32)))
    monkeypatch.setattr(pacing, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(pacing, "SHARE", 1.0)

    def line(out: Path) -> tuple[str, ...]:
        return "train", str(captures), "-o", str(out), "--steps", "1", "--device", "cpu"

    _run(*line(tmp_path / "whole"))
    steps = 0

    def killed(*given: Any) -> tuple[torch.Tensor, float]:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise KeyboardInterrupt
        return reconstruction_loss(*given)

    monkeypatch.setattr(autoencoder, "reconstruction_loss", killed)
    out = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        _run(*line(out))
    monkeypatch.setitem(CONFIGS, "studio", replace(CONFIGS["studio"], batch=3))
    with pytest.raises(BadInput, match="trained with other settings"):
        _run(*line(out))
    monkeypatch.setitem(CONFIGS, "studio", replace(CONFIGS["studio"], batch=2))
    _run(*line(out))
    assert steps == 9  # four steps were kept, the fifth was done twice
    whole, again = (load_prior(folder).networks.vae for folder in (tmp_path / "whole", out))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())
    assert whole.config.scaling_factor == again.config.scaling_factor and not list(out.glob("autoencoder*"))


def test_a_person_of_two_pictures_is_shown(captures: Path) -> None:
    pairs = Pairs([read(captures)], 32, "frontal", 0.0, 0.0)
    pairs.people = tuple(replace(person, frames=person.frames[:2]) for person in pairs.people)
    assert [prior_cli._shown_pair(pairs, n) for n in range(4)] == [(0, 1), (1, 1), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("measure", "nowhere", "-o", "x", "--cases", "0"), "at least 1"),
        (("train", "nowhere", "-o", "x", "--minutes", "0"), "must be positive"),
        (("world", "-o", "x", "--people", "0"), "positive"),
        (("world", "-o", "x", "--size", "100"), "multiple of 64"),
        (("train", "nowhere", "-o", "x"), "holds no captures"),
        (("train", "nowhere", "-o", "x", "--config", "jokr"), "joker"),
        (("measure", "nowhere/at/all", "-o", "x"), "nowhere/at/all"),
    ],
)
def test_bad_input_is_one_sentence(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    given = tuple(str(tmp_path / w) if w in ("x", "nowhere") else w for w in words)
    with pytest.raises(BadInput, match=message):
        _run(*given)


def test_the_autoencoder_learns_and_its_latents_have_unit_variance(captures: Path, tmp_path: Path) -> None:
    vae = small_prior(size=32, widths=(16, 32)).vae
    pairs = Pairs([read(captures)], 32, "frontal", 0.0, 0.0)
    pictures = pairs.draw(8, np.random.default_rng(1)).target
    before = calibrate(vae, pictures)
    config = PriorConfig(batch=8, vae_steps=40, vae_rate=5e-3)
    after = train_autoencoder(vae, pairs, config, torch.device("cpu"), tmp_path / "kept.safetensors")
    assert after > before + 2
    with torch.no_grad():
        latents = vae.encode(pictures * 2 - 1).latent_dist.mode() * vae.config.scaling_factor
    assert float(latents.std()) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("apart", "loss"),
    [
        ((0.0, 0.0, 0.0), 0.0),
        ((0.1, 0.1, 0.1), 0.1 + 5 * 0.01),
        ((0.3, 0.0, 0.0), 0.1 + 5 * 0.03 + 3 * (0.2 + 0.1 + 0.1) / 3),
    ],
)
def test_the_autoencoders_loss_by_hand(apart: tuple[float, float, float], loss: float) -> None:
    """Evenly off: no edges. The third is of a colour, the second is grey."""

    class Given:
        """A stand-in whose code is the picture itself."""

        def __init__(self, value: torch.Tensor) -> None:
            self.latent_dist, self.sample_ = self, value

        def sample(self) -> torch.Tensor:
            return self.sample_

        def kl(self) -> torch.Tensor:
            return torch.zeros(1)

    class Off:
        def encode(self, value: torch.Tensor) -> Given:
            return Given(value)

        def decode(self, value: torch.Tensor) -> argparse.Namespace:
            return argparse.Namespace(sample=value + torch.tensor(apart)[None, :, None, None])

    made, error = reconstruction_loss(Off(), torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8))
    assert float(made) == pytest.approx(loss, abs=1e-5)
    assert error == pytest.approx(sum(x * x for x in apart) / 3 / 4, abs=1e-6)


def test_cases_are_asked_with_and_without_the_sentence(
    tiny_prior_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ambiguity, "STEPS", 2)
    asked = cases(2, 32, "mean")
    assert [case.look for case in asked] == ["mouth open", "tongue out"]
    assert torch.equal(asked[0].truth, asked[0].truths[0])
    answers = answer_cases(load_prior(tiny_prior_folder), asked, 2.0)
    assert answers.pictures.shape == (2, 3, 32, 32)
    assert 0 <= answers.right <= 1
    out = tmp_path / "measured"
    made = {(1, 32, "mean"): asked[:1]}  # the tiny prior says nothing of its head, so it is a mean one
    monkeypatch.setattr(prior_cli, "cases", lambda *given: made[given])
    _run("measure", str(tiny_prior_folder), "-o", str(out), "--cases", "1", "--device", "cpu")
    assert json.loads((out / "figures.json").read_text())["cases"] == 1
    assert (out / "answers.png").stat().st_size > 1000
