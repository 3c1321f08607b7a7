"""A 2D prior bound to a reference picture, views and a sentence: what the distillation asks for targets."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import Tensor

from offline.joker.prior.attention import HiddenStates
from offline.joker.prior.denoiser import ddim, noise_levels
from offline.joker.prior.networks import JokerPrior, load_networks


class Prior:
    """The trained networks, frozen. Shared by everything that is bound to it."""

    def __init__(self, networks: JokerPrior) -> None:
        self.networks = networks
        for part in (networks.denoiser, networks.reference, networks.driving, networks.vae, networks.text_encoder):
            part.requires_grad_(False).eval()

    @classmethod
    def while_training(cls, networks: JokerPrior) -> Prior:
        """A prior of networks that go on training: nothing is frozen."""
        prior = cls.__new__(cls)
        prior.networks = networks
        return prior

    @property
    def size(self) -> int:
        """Width and height of its pictures, pixels."""
        return self.networks.size

    @property
    def head(self) -> str:
        """Whose head its normals show: the reference's, "fitted", or the "mean" head."""
        return self.networks.head

    def bind(self, reference: Tensor, normals: Tensor, prompt: str, guidance: float = 1.0) -> BoundPrior:
        """Conditions for V views: the reference [3, P, P] and normal maps [V, 3, P, P], 0..1, and a sentence.

        `guidance` is that of classifier-free guidance on the text alone: the reference and the normals are seen by
        both branches (Joker's released code); 1 is none.
        """
        return BoundPrior(self, reference, normals, prompt, guidance)


def load_prior(source: str | os.PathLike[str], device: torch.device | str = "cpu") -> Prior:
    """The trained prior in a folder or of a hub name. Raises BadInput that names what is missing."""
    return Prior(load_networks(source, device, trained=True))


class BoundPrior:
    """A `Denoiser`."""

    def __init__(self, prior: Prior, reference: Tensor, normals: Tensor, prompt: str, guidance: float) -> None:
        networks = prior.networks
        self.networks, self.guidance, self.size = networks, guidance, networks.size
        self.alphas: Tensor = networks.scheduler.alphas_cumprod
        device = networks.device
        self._normals = normals.to(device)
        with torch.no_grad():
            self._text = networks.text([prompt] if guidance == 1 else [prompt, ""])
            self._reference = networks.encode(reference[None].to(device))
        self._states: tuple[int, HiddenStates] | None = None

    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures [V, 3, P, P], 0..1 → latents [V, c, h, w]."""
        return self.networks.encode(pictures.to(self._normals))

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents [V, c, h, w] → pictures [V, 3, P, P], 0..1."""
        return self.networks.decode(latents)

    @torch.no_grad()
    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        """The clean latents [V, c, h, w] predicted from noisy ones at time step `step`, with guidance."""
        made = self.output(latents, step, views)
        alpha = self.alphas[step].to(made)
        if self.networks.scheduler.config.prediction_type == "v_prediction":
            return alpha.sqrt() * latents - (1 - alpha).sqrt() * made
        return (latents - (1 - alpha).sqrt() * made) / alpha.sqrt()

    def output(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        """What the denoiser says of noisy latents: ``u + guidance · (c - u)`` of its answers without and with text."""
        normals = self._normals[views.to(self._normals.device)]
        states, steps = self._states_at(step), torch.full((len(latents),), step, device=latents.device)
        answers = []
        for branch in range(len(self._text)):
            text = self._text[branch : branch + 1].expand(len(latents), -1, -1)
            own = {name: both[branch : branch + 1] for name, both in states.items()}
            answers.append(self.networks.predict(latents, steps, text, normals, own))
        if len(answers) == 1:
            return answers[0]
        conditional, unconditional = answers
        return unconditional + self.guidance * (conditional - unconditional)

    def _states_at(self, step: int) -> HiddenStates:
        """The reference's hidden states at a time step, computed once for all views."""
        if self._states is None or self._states[0] != step:
            self._states = step, self.reference_states(step)
        return self._states[1]

    @torch.no_grad()
    def reference_states(self, step: int) -> HiddenStates:
        """The reference's hidden states at a time step, a row for each branch of the guidance."""
        n = len(self._text)
        steps = torch.full((n,), step, device=self._reference.device)
        return self.networks.reference_states(self._reference.expand(n, -1, -1, -1), steps, self._text)


def sample(bound: BoundPrior, views: Sequence[int], count: int, generator: torch.Generator) -> Tensor:
    """2D pictures [V, 3, P, P] of the bound views, out of noise in `count` DDIM steps; no distillation."""
    latent = bound.networks.denoiser.config
    shape = (len(views), latent.in_channels, latent.sample_size, latent.sample_size)
    noise = torch.randn(shape, generator=generator).to(bound.networks.device)
    return bound.decode(ddim(bound, noise, noise_levels(count, len(bound.alphas)), torch.tensor(list(views))))
