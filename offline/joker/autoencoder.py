"""Training the small prior's autoencoder on the pictures of captures."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor
from tqdm import tqdm

from offline.joker.normals import face_weights
from offline.joker.pairs import Pairs
from offline.joker.prior_config import PriorConfig

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


def train_autoencoder(vae: AutoencoderKL, pairs: Pairs, config: PriorConfig, device: torch.device) -> float:
    """Trains `vae` in place and sets its scaling factor so that latents have unit variance; returns its PSNR, dB."""
    rng = np.random.default_rng([config.seed, 0xAE])
    optimiser = torch.optim.AdamW(vae.parameters(), config.vae_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.vae_rate, config.vae_steps, pct_start=0.05)
    vae.train().requires_grad_(True)
    bar = tqdm(range(config.vae_steps), desc="autoencoder", unit="step")
    for _ in bar:
        batch = pairs.draw(config.batch, rng)
        weights = face_weights(batch.normals.to(device), (pairs.size, pairs.size), config.face)
        loss, error = reconstruction_loss(vae, batch.target.to(device), weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), config.clip)
        optimiser.step()
        schedule.step()
        bar.set_postfix_str(f"{-10 * np.log10(error):.1f} dB")
    vae.eval().requires_grad_(False)
    return calibrate(vae, pairs.draw(CALIBRATION, rng).target.to(device))


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
