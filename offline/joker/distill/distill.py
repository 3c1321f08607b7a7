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
from offline.joker.distill.nerf import DistilledHead
from offline.joker.distill.presets import DistillPreset
from offline.joker.distill.preview import write_preview
from offline.joker.distill.schedule import Round, plan
from offline.joker.distill.targets import Targets, Window, make_targets, stream
from offline.joker.distill.work import Progress, Work
from offline.joker.prior.denoiser import Denoiser
from offline.training.devices import bfloat16
from offline.training.pacing import Pace
from runtime.errors import BadInput

OnProgress = Callable[[float, str], object]
"""Called with the share that is done, 0..1, and what is going on."""


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
    log: Callable[[str], object] = print
    on_progress: OnProgress = _silent

    def __post_init__(self) -> None:
        device = self.head.coarse_added.device
        self.views: Sequence[View] = grid(self.preset.azimuths, self.preset.elevations)
        self.cameras = camera_tensors(self.views, device)
        self.rounds = plan(self.preset, len(self.denoiser.alphas), self.variant, self.skipped)
        self.total = sum(each.iterations for each in self.rounds)
        self.denoising = Batches(self.preset.batch, "denoising", self.log)
        self.rendering = Batches(self.preset.views, "rendering", self.log)
        settings = {"preset": asdict(self.preset), "variant": self.variant, "skipped": self.skipped, "seed": self.seed}
        self.work = Work(self.folder, _plain(self.settings | settings))
        self.head.renderer.requires_grad_(self.learn_networks)
        self.optimiser = self._make_optimiser()

    def run(self) -> Progress:
        """Distil until all rounds are done, going on where an earlier call stopped. Ctrl-C saves first."""
        progress = self.work.load(self.head, self.optimiser)
        began, earlier = time.monotonic(), progress.seconds
        while progress.round < len(self.rounds):
            try:
                self._round(self.rounds[progress.round], progress)
            finally:
                progress.seconds = earlier + time.monotonic() - began
                self.work.save(self.head, self.optimiser, progress)
        return progress

    def _round(self, current: Round, progress: Progress) -> None:
        targets = self.as_targets(self._targets(current, progress)) if current.steps else None
        end = sum(each.iterations for each in self.rounds[: progress.round + 1])
        saving = Pace()
        while progress.iteration < end:
            loss = self._iterate(progress.iteration, targets)
            progress.iteration += 1
            self._report(progress, f"loss {loss:.4f}")
            if saving.due:
                saving.timed(lambda: self.work.save(self.head, self.optimiser, progress))
        progress.round += 1
        if targets is not None and progress.round == len(self.rounds):
            write_preview(self.work.previews / "last.png", targets.pictures, self.render())

    def as_targets(self, pictures: Tensor) -> Targets:
        """Pictures [V, 3, P, P], uint8, where the head learns."""
        return Targets(pictures, self.head.guide_size, self.cameras[0].device)

    def _report(self, progress: Progress, doing: str) -> None:
        self.on_progress(progress.iteration / self.total, f"round {progress.round + 1}/{len(self.rounds)}, {doing}")

    def _targets(self, current: Round, progress: Progress) -> Tensor:
        """The round's targets, uint8, on the processor, read again or made from what the head shows now."""
        kept = self.work.load_targets(progress)
        if kept is not None:
            return kept
        self._report(progress, "rendering")
        shown = self.render()
        done = 0

        def tick(views: int) -> None:
            nonlocal done
            done += views
            self._report(progress, f"{done}/{len(self.views) * len(current.steps)} views denoised")

        halves = self.preset.autocast and shown.device.type == "cuda"
        with torch.autocast(shown.device.type, torch.float16, enabled=halves):
            seed = self.seed, progress.round
            targets = make_targets(self.denoiser, shown, current.steps, seed, self.denoising, tick)
        self.work.save_targets(targets, progress)
        write_preview(self.work.previews / f"{progress.round:03d}.png", targets, shown)
        return targets

    @torch.no_grad()
    def render(self) -> Tensor:
        """All views as the head shows them now, [V, 3, P, P], where the prior is."""
        self.head.eval()
        device = self.cameras[0].device

        def some(part: slice) -> Tensor:
            with bfloat16(device, self.preset.autocast):
                return self.head.shown(_part(self.cameras, part), self.denoiser.size).float()

        return torch.cat(list(self.rendering.each(len(self.views), some)))

    def _iterate(self, iteration: int, targets: Targets | None) -> float:
        """One step of the optimiser; what it draws depends on its number alone."""
        generator = stream(self.seed, -1, iteration)
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))  # the jitter along the rays
        chosen = torch.randperm(len(self.views), generator=generator)[: self.preset.views]
        resolution = self.preset.resolution(iteration, self.denoiser.size)
        patch = min(self.preset.patch, resolution)
        corner = _corner(patch, resolution, generator)
        noise = int(torch.randint(2**62, (1,), generator=generator))

        def some(part: slice) -> tuple[Tensor, list[Tensor]]:
            wanted = None if targets is None else targets.window(chosen[part], resolution, corner, patch)
            return self._gradients(chosen[part], wanted, noise)

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

    def _gradients(self, views: Tensor, wanted: Window | None, noise: int) -> tuple[Tensor, list[Tensor]]:
        """Loss and gradients of some of an iteration's views, by their share; whole or not at all."""
        device = self.cameras[0].device
        cameras = _part(self.cameras, views.to(device))
        with bfloat16(device, self.preset.autocast):
            terms: Terms
            if wanted is None:
                generator = stream(noise, int(views[0]))
                terms = score_terms(self.head, cameras, views.to(device), self.denoiser, self.preset, generator)
            else:
                terms = fit_terms(self.head, cameras, wanted, self.preset, self.judge)
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


def _corner(patch: int, resolution: int, generator: torch.Generator) -> tuple[int, int]:
    """(left, top) of a random patch, pixels."""
    left, top = torch.randint(resolution - patch + 1, (2,), generator=generator).tolist()
    return left, top


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON gives them back."""
    return dict(json.loads(json.dumps(values)))
