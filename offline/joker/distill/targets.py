"""From renderings, by way of the 2D prior, to the pictures that a head is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from offline.joker.distill.memory import Batches
from offline.joker.prior.denoiser import Denoiser, ddim, noised


def stream(seed: int, *numbers: int) -> torch.Generator:
    """A random stream of its own for each tuple of small numbers, the same in every run."""
    mixed = seed
    for number in numbers:
        mixed = (mixed * 1_000_003 + number + 1) % (2**63 - 1)
    return torch.Generator().manual_seed(mixed)


@torch.no_grad()
def make_targets(
    denoiser: Denoiser,
    pictures: Tensor,
    steps: Sequence[int],
    seed: tuple[int, int],
    batches: Batches,
    tick: Callable[[int], object] = lambda views: None,
) -> Tensor:
    """Renderings [V, 3, P, P] noised to time step ``steps[0]`` and denoised by DDIM over `steps`; on the processor.

    `seed` is the run's and the round's; each view has a stream of its own. The result has 8 bits a value, so that a run
    that reads it again from disk goes on with the same. `tick` is told how many views were denoised, at each level.
    """
    seen = _InBatches(denoiser, batches, tick)
    latents = seen.encode(pictures)
    noisy = [noised(denoiser, z[None], steps[0], stream(*seed, v)) for v, z in enumerate(latents)]
    views = torch.arange(len(pictures), device=latents.device)
    return eight_bits(seen.decode(ddim(seen, torch.cat(noisy), steps, views)))


class _InBatches:
    """A `Denoiser` that is asked in batches: all of them at a level before the next, as the reference is seen anew."""

    def __init__(self, denoiser: Denoiser, batches: Batches, tick: Callable[[int], object]) -> None:
        self.denoiser, self.batches, self.tick = denoiser, batches, tick
        self.alphas, self.size = denoiser.alphas, denoiser.size

    def encode(self, pictures: Tensor) -> Tensor:
        return torch.cat(list(self.batches.each(len(pictures), lambda part: self.denoiser.encode(pictures[part]))))

    def decode(self, latents: Tensor) -> Tensor:
        """On the processor."""
        decode = self.denoiser.decode
        return torch.cat(list(self.batches.each(len(latents), lambda part: decode(latents[part]).cpu())))

    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        def some(part: slice) -> Tensor:
            made = self.denoiser.clean(latents[part], step, views[part])
            self.tick(len(made))
            return made

        return torch.cat(list(self.batches.each(len(views), some)))


@torch.no_grad()
def sample_views(denoiser: Denoiser, views: int, steps: Sequence[int], seed: int, batches: Batches) -> Tensor:
    """Each view sampled by the prior by itself, from noise alone, [V, 3, P, P]: no head holds them together."""
    blank = torch.full((views, 3, denoiser.size, denoiser.size), 0.5)
    return make_targets(denoiser, blank, steps, (seed, 0), batches)


def eight_bits(pictures: Tensor) -> Tensor:
    """Display values as they come back from 8 bits a value."""
    return (pictures.float().clamp(0, 1) * 255).round() / 255
