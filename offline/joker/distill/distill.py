"""The progressive distillation of a 2D prior into one head (Joker, "Progressive 3D Distillation")."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from offline.joker.captures.views import View, camera_tensors, grid
from offline.joker.distill.losses import Terms, fit_terms, score_terms
from offline.joker.distill.memory import Batches
from offline.joker.distill.nerf import DistilledHead, resized
from offline.joker.distill.presets import DistillPreset
from offline.joker.distill.preview import write_preview
from offline.joker.distill.schedule import Round, plan
from offline.joker.distill.targets import make_targets, stream
from offline.joker.distill.work import Place, Work
from offline.joker.prior.denoiser import Denoiser
from runtime.errors import BadInput

SAVE_SECONDS = 60.0
"""A kill loses at most this much of the optimiser's work, and the targets if they were in the making."""
Progress = Callable[[float, str], object]
"""Is told the share that is done, 0..1, and what is going on."""


def _silent(done: float, doing: str) -> None:
    pass


@dataclass
class Distillation:
    """One head in the making.

    `head` starts from an avatar's planes, or, with `learn_networks`, from nothing, and then the renderer learns too.
    """

    head: DistilledHead
    denoiser: Denoiser
    preset: DistillPreset
    folder: Path
    """Where an unfinished head is kept, with its previews."""
    variant: str = "two-stage"
    skipped: float = 0.0
    """Share of the levels, the noisiest, to leave out."""
    learn_networks: bool = False
    judge: nn.Module | None = None
    """LPIPS, where its weights are at hand."""
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    """What else must be the same for an unfinished head to go on."""
    say: Callable[[str], object] = print
    progress: Progress = _silent

    def __post_init__(self) -> None:
        device = self.head.coarse_added.device
        self.views: Sequence[View] = grid(self.preset.azimuths, self.preset.elevations)
        self.cameras = camera_tensors(self.views, device)
        self.rounds = plan(self.preset, len(self.denoiser.alphas), self.variant, self.skipped)
        self.total = sum(each.iterations for each in self.rounds)
        self.denoising = Batches(self.preset.batch, "denoising", self.say)
        self.rendering = Batches(self.preset.views, "rendering", self.say)
        settings = {"preset": asdict(self.preset), "variant": self.variant, "skipped": self.skipped, "seed": self.seed}
        self.work = Work(self.folder, _plain(self.settings | settings))
        self.head.renderer.requires_grad_(self.learn_networks)
        self.optimiser = self._make_optimiser()

    def run(self) -> Place:
        """Distil until all rounds are done, going on where an earlier call stopped. Ctrl-C saves first."""
        place = self.work.load(self.head, self.optimiser)
        began, earlier = time.monotonic(), place.seconds
        while place.round < len(self.rounds):
            try:
                self._round(self.rounds[place.round], place)
            finally:
                place.seconds = earlier + time.monotonic() - began
                self.work.save(self.head, self.optimiser, place)
        return place

    def _round(self, current: Round, place: Place) -> None:
        targets = self._targets(current, place) if current.steps else None
        end = sum(each.iterations for each in self.rounds[: place.round + 1])
        saved = time.monotonic()
        while place.iteration < end:
            loss = self._iterate(place.iteration, targets)
            place.iteration += 1
            self.progress(place.iteration / self.total, f"round {place.round + 1}/{len(self.rounds)}, loss {loss:.4f}")
            if time.monotonic() - saved > SAVE_SECONDS:
                self.work.save(self.head, self.optimiser, place)
                saved = time.monotonic()
        place.round += 1
        if targets is not None and place.round == len(self.rounds):
            write_preview(self.work.previews / "last.png", targets, self.render())

    def _targets(self, current: Round, place: Place) -> Tensor:
        """The round's targets on the processor, read again or made from what the head shows now."""
        kept = self.work.load_targets(place)
        if kept is not None:
            return kept
        share = place.iteration / self.total
        self.progress(share, f"round {place.round + 1}/{len(self.rounds)}, rendering")
        shown = self.render()
        done = 0

        def tick(views: int) -> None:
            nonlocal done
            done += views
            said = f"{done}/{len(self.views) * len(current.steps)} views denoised"
            self.progress(share, f"round {place.round + 1}/{len(self.rounds)}, {said}")

        halves = self.preset.autocast and shown.device.type == "cuda"
        with torch.autocast(shown.device.type, torch.float16, enabled=halves):
            targets = make_targets(self.denoiser, shown, current.steps, (self.seed, place.round), self.denoising, tick)
        self.work.save_targets(targets, place)
        write_preview(self.work.previews / f"{place.round:03d}.png", targets, shown)
        return targets

    @torch.no_grad()
    def render(self) -> Tensor:
        """All views as the head shows them now, [V, 3, P, P], where the prior is."""
        self.head.eval()
        device = self.cameras[0].device.type

        def some(part: slice) -> Tensor:
            with torch.autocast(device, torch.bfloat16, enabled=self.preset.autocast):
                return self.head.shown(_part(self.cameras, part), self.denoiser.size).float()

        return torch.cat(list(self.rendering.each(len(self.views), some)))

    def _iterate(self, iteration: int, targets: Tensor | None) -> float:
        """One step of the optimiser; what it draws depends on its number alone."""
        generator = stream(self.seed, -1, iteration)
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))  # the jitter along the rays
        chosen = torch.randperm(len(self.views), generator=generator)[: self.preset.views]
        resolution = self.preset.resolution(iteration, self.denoiser.size)
        corner = _corner(min(self.preset.patch, resolution), resolution, generator)
        noise = int(torch.randint(2**62, (1,), generator=generator))

        def some(part: slice) -> tuple[Tensor, list[Tensor]]:
            return self._gradients(chosen[part], corner, resolution, targets, noise)

        learned = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._set_rates(iteration)
        self.head.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = 0.0
        for share, gradients in self.rendering.each(len(chosen), some):
            loss += float(share)
            for parameter, gradient in zip(learned, gradients, strict=True):
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        length = float(torch.nn.utils.clip_grad_norm_(learned, 1.0))
        if not math.isfinite(loss + length):
            raise BadInput(
                f"iteration {iteration} has no finite loss or gradient; delete '{self.folder}' and try another --seed"
            )
        self.optimiser.step()
        return loss

    def _gradients(
        self, views: Tensor, corner: tuple[float, float], resolution: int, targets: Tensor | None, noise: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Loss and gradients of some of an iteration's views, by their share; whole or not at all."""
        device = self.cameras[0].device
        cameras = _part(self.cameras, views.to(device))
        with torch.autocast(device.type, torch.bfloat16, enabled=self.preset.autocast):
            terms: Terms
            if targets is None:
                generator = stream(noise, int(views[0]))
                terms = score_terms(self.head, cameras, views.to(device), self.denoiser, self.preset, generator)
            else:
                wanted = resized(targets[views].to(device), resolution)
                terms = fit_terms(self.head, cameras, wanted, corner, self.preset, self.judge)
        total = torch.stack(list(terms.values())).sum() * (len(views) / self.preset.views)
        learned = [p for group in self.optimiser.param_groups for p in group["params"]]
        return total.detach(), list(torch.autograd.grad(total, learned))

    def _make_optimiser(self) -> torch.optim.Adam:
        networks = [p for p in self.head.renderer.parameters() if p.requires_grad]
        groups = [{"params": self.head.added, "rate": self.preset.plane_rate}]
        groups += [{"params": networks, "rate": self.preset.network_rate}] if networks else []
        return torch.optim.Adam(groups, lr=self.preset.plane_rate, betas=(0.9, 0.99), eps=1e-15)

    def _set_rates(self, iteration: int) -> None:
        done, falling = iteration / self.total, self.preset.falling
        late = max(0.0, done - falling) / (1 - falling) if falling < 1 else 0.0
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * late)))


def _part(cameras: tuple[Tensor, Tensor], part: slice | Tensor) -> tuple[Tensor, Tensor]:
    return cameras[0][part], cameras[1][part]


def _corner(patch: int, resolution: int, generator: torch.Generator) -> tuple[float, float]:
    """(left, top) of a random patch on the pixels' grid, fractions of the picture."""
    left, top = torch.randint(resolution - patch + 1, (2,), generator=generator).tolist()
    return left / resolution, top / resolution


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON gives them back."""
    return dict(json.loads(json.dumps(values)))
