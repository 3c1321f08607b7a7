"""DDIM by hand and against diffusers' own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from offline.joker.prior.denoiser import ddim, noised


class Straight:
    """Predicts clean latents as a fixed function of noisy ones and the view."""

    size = 4

    def __init__(self, alphas: Tensor) -> None:
        self.alphas = alphas
        self.asked: list[int] = []

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures

    def decode(self, latents: Tensor) -> Tensor:
        return latents

    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        self.asked.append(step)
        return 0.3 * latents.tanh() + 0.1 * views.reshape(-1, 1, 1, 1)


def test_one_step_is_the_prediction_and_two_keep_the_noise() -> None:
    made = Straight(torch.tensor([1.0, 0.64, 0.36]))
    x, views = torch.full((1, 1, 1, 1), 0.8), torch.tensor([1])
    clean = 0.3 * torch.tanh(torch.tensor(0.8)) + 0.1
    assert ddim(made, x, [2], views).item() == pytest.approx(clean.item())
    noise = (0.8 - 0.6 * clean) / 0.8  # ᾱ = 0.36
    at_one = 0.8 * clean + 0.6 * noise  # ᾱ = 0.64
    wanted = 0.3 * torch.tanh(at_one) + 0.1
    assert ddim(made, x, [2, 1], views).item() == pytest.approx(wanted.item())
    assert made.asked == [2, 2, 1]


def test_ddim_is_diffusers_own() -> None:
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=0,
        set_alpha_to_one=True, prediction_type="sample",
    )  # fmt: skip
    scheduler.set_timesteps(5)
    steps = scheduler.timesteps.tolist()
    made = Straight(scheduler.alphas_cumprod)
    views, x = torch.tensor([0, 1]), torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    theirs = x
    for step in steps:
        theirs = scheduler.step(made.clean(theirs, step, views), step, theirs).prev_sample
    torch.testing.assert_close(ddim(made, x, steps, views), theirs, rtol=1e-5, atol=1e-5)  # float32 over five steps


def test_steps_must_fall() -> None:
    made = Straight(torch.ones(10))
    for steps in ([], [3, 3], [2, 5]):
        with pytest.raises(ValueError, match="fall"):
            ddim(made, torch.zeros(1, 1, 1, 1), steps, torch.tensor([0]))


def test_noise_is_repeatable_and_of_the_right_amount() -> None:
    made = Straight(torch.tensor([1.0, 0.64]))
    x = torch.full((1, 4, 64, 64), 0.5)
    one, two = (noised(made, x, 1, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(noised(made, x, 0, torch.Generator()), x)
    # 16384 draws: mean within 4 · 0.6 / 128, deviation within 4 · 0.6 / √(2 · 16384)
    assert one.mean().item() == pytest.approx(0.8 * 0.5, abs=0.019) and one.std().item() == pytest.approx(
        0.6, abs=0.014
    )
