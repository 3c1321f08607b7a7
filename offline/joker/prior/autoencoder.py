"""Training the small prior's autoencoder on the pictures of captures."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from offline.joker.captures.normals import face_weights
from offline.joker.prior.config import PriorConfig
from offline.joker.prior.pairs import Pairs
from offline.joker.prior.training import ADVICE, Progress, check_settings
from offline.tensors import read_tensors, write_tensors
from offline.training.loop import Budget, run_steps
from offline.training.optimiser import optimiser_tensors, restore_optimiser
from offline.training.stepping import descend

DIVERGENCE = 1e-7
"""Weight of the latents' divergence from a normal distribution, summed over a picture's. With 1e-5 half of the channels
collapsed to it, and colours with them."""
EDGES = 0.5
"""Weight of the differences between neighbouring pixels, which keeps small things sharp."""
SQUARES = 5.0
"""Weight of squared errors beside that of absolute ones, for small things that are far off: a tongue, teeth."""
COLOURS = 3.0
"""Weight of what differs from grey, averaged over two by two pixels: clothes are a small part of a picture, and without
it they all came out blue."""
CALIBRATION = 256
"""Pictures whose latents say the scale."""


def train_autoencoder(vae: AutoencoderKL, pairs: Pairs, config: PriorConfig, device: torch.device, kept: Path) -> float:
    """Trains `vae` in place and sets its scaling factor so that latents have unit variance; returns its PSNR, dB.

    What going on takes is written to `kept` now and then (`Pace`) and when training ends. Raises BadInput where that
    file is of other settings.
    """
    optimiser = torch.optim.AdamW(vae.parameters(), config.vae_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.vae_rate, config.vae_steps, pct_start=0.05)
    progress = Progress(_restore(vae, optimiser, config, kept))
    if progress.step:
        schedule.load_state_dict({"last_epoch": progress.step - 1, "_step_count": progress.step})
        schedule.step()
    vae.train().requires_grad_(True)

    def advance(_: float) -> dict[str, float]:
        rng = _stream(config, progress.step)
        torch.manual_seed(int(rng.integers(2**62)))  # the draw from what the encoder says
        batch = pairs.draw(config.batch, rng)
        weights = face_weights(batch.normals.to(device), (pairs.size, pairs.size), config.face)
        loss, error = reconstruction_loss(vae, batch.target.to(device), weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        descend(optimiser, vae.parameters(), {"autoencoder": loss}, progress.step, ADVICE, clip=config.clip)
        schedule.step()
        return {"dB": -10 * math.log10(error)}

    def save() -> None:
        _save(vae, optimiser, config, progress.step, kept)

    if progress.step < config.vae_steps:
        run_steps(progress, Budget(steps=config.vae_steps), advance, save, "autoencoder")
    vae.eval().requires_grad_(False)
    return calibrate(vae, pairs.draw(CALIBRATION, _stream(config, progress.step)).target.to(device))


def _stream(config: PriorConfig, step: int) -> np.random.Generator:
    """What a step draws from: a run that goes on draws what it would have drawn."""
    return np.random.default_rng([config.seed, 0xAE, step])


def _save(vae: AutoencoderKL, optimiser: torch.optim.Optimizer, config: PriorConfig, step: int, kept: Path) -> None:
    weights = {f"weights.{name}": value for name, value in vae.state_dict().items()}
    write_tensors(kept, weights | optimiser_tensors(optimiser), {"config": asdict(config), "step": step})


def _restore(vae: AutoencoderKL, optimiser: torch.optim.Optimizer, config: PriorConfig, kept: Path) -> int:
    """The step to go on with: 0 where nothing was kept."""
    if not kept.is_file():
        return 0
    tensors, about = read_tensors(kept)
    check_settings(kept, about, config)
    vae.load_state_dict({k.removeprefix("weights."): v for k, v in tensors.items() if k.startswith("weights.")})
    restore_optimiser(optimiser, {k: v for k, v in tensors.items() if k.startswith("optimiser.")})
    return int(about["step"])


def reconstruction_loss(vae: AutoencoderKL, pictures: Tensor, weights: Tensor) -> tuple[Tensor, float]:
    """The loss, with weights [B, 1, P, P] for the pixels of pictures [B, 3, P, P], and the plain mean squared error in
    0..1."""
    given = pictures * 2 - 1
    spread = vae.encode(given).latent_dist
    made = vae.decode(spread.sample()).sample
    apart = made - given
    loss = (weights * (apart.abs() + SQUARES * apart.square())).mean() + DIVERGENCE * spread.kl().mean()
    loss = loss + COLOURS * F.avg_pool2d(apart - apart.mean(1, keepdim=True), 2).abs().mean()
    for axis in (2, 3):
        loss = loss + EDGES * (weights * apart).diff(dim=axis).abs().mean()
    return loss, float(F.mse_loss(made.detach(), given)) / 4


@torch.no_grad()
def calibrate(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Sets the scaling factor from the latents of pictures [B, 3, P, P]; returns the PSNR of their decoding, dB."""
    latents = vae.encode(pictures * 2 - 1).latent_dist.mode()
    vae.register_to_config(scaling_factor=float(1 / latents.std()))
    made = (vae.decode(latents).sample / 2 + 0.5).clamp(0, 1)
    return float(-10 * torch.log10(F.mse_loss(made, pictures)))
