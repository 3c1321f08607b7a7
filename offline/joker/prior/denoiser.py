"""The 2D prior as the distillation sees it, and deterministic DDIM (Song et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from runtime.errors import BadInput


class Denoiser(Protocol):
    """A diffusion model whose conditions (who, which expression, which views, which sentence) are bound already.

    `views` are the numbers of the views that a batch shows, int64 [V]; the conditions follow them.
    """

    alphas: Tensor
    """[T], cumulative product of the schedule, ᾱ; the index is the time step."""
    size: int
    """Width and height of its pictures, pixels."""

    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures [V, 3, P, P], display values 0..1, to latents [V, c, h, w]. Carries a gradient."""

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [V, c, h, w] to pictures [V, 3, P, P], display values 0..1."""

    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        """The clean latents [V, c, h, w] that noisy ones at time step `step` are predicted to hide, with guidance."""


def noise_levels(count: int, total: int) -> list[int]:
    """`count` time steps of a schedule of `total`, from its last one down: ``round((total - 1) · (1 - i / count))``.

    For 100 of 1000 these are the authors' 999, 989, ….
    """
    if not 0 < count < total:
        raise BadInput(f"a schedule of {total} time steps has 1 to {total - 1} noise levels, not {count}")
    return [round((total - 1) * (1 - i / count)) for i in range(count)]


def noised(denoiser: Denoiser, latents: Tensor, step: int, generator: torch.Generator) -> Tensor:
    """``√ᾱ · latents + √(1 - ᾱ) · ε`` at time step `step`; ε is drawn on the processor."""
    alpha = denoiser.alphas[step].to(latents)
    noise = torch.randn(latents.shape, generator=generator).to(latents)
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise


@torch.no_grad()
def ddim(denoiser: Denoiser, latents: Tensor, steps: Sequence[int], views: Tensor) -> Tensor:
    """Clean latents from noisy ones at time step ``steps[0]``, by way of the other, falling steps (eq. 12 with σ = 0).

    Between two steps the noise that the prediction implies is kept: ``ε = (x - √ᾱ·x₀) / √(1 - ᾱ)``. After the last step
    ᾱ is 1, so the last prediction is what comes out; with a single step it is the one-step prediction of Stage 1.
    """
    if not steps or any(a <= b for a, b in pairwise(steps)):
        raise ValueError(f"DDIM needs time steps that fall, got {list(steps)}")
    for step, following in pairwise(steps):
        alpha, after = (denoiser.alphas[s].to(latents) for s in (step, following))
        clean = denoiser.clean(latents, step, views)
        noise = (latents - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        latents = after.sqrt() * clean + (1 - after).sqrt() * noise
    return denoiser.clean(latents, steps[-1], views)
