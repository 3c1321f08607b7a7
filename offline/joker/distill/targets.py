"""From renderings, by way of the 2D prior, to the pictures that a head is fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from offline.joker.distill.memory import Batches
from offline.joker.distill.resizing import resized
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
    """Renderings [V, 3, P, P] noised to time step ``steps[0]`` and denoised by DDIM over `steps`, on the processor.

    `seed` is the run's and the round's; each view has a stream of its own. The result has 8 bits a value (uint8, 255
    for 1), as it is written to disk. `tick` is called with the number of views that were denoised, at each level.
    """
    batched = _InBatches(denoiser, batches, tick)
    latents = batched.encode(pictures)
    noisy = [noised(denoiser, z[None], steps[0], stream(*seed, v)) for v, z in enumerate(latents)]
    views = torch.arange(len(pictures), device=latents.device)
    return batched.decode_bytes(ddim(batched, torch.cat(noisy), steps, views))


class _InBatches:
    """A `Denoiser` in batches: all of them at a level before the next, as the reference's states are a level's."""

    def __init__(self, denoiser: Denoiser, batches: Batches, tick: Callable[[int], object]) -> None:
        self.denoiser, self.batches, self.tick = denoiser, batches, tick
        self.alphas, self.size = denoiser.alphas, denoiser.size

    def encode(self, pictures: Tensor) -> Tensor:
        return torch.cat(list(self.batches.each(len(pictures), lambda part: self.denoiser.encode(pictures[part]))))

    def decode(self, latents: Tensor) -> Tensor:
        return torch.cat(list(self.batches.each(len(latents), lambda part: self.denoiser.decode(latents[part]))))

    def decode_bytes(self, latents: Tensor) -> Tensor:
        """As `eight_bits`, on the processor."""
        decode = self.denoiser.decode
        return torch.cat(list(self.batches.each(len(latents), lambda part: eight_bits(decode(latents[part])).cpu())))

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
    return display_values(make_targets(denoiser, blank, steps, (seed, 0), batches))


def eight_bits(pictures: Tensor) -> Tensor:
    """Display values 0..1 as uint8."""
    return (pictures.float().clamp(0, 1) * 255).round().byte()


def display_values(pictures: Tensor) -> Tensor:
    """uint8 as display values 0..1."""
    return pictures.float() / 255


@dataclass(frozen=True)
class Window:
    """What an iteration fits of V targets."""

    picture: Tensor
    """[V, 3, p, p], 0..1: the targets at the iteration's resolution, inside the window."""
    coarse: Tensor
    """[V, 3, G, G], 0..1: the whole targets as small as the coarse level's picture."""
    corner: tuple[float, float]
    """(left, top) of the window, fractions of the picture."""
    share: float
    """Width of the window, a fraction of the picture's."""


class Targets:
    """A round's targets where the head learns, 8 bits a value: a fourth of the memory of display values.

    Only what an iteration compares is converted and averaged down.
    """

    def __init__(self, pictures: Tensor, coarse_size: int, device: torch.device | None = None) -> None:
        """`pictures` [V, 3, P, P], uint8; `coarse_size` is the width of the coarse level's picture."""
        self.pictures = pictures.to(device)
        self.coarse_size = coarse_size
        self._coarse: tuple[int, Tensor] | None = None

    @property
    def size(self) -> int:
        """P."""
        return int(self.pictures.shape[-1])

    def window(self, views: Tensor, resolution: int, corner: tuple[int, int], patch: int) -> Window:
        """The windows of some views [n]: `patch` pixels wide, from (left, top) in pixels of pictures of `resolution`².

        Equal to averaging whole pictures down and cutting the window out: only the blocks that the window meets are
        averaged. Of P and R pixels P/gcd make R/gcd, block by block. Raises ValueError where `resolution` is above P.
        """
        if not 0 < resolution <= self.size:
            raise ValueError(f"targets of {self.size} pixels cannot be shown with {resolution}")
        whole = math.gcd(self.size, resolution)
        given, made = self.size // whole, resolution // whole
        rows, columns = ((at // made, -(-(at + patch) // made)) for at in reversed(corner))
        high, wide = (slice(ends[0] * given, ends[1] * given) for ends in (rows, columns))
        blocks = self.pictures[views.to(self.pictures.device), :, high, wide]
        height, width = ((ends[1] - ends[0]) * made for ends in (rows, columns))
        small = resized(display_values(blocks), (height, width))
        left, top = (at - ends[0] * made for at, ends in zip(corner, (columns, rows), strict=True))
        inside = small[..., top : top + patch, left : left + patch]
        fractions = corner[0] / resolution, corner[1] / resolution
        return Window(inside, self._coarse_at(resolution)[views], fractions, patch / resolution)

    def _coarse_at(self, resolution: int) -> Tensor:
        """All targets at the coarse size, by way of a resolution; kept for the iterations that follow."""
        if self._coarse is None or self._coarse[0] != resolution:
            small = [
                resized(resized(display_values(each), resolution), self.coarse_size) for each in self.pictures.split(16)
            ]
            self._coarse = resolution, torch.cat(small)
        return self._coarse[1]
