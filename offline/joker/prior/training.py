"""Training the 2D prior: the mean squared error of what the denoiser says, at uniformly drawn noise levels."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from offline.joker.captures.normals import face_weights
from offline.joker.prior.config import HOW_COMPUTED, PriorConfig
from offline.joker.prior.networks import JokerPrior
from offline.joker.prior.pairs import Batch, Pairs
from offline.tensors import read_tensors, write_tensors
from offline.training.loop import Budget, NowAndThen, run_steps
from offline.training.optimiser import optimiser_tensors, restore_optimiser
from offline.training.stepping import MovingAverage, descend
from offline.training.workers import ALONE, Workers
from runtime.errors import BadInput

CHECK_EVERY = 600.0
"""Seconds, at least, between checks of what the prior can do, which also write it."""
CHECKPOINT = "training.safetensors"
ADVICE = "train anew in another folder, slower (--set learning_rate=...) or in float32 (--set precision=no)"
AVERAGED = 100
"""Steps whose mean loss is shown, and kept."""
LEARNING = ("denoiser", "reference", "driving", "text_encoder")


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    """Mean loss of every hundred steps."""


def check_settings(kept: Path, about: Mapping[str, Any], config: PriorConfig) -> None:
    """Raises BadInput where a checkpoint, described by `about`, was written with another config."""
    written = about.get("config")
    known = {k: v for k, v in written.items() if k not in HOW_COMPUTED} if isinstance(written, dict) else None
    if known != config.what_is_learnt():
        raise BadInput(f"'{kept}' was trained with other settings ({about.get('config')}); give another folder")


@dataclass(frozen=True)
class Noise:
    """What is added to the latents of B targets."""

    steps: Tensor
    """[B], time steps."""
    values: Tensor
    """[B, c, h, w]."""

    @classmethod
    def draw(cls, prior: JokerPrior, count: int, generator: torch.Generator) -> Noise:
        """Even time steps and normal noise, on the processor."""
        steps = torch.randint(prior.scheduler.config.num_train_timesteps, (count,), generator=generator)
        latent = prior.denoiser.config
        shape = (count, latent.in_channels, latent.sample_size, latent.sample_size)
        return cls(steps, torch.randn(shape, generator=generator))

    def part(self, chosen: slice) -> Noise:
        """That of some of the targets."""
        return Noise(self.steps[chosen], self.values[chosen])


def parts_of(count: int, parts: int) -> list[slice]:
    """`count` things in `parts` consecutive slices whose lengths differ by one at most."""
    ends = [round(count * n / parts) for n in range(parts + 1)]
    return [slice(*each) for each in pairwise(ends)]


def training_loss(prior: JokerPrior, batch: Batch, config: PriorConfig, drawn: Noise) -> Tensor:
    """The mean loss of a batch's pairs under the noise that was drawn for them."""
    device, scheduler = prior.device, prior.scheduler
    with torch.no_grad():
        target, reference = (prior.encode(p.to(device)) for p in (batch.target, batch.reference))
    steps, noise = drawn.steps.to(device), drawn.values.to(device)
    text = prior.text(batch.captions)
    states = prior.reference_states(reference, steps, text)
    made = prior.predict(scheduler.add_noise(target, noise, steps), steps, text, batch.normals.to(device), states)
    speed = scheduler.config.prediction_type == "v_prediction"
    wanted = scheduler.get_velocity(target, noise, steps) if speed else noise
    error = F.mse_loss(made, wanted, reduction="none").mean(1, keepdim=True)
    weights = face_weights(batch.normals.to(device), (target.shape[-2], target.shape[-1]), config.face)
    error = (error * weights).mean((1, 2, 3))
    return (error * level_weights(scheduler.alphas_cumprod.to(device)[steps], config.snr_cap, speed)).mean()


def level_weights(alphas: Tensor, cap: float, velocity: bool) -> Tensor:
    """Min-SNR weights [B] for ᾱ [B] (Hang et al. 2023): min(SNR, cap) / SNR for noise; 1 where cap is 0.

    For velocity min(SNR + 1, cap) / (SNR + 1): its error is the picture's times SNR + 1. All noise and no picture then
    weighs 1, not 0, and there the colours and the expression are learnt from the reference and the sentence alone.
    """
    if not cap:
        return torch.ones_like(alphas)
    ratio = (alphas / (1 - alphas) + velocity).clamp(min=1e-2)
    return ratio.clamp(max=cap) / ratio


def choose_trained(prior: JokerPrior, which: str) -> list[nn.Parameter]:
    """Sets which parameters get a gradient and returns them; see `PriorConfig.trained`."""
    for name in ("denoiser", "reference", "driving", "vae", "text_encoder"):
        getattr(prior, name).requires_grad_(False)
    if which == "all":
        for name in LEARNING:
            getattr(prior, name).requires_grad_(True)
        unused_tail(prior.reference).requires_grad_(False)
    else:
        prior.driving.requires_grad_(True)
        prior.denoiser.mid_block.requires_grad_(True)
        prior.denoiser.up_blocks.requires_grad_(True)
        prior.reference.requires_grad_(True)
        unused_tail(prior.reference).requires_grad_(False)
    return [p for name in LEARNING for p in getattr(prior, name).parameters() if p.requires_grad]


