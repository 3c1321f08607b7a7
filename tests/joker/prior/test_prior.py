"""A bound prior: what it predicts from the networks' words, guidance, and how often the reference is looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from offline.joker.distill.memory import Batches
from offline.joker.distill.targets import make_targets
from offline.joker.prior.bound import BoundPrior, Prior, sample
from offline.joker.prior.denoiser import ddim
from offline.joker.prior.networks import JokerPrior
from offline.joker.prior.small import LATENTS


@pytest.fixture
def prior(tiny_prior: JokerPrior) -> Prior:
    return Prior(tiny_prior)


def _bind(
    prior: Prior, views: int = 3, guidance: float = 1.0, prompt: str = "a face with the tongue out"
) -> BoundPrior:
    torch.manual_seed(2)
    return prior.bind(torch.rand(3, 32, 32), torch.rand(views, 3, 32, 32), prompt, guidance)


@pytest.fixture
def levels(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The time steps at which the reference network ran."""
    seen: list[int] = []
    original = prior.networks.reference_states

    def recorded(reference: Tensor, steps: Tensor, text: Tensor) -> dict[str, Tensor]:
        seen.append(int(steps[0]))
        return original(reference, steps, text)

    monkeypatch.setattr(prior.networks, "reference_states", recorded)
    yield seen


def test_the_reference_network_runs_once_a_level_not_once_a_view(prior: Prior, levels: list[int]) -> None:
    bound = _bind(prior)
    noise = torch.randn(3, LATENTS, 8, 8)
    ddim(bound, noise, [900, 500, 100], torch.arange(3))
    assert levels == [900, 500, 100]
    for view in range(3):
        bound.clean(noise[:1], 100, torch.tensor([view]))
    assert levels == [900, 500, 100]


def test_neither_once_a_batch(prior: Prior, levels: list[int]) -> None:
    bound, shown = _bind(prior), torch.rand(3, 3, 32, 32)
    apart = make_targets(bound, shown, [900, 500], (0, 0), Batches(1, "denoising", print))
    assert levels == [900, 500]
    together = make_targets(bound, shown, [900, 500], (0, 0), Batches(3, "denoising", print))
    assert (apart.int() - together.int()).abs().max() <= 1  # rounded to 8 bits


def test_a_batch_says_what_its_views_say_alone(prior: Prior) -> None:
    bound = _bind(prior, guidance=2.0)
    latents = torch.randn(3, LATENTS, 8, 8)
    together = bound.clean(latents, 400, torch.tensor([2, 0, 1]))
    alone = [bound.clean(latents[n : n + 1], 400, torch.tensor([view])) for n, view in enumerate((2, 0, 1))]
    # Sums run in another order in a batch.
    torch.testing.assert_close(together, torch.cat(alone), atol=2e-4, rtol=1e-3)


def test_guidance_goes_on_from_what_is_said_without_text(prior: Prior) -> None:
    latents, view = torch.randn(1, LATENTS, 8, 8), torch.tensor([0])
    said = _bind(prior).output(latents, 300, view)
    unsaid = _bind(prior, prompt="").output(latents, 300, view)
    guided = _bind(prior, guidance=19.0).output(latents, 300, view)
    torch.testing.assert_close(guided, unsaid + 19 * (said - unsaid), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_clean_latents_are_what_noise_or_velocity_says(
    prior: Prior, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A denoiser that knows: whatever the kind of its words, the clean latents come back.
    bound = _bind(prior)
    scheduler = prior.networks.scheduler
    before = scheduler.config.prediction_type
    scheduler.register_to_config(prediction_type=kind)
    try:
        clean, noise, step = torch.randn(1, LATENTS, 8, 8), torch.randn(1, LATENTS, 8, 8), torch.tensor([600])
        noisy = scheduler.add_noise(clean, noise, step)
        word = scheduler.get_velocity(clean, noise, step) if kind == "v_prediction" else noise
        monkeypatch.setattr(bound, "output", lambda *_: word)
        # √ᾱ is 0.2 at this step, so float32 rounding is divided by it.
        torch.testing.assert_close(bound.clean(noisy, 600, torch.tensor([0])), clean, atol=1e-5, rtol=1e-5)
    finally:
        scheduler.register_to_config(prediction_type=before)


def test_samples_are_pictures_and_repeat(prior: Prior) -> None:
    bound = _bind(prior)
    one, two = (sample(bound, [0, 2], 3, torch.Generator().manual_seed(1)) for _ in range(2))
    assert one.shape == (2, 3, 32, 32)
    assert torch.equal(one, two)
    assert float(one.min()) >= 0 and float(one.max()) <= 1
