"""What an iteration of the distillation minimises."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.joker.distill.nerf import DistilledHead
from offline.joker.distill.presets import DistillPreset
from offline.joker.distill.targets import Window
from offline.joker.prior.denoiser import Denoiser, noised
from offline.tri2plane.losses import sharpness_loss

Cameras = tuple[Tensor, Tensor]
"""Intrinsics [V, 4] and extrinsics [V, 3, 4]."""
Terms = dict[str, Tensor]
SCORE_STEPS = (0.02, 0.98)
"""Between which shares of the schedule score distillation draws its time step (Poole et al. 2022)."""


def fit_terms(
    head: DistilledHead,
    cameras: Cameras,
    wanted: Window,
    preset: DistillPreset,
    judge: nn.Module | None,
) -> Terms:
    """Weighted terms for windows of views: L1, the same look, a picture of the coarse level, and what holds it back.

    `judge` is LPIPS, where its weights are at hand.
    """
    picture = wanted.picture
    shown, alpha = head.window(cameras, wanted.corner, wanted.share, picture.shape[-1])
    shown, everywhere = shown.float(), torch.ones_like(picture[:, :1])
    terms = {
        "l1": preset.l1 * (shown - picture).abs().mean(),
        "guide": preset.guide * (head.guide(cameras).float() - wanted.coarse).abs().mean(),
    }
    if judge is not None:
        terms["lpips"] = preset.perceptual * judge(shown, picture).mean()
    else:
        terms["sharp"] = preset.sharpness * sharpness_loss(shown, picture, everywhere)
    return terms | _held_back(head, alpha, preset)


def score_terms(
    head: DistilledHead, cameras: Cameras, views: Tensor, denoiser: Denoiser, preset: DistillPreset,
    generator: torch.Generator,
) -> Terms:  # fmt: skip
    """Score distillation: a loss whose gradient in the latents z is ``w(t)·(ε̂ - ε)``, ``w(t) = 1 - ᾱ``.

    With the noise that a clean prediction x₀ implies, ``ε̂ - ε = √ᾱ·(z - x₀) / √(1 - ᾱ)``.
    """
    shown, alpha = head.window(cameras, (0.0, 0.0), 1.0, denoiser.size)
    latents = denoiser.encode(shown.float())
    low, high = (round(share * (len(denoiser.alphas) - 1)) for share in SCORE_STEPS)
    step = int(torch.randint(low, high + 1, (1,), generator=generator))
    with torch.no_grad():
        clean = denoiser.clean(noised(denoiser, latents, step, generator), step, views)
        known = denoiser.alphas[step].to(latents)
        gradient = (1 - known).sqrt() * known.sqrt() * (latents - clean)
    score = 0.5 * (latents - (latents - gradient).detach()).square().flatten(1).sum(1).mean()
    return {"score": score} | _held_back(head, alpha, preset)


def _held_back(head: DistilledHead, alpha: Tensor, preset: DistillPreset) -> Terms:
    """Little opacity, and planes near those that were started from."""
    pull = sum((moved - start).square().mean() for moved, start in zip(head.planes, head.start, strict=True))
    return {
        "sparse": preset.sparsity * (alpha.float().square() + 0.01).sqrt().mean(),
        "pull": preset.pull * torch.as_tensor(pull),
    }