def unused_tail(reference: UNet2DConditionModel) -> nn.ModuleList:
    """What of the reference network lies behind the last hidden state that is read, and so never matters."""
    blocks = list(reference.up_blocks)
    at = max(n for n, block in enumerate(blocks) if hasattr(block, "attentions"))
    last = blocks[at].attentions[-1]
    read = last.transformer_blocks[-1]
    own = (read.attn1.to_q, read.attn1.to_k, read.attn1.to_v, read.attn1.to_out)
    after = (read.attn2, read.ff, read.norm2, read.norm3, last.proj_out, *(blocks[at].upsamplers or ()))
    return nn.ModuleList((*own, *after, *blocks[at + 1 :], reference.conv_norm_out, reference.conv_out))


class PriorTraining:
    """Trains a prior in a folder; going on after a kill loses what came after the last checkpoint (`Pace`)."""

    def __init__(
        self, prior: JokerPrior, folder: Path, config: PriorConfig, device: torch.device, workers: Workers = ALONE
    ) -> None:
        self.prior, self.folder, self.config, self.device, self.workers = prior, folder, config, device, workers
        prior.to(device)
        self.parameters = choose_trained(prior, config.trained)
        prior.checkpoint_gradients(config.checkpointing)
        self.average = MovingAverage(self.parameters, config.average)
        self.optimiser = torch.optim.AdamW(
            self.parameters, config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.progress = Progress()
        if (folder / CHECKPOINT).exists():
            self._restore()

    def train(self, pairs: Pairs, budget: Budget, check: Callable[[int], None]) -> None:
        """Trains until the budget is spent; the first worker calls `check` with the step every `CHECK_EVERY` seconds
        and last. Raises BadInput where a loss is not finite."""
        recent: deque[float] = deque(maxlen=AVERAGED)

        def advance(_: float) -> dict[str, float]:
            recent.append(self._step(pairs))
            return {"loss": sum(recent) / len(recent)}

        def noted(shown: Mapping[str, float]) -> None:
            if self.progress.step % AVERAGED == 0:
                self.progress.losses.append(shown["loss"])

        run_steps(
            self.progress, budget, advance, self.save, "prior", self.workers, self.device, noted,
            [NowAndThen(CHECK_EVERY, lambda: check(self.progress.step))],
        )  # fmt: skip
        if self.workers.rank == 0:
            check(self.progress.step)

    def _step(self, pairs: Pairs) -> float:
        config, step = self.config, self.progress.step
        seed = [config.seed, step, self.workers.rank]  # a resumed run draws what it would have drawn
        batch = pairs.draw(config.batch, np.random.default_rng(seed))
        generator = torch.Generator().manual_seed(int(np.random.default_rng(seed).integers(2**62)))
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * min(1.0, (step + 1) / config.warm_up)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.add_gradients(batch, Noise.draw(self.prior, config.batch, generator))
        losses = {"prior": torch.tensor(loss)}
        descend(self.optimiser, self.parameters, losses, step, ADVICE, self.workers, config.clip)
        self.average.update(step + 1)
        return loss

    def add_gradients(self, batch: Batch, drawn: Noise) -> float:
        """The loss of a batch, its gradients added to the parameters', `PriorConfig.parts` after one another."""
        whole = 0.0
        for part in parts_of(len(batch.captions), self.config.parts):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
                loss = training_loss(self.prior, batch.part(part), self.config, drawn.part(part))
                loss = loss * ((part.stop - part.start) / len(batch.captions))
            loss.backward()
            whole += float(loss.detach())
        return whole

    def save(self) -> None:
        """Writes the checkpoint; a kill leaves the old one or the new one, and of killed ones nothing stays."""
        tensors: dict[str, Tensor] = {f"weights.{n}": p for n, p in enumerate(self.parameters)}
        tensors |= {f"averaged.{n}": p for n, p in enumerate(self.average.averaged)}
        tensors |= optimiser_tensors(self.optimiser)
        meta: dict[str, Any] = {"config": asdict(self.config), "progress": asdict(self.progress)}
        write_tensors(self.folder / CHECKPOINT, tensors, meta)

    def _restore(self) -> None:
        tensors, meta = read_tensors(self.folder / CHECKPOINT)
        check_settings(self.folder, meta, self.config)
        with torch.no_grad():
            for n, p in enumerate(self.parameters):
                p.copy_(tensors[f"weights.{n}"])
            for n, averaged in enumerate(self.average.averaged):
                averaged.copy_(tensors[f"averaged.{n}"])
        restore_optimiser(self.optimiser, {k: v for k, v in tensors.items() if k.startswith("optimiser.")})
        self.progress = Progress(**meta["progress"])
