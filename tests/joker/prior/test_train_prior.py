"""Training the prior: the loss against diffusers' own words, which parts train, going on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from offline.joker.captures.layout import Captures, Frame, create, finish, read, write_frame
from offline.joker.captures.normals import face_weights
from offline.joker.prior import training as training_module
from offline.joker.prior.config import PriorConfig
from offline.joker.prior.networks import JokerPrior
from offline.joker.prior.pairs import Batch, Pairs
from offline.joker.prior.small import small_prior
from offline.joker.prior.training import (
    CHECKPOINT,
    Noise,
    PriorTraining,
    choose_trained,
    level_weights,
    parts_of,
    training_loss,
    unused_tail,
)
from offline.tensors import read_tensors
from offline.training.loop import Budget
from runtime.errors import BadInput

CONFIG = PriorConfig(batch=2, learning_rate=1e-3, warm_up=1, average=0.9)


@pytest.fixture
def prior() -> JokerPrior:
    return small_prior(size=32, widths=(16, 32))


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Captures:
    folder = tmp_path_factory.mktemp("captures")
    create(folder, 32, "test")
    rng = np.random.default_rng(0)
    frames = [Frame(f"{n:03d}", "a face with the tongue out", (0.0,) * 52) for n in range(3)]
    for frame in frames:
        rgba = np.full((32, 32, 4), 255, np.uint8)
        rgba[..., :3] = rng.integers(255, size=3)
        write_frame(folder / "one", frame.name, rgba, np.zeros((32, 32, 3), np.uint8))
    finish(folder / "one", frames)
    return read(folder)


def _pairs(captures: Captures) -> Pairs:
    return Pairs([captures], 32, "frontal", 0.1, 0.1)


def _training(prior: JokerPrior, folder: Path, config: PriorConfig = CONFIG) -> PriorTraining:
    return PriorTraining(prior, folder, config, torch.device("cpu"))


def _noise(prior: JokerPrior, count: int) -> Noise:
    return Noise.draw(prior, count, torch.Generator().manual_seed(0))


def _gradients(prior: JokerPrior, folder: Path, config: PriorConfig, count: int) -> tuple[float, list[Tensor]]:
    """Loss and gradients of one batch of noise and sentences."""
    training = _training(prior, folder, config)
    generator = torch.Generator().manual_seed(3)
    reference, target, normals = (torch.rand(count, 3, 32, 32, generator=generator) for _ in range(3))
    batch = Batch(reference, target, normals, ["a face", "", "someone smiling", "a face", "a person"][:count])
    for p in training.parameters:
        p.grad = None
    loss = training.add_gradients(batch, _noise(prior, count))
    return loss, [p.grad.clone() for p in training.parameters if p.grad is not None]


def _same_gradients(ours: list[Tensor], theirs: list[Tensor]) -> None:
    """Equal but for rounding; some are sums that come to nothing, of which rounding is all."""
    largest = max(float(each.abs().max()) for each in ours)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6 * largest, rtol=1e-3)


def test_min_snr_weights_by_hand() -> None:
    # ᾱ = 0.5: SNR 1. ᾱ = 0.9: SNR 9, capped to 5.
    alphas = torch.tensor([0.5, 0.9])
    torch.testing.assert_close(level_weights(alphas, 5.0, velocity=False), torch.tensor([1.0, 5 / 9]))
    torch.testing.assert_close(level_weights(alphas, 5.0, velocity=True), torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(level_weights(torch.zeros(1), 5.0, velocity=True), torch.ones(1))
    torch.testing.assert_close(level_weights(alphas, 0.0, velocity=True), torch.tensor([1.0, 1.0]))


def test_an_error_on_the_face_weighs_more() -> None:
    # Four latents of 2 x 2 pixels, one of them face and one half: 1 + 3, 1 + 1.5, 1, 1, over their mean.
    normals = torch.zeros(1, 3, 4, 4)
    normals[:, 1, :2, :3] = 0.5
    weights = face_weights(normals, (2, 2), 3.0)
    torch.testing.assert_close(weights, torch.tensor([[[[4.0, 2.5], [1.0, 1.0]]]]) / 2.125)
    torch.testing.assert_close(face_weights(normals, (2, 2), 0.0), torch.ones(1, 1, 2, 2))


def test_a_tongue_in_front_of_the_head_model_weighs_as_the_face() -> None:
    normals = torch.zeros(1, 3, 32, 32)
    normals[:, :, 16, 16] = 0.5
    weights = face_weights(normals, (32, 32), 1.0)[0, 0]
    assert (weights > weights.min()).nonzero().aminmax(dim=0)[0].tolist() == [14, 14]
    assert (weights > weights.min()).sum() == 25


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_loss_is_the_error_of_what_the_scheduler_asks_for(prior: JokerPrior, prediction: str) -> None:
    # An untrained denoiser whose last layer is zero says 0, so the loss is the mean square of what it should say.
    torch.nn.init.zeros_(prior.denoiser.conv_out.weight)
    torch.nn.init.zeros_(prior.denoiser.conv_out.bias)
    prior.scheduler.register_to_config(prediction_type=prediction)
    pictures = torch.rand(2, 3, 32, 32)
    config = replace(CONFIG, snr_cap=0.0, face=0.0)
    batch = Batch(pictures, pictures, pictures, ["", "a face"])
    made = training_loss(prior, batch, config, Noise.draw(prior, 2, torch.Generator().manual_seed(5)))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        target = prior.encode(pictures)
        steps = torch.randint(1000, (2,), generator=generator)
        noise = torch.randn(target.shape, generator=generator)
    wanted = prior.scheduler.get_velocity(target, noise, steps) if prediction == "v_prediction" else noise
    torch.testing.assert_close(made, wanted.square().mean())


def test_what_trains_is_the_papers_choice(prior: JokerPrior) -> None:
    trained = {id(p) for p in choose_trained(prior, "joker")}

    def share(module: torch.nn.Module) -> float:
        own = [id(p) in trained for p in module.parameters()]
        return sum(own) / len(own)

    assert share(prior.driving) == share(prior.denoiser.mid_block) == share(prior.denoiser.up_blocks) == 1.0
    assert share(prior.denoiser.down_blocks) == share(prior.denoiser.conv_in) == 0.0
    assert share(prior.vae) == share(prior.text_encoder) == 0.0
    assert share(prior.reference.down_blocks) == 1.0
    assert share(unused_tail(prior.reference)) == 0.0


def test_every_trained_parameter_matters_to_the_loss(prior: JokerPrior) -> None:
    parameters = choose_trained(prior, "all")
    pictures = torch.rand(2, 3, 32, 32)
    batch = Batch(pictures, pictures.flip(0), pictures, ["a face", "someone smiling"])
    training_loss(prior, batch, CONFIG, _noise(prior, 2)).backward()
    idle = [p for p in parameters if p.grad is None or not p.grad.any()]
    assert not idle


def test_going_on_after_a_kill_is_the_same_training(captures: Captures, tmp_path: Path) -> None:
    whole = _training(small_prior(size=32, widths=(16, 32)), tmp_path / "whole")
    whole.train(_pairs(captures), Budget(steps=4), lambda step: None)
    _training(small_prior(size=32, widths=(16, 32)), tmp_path / "cut").train(
        _pairs(captures), Budget(steps=2), lambda step: None
    )
    forgotten = small_prior(size=32, widths=(16, 32))
    with torch.no_grad():
        for p in choose_trained(forgotten, "all"):
            p.zero_()
    again = _training(forgotten, tmp_path / "cut")
    assert again.progress.step == 2
    again.train(_pairs(captures), Budget(steps=4), lambda step: None)
    # Equal but for the order of additions in threaded kernels.
    for one, two in zip(
        whole.parameters + whole.average.averaged, again.parameters + again.average.averaged, strict=True
    ):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-3)


def test_other_settings_do_not_go_on(captures: Captures, prior: JokerPrior, tmp_path: Path) -> None:
    _training(prior, tmp_path).train(_pairs(captures), Budget(steps=1), lambda step: None)
    assert (tmp_path / CHECKPOINT).is_file()
    with pytest.raises(BadInput, match="other settings"):
        _training(prior, tmp_path, replace(CONFIG, learning_rate=1e-4))


def test_the_average_comes_and_goes(captures: Captures, prior: JokerPrior, tmp_path: Path) -> None:
    training = _training(prior, tmp_path)
    training.train(_pairs(captures), Budget(steps=2), lambda step: None)
    now = [p.detach().clone() for p in training.parameters]
    with training.average.in_place():
        assert any(not torch.equal(a, b) for a, b in zip(now, training.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(now, training.parameters, strict=True))


@pytest.mark.parametrize("which", ["all", "joker"])
def test_a_batch_in_parts_has_the_gradients_of_the_whole(prior: JokerPrior, tmp_path: Path, which: str) -> None:
    config = replace(CONFIG, batch=5, trained=which)
    assert [part.stop - part.start for part in parts_of(5, 3)] == [2, 1, 2]
    loss, whole = _gradients(prior, tmp_path, config, 5)
    again, parts = _gradients(prior, tmp_path, replace(config, parts=3), 5)
    assert again == pytest.approx(loss, rel=1e-5) and len(whole) == len(parts) > 50
    _same_gradients(whole, parts)


@pytest.mark.parametrize("which", ["all", "joker"])
def test_blocks_that_run_again_have_the_same_gradients(prior: JokerPrior, tmp_path: Path, which: str) -> None:
    config, ran = replace(CONFIG, trained=which), 0
    loss, kept = _gradients(prior, tmp_path, config, 2)

    def count(*_: object) -> None:
        nonlocal ran
        ran += 1

    prior.reference.mid_block.attentions[0].transformer_blocks[0].register_forward_pre_hook(count)
    again, rerun = _gradients(prior, tmp_path, replace(config, checkpointing=True), 2)
    assert ran == 2
    assert again == pytest.approx(loss, rel=1e-6) and len(kept) == len(rerun) > 50
    _same_gradients(kept, rerun)


def test_a_training_without_an_average_neither_holds_nor_writes_one(
    captures: Captures, prior: JokerPrior, tmp_path: Path
) -> None:
    config = replace(CONFIG, average=0.0)
    training = _training(prior, tmp_path, config)
    training.train(_pairs(captures), Budget(steps=1), lambda step: None)
    assert not training.average.averaged
    tensors, _ = read_tensors(tmp_path / CHECKPOINT)
    assert {name.split(".")[0] for name in tensors} == {"weights", "optimiser"}
    now = [p.detach().clone() for p in training.parameters]
    with training.average.in_place():
        assert all(torch.equal(a, b) for a, b in zip(now, training.parameters, strict=True))
    assert _training(prior, tmp_path, config).progress.step == 1


def test_a_training_goes_on_with_less_memory(captures: Captures, prior: JokerPrior, tmp_path: Path) -> None:
    _training(prior, tmp_path).train(_pairs(captures), Budget(steps=1), lambda step: None)
    again = _training(prior, tmp_path, replace(CONFIG, parts=2, checkpointing=True))
    assert again.progress.step == 1


def test_a_batch_has_no_empty_parts() -> None:
    with pytest.raises(BadInput, match="in 1 to 2 parts"):
        replace(CONFIG, parts=3)


def test_a_loss_that_is_not_finite_stops_before_anything_is_spoilt(
    captures: Captures, prior: JokerPrior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = _training(prior, tmp_path)
    training.train(_pairs(captures), Budget(steps=1), lambda step: None)
    now = [p.detach().clone() for p in training.parameters]
    loss = training_module.training_loss
    monkeypatch.setattr(training_module, "training_loss", lambda *given: loss(*given) * float("inf"))
    with pytest.raises(BadInput, match=r"the loss 'prior' is inf in step 2, .*--set learning_rate"):
        training.train(_pairs(captures), Budget(steps=2), lambda step: None)
    assert training.progress.step == 1
    assert all(torch.equal(a, b) for a, b in zip(now, training.parameters, strict=True))
