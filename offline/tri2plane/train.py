"""The training loop."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from offline.clip import Clip
from offline.tri2plane.checkpoint import Run, restore_optimiser, save
from offline.tri2plane.dataset import Batch, batches
from offline.tri2plane.losses import feature_weight, opacity_loss, sharpness_loss, weighted_l1
from offline.tri2plane.preview import write_preview
from offline.tri2plane.window import slide_translation, window_intrinsics

SAVE_SECONDS = 50.0
"""A killed run loses at most this much work, and the time a save takes."""
PREVIEW_SECONDS = 180.0


@dataclass(frozen=True)
class Budget:
    """How long to train: until `minutes` of training time or `steps` are spent, whichever is given."""

    minutes: float | None = None
    steps: int | None = None

    def progress(self, run: Run) -> float:
        """0 at the start, 1 when spent."""
        parts = [run.seconds / 60 / self.minutes] if self.minutes else []
        parts += [run.step / self.steps] if self.steps else []
        return min(max(parts), 1.0)


def make_optimiser(run: Run) -> torch.optim.Adam:
    """Adam over the networks, the still planes (faster) and the latents; `lr` is set each step."""
    still = [p for name, p in run.model.named_parameters() if name.endswith(".still")]
    rest = [p for name, p in run.model.named_parameters() if not name.endswith(".still")]
    groups = [{"params": rest, "scale": 1.0}, {"params": still, "scale": run.config.still_rate},
              {"params": [run.latents], "scale": 1.0}]  # fmt: skip
    return torch.optim.Adam(groups, lr=run.config.learning_rate, betas=(0.9, 0.99))


def train(run: Run, clip: Clip, budget: Budget, optimiser_tensors: dict[str, Tensor] | None = None) -> torch.optim.Adam:
    """Train until the budget is spent, saving on the way; Ctrl-C saves and ends. Returns the optimiser.

    The same seed gives the same steps, also across a resume: what a step draws depends on its number alone.
    """
    optimiser = make_optimiser(run)
    if optimiser_tensors:
        restore_optimiser(optimiser, optimiser_tensors)
    run.folder.mkdir(parents=True, exist_ok=True)
    bar = tqdm(total=100.0, initial=100 * budget.progress(run), unit="%", bar_format=BAR, desc=f"train {run.clip}")
    saved = previewed = began = time.perf_counter()
    try:
        with (run.folder / "log.jsonl").open("a") as log:
            for batch in batches(clip, run.config.seed, run.step, run.config.batch):
                if budget.progress(run) >= 1:
                    break
                started = time.perf_counter()
                losses = step(run, optimiser, batch, budget.progress(run))
                now = time.perf_counter()
                run.step += 1
                run.seconds += now - started
                record = {"step": run.step, "seconds": round(run.seconds, 2), "step_s": round(now - started, 3)}
                log.write(json.dumps(record | {k: round(v, 5) for k, v in losses.items()}) + "\n")
                bar.n = 100 * budget.progress(run)
                bar.set_postfix({"step": run.step} | {k: f"{v:.3f}" for k, v in losses.items()})
                if now - saved > SAVE_SECONDS:
                    saved = _timed(lambda: save(run, optimiser))
                if now - previewed > PREVIEW_SECONDS or run.step == 100:
                    previewed = _timed(lambda: write_preview(run, clip))
    except KeyboardInterrupt:
        tqdm.write(f"stopped at step {run.step}; the same command goes on from here")
    finally:
        bar.close()
        save(run, optimiser)
    if time.perf_counter() > began:
        write_preview(run, clip)
    return optimiser


BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


def _timed(action: Callable[[], object]) -> float:
    action()
    return time.perf_counter()


def step(run: Run, optimiser: torch.optim.Adam, batch: Batch, progress: float) -> dict[str, float]:
    """One optimisation step on a batch; returns the losses by name."""
    config = run.config
    torch.manual_seed(config.seed * 1_000_003 + run.step)
    falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
    rate = config.learning_rate * falling * min(1, (run.step + 1) / config.warm_up)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]
    run.model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=config.autocast):
        terms = loss_terms(run, batch)
    total = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    optimiser.step()
    _average(run)
    return {name: float(value.detach()) for name, value in terms.items()}


def loss_terms(run: Run, batch: Batch) -> dict[str, Tensor]:
    """The weighted terms of the loss (eq. 13): the scales, super-resolution, sharpness, opacity, latent."""
    config, model = run.config, run.model
    preset = model.preset
    pose, known, picture = slide(batch, config.slide, config.slide_share)
    with torch.no_grad():
        maps = run.maps(batch.expression, batch.detail)
        maps = (maps + config.map_noise * torch.randn_like(maps)).clamp(0, 1)
        weight = feature_weight(pose, batch.intrinsics, batch.extrinsics, preset.picture // 4, config.feature_strength)
        weight = F.interpolate(weight, scale_factor=4.0, mode="bilinear", align_corners=False) * known
    latent = run.latents[batch.index] * (torch.rand(len(pose), 1) < config.latent_share)
    levels = model.planes(maps, batch.expression, batch.detail, latent)
    terms: dict[str, Tensor] = {"latent": config.latent_weight * latent.square().mean()}
    whole = run.step % config.whole_every == 0
    last = (1.0, preset.rays) if whole else (config.window, int(preset.rays * config.window))
    coarser = ((1.0, preset.rays // 2), (config.window, preset.rays // 2))
    share, rays = zip(*coarser[: preset.levels - 1], last, strict=True)
    opacity = terms["latent"].new_zeros(())
    for upto in range(preset.levels):
        corner = window_corner(batch, pose, share[upto], config.face_windows)
        intrinsics = window_intrinsics(batch.intrinsics, corner[:, 0], corner[:, 1], share[upto])
        rendered = model.render(levels, upto, pose, intrinsics, batch.extrinsics, rays[upto])
        crop, part = (cut(t, corner, share[upto]) for t in (picture, weight))
        small, light = (F.interpolate(t, size=(rays[upto],) * 2, mode="area") for t in (crop, part))
        terms[f"rgb{upto + 1}"] = config.level_weight * weighted_l1(rendered.features[:, :3], small[:, :3], light)
        opacity = opacity + opacity_loss(rendered.alpha * (light > 0), small[:, 3:] * (light > 0))
    terms["mask"] = config.opacity_weight * opacity
    fine = model.super_resolution(rendered.features, rendered.alpha)
    if not whole:  # near a window's edge the convolutions lack what lies beyond
        part = _without_edge(part, 4 * preset.picture // preset.rays)
    terms["sr"] = weighted_l1(fine, crop, part)
    terms["sharp"] = config.sharpness_weight * sharpness_loss(fine, crop, part)
    return terms


def slide(batch: Batch, largest: float, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """The sliding window: poses [B, 3, 4], what of each picture is known [B, 1, P, P] as 0 or 1, moved pictures."""
    b, _, p, _ = batch.picture.shape
    pixels = torch.randint(-int(largest * p), int(largest * p) + 1, (b, 2)) * (torch.rand(b, 1) < share)
    pose = slide_translation(
        batch.pose, batch.intrinsics, batch.extrinsics, pixels[:, 0].float() / p, pixels[:, 1].float() / p
    )
    moved, known = torch.zeros_like(batch.picture), torch.zeros_like(batch.picture[:, :1])
    for i, (dx, dy) in enumerate(pixels.tolist()):
        to = (slice(max(dy, 0), p + min(dy, 0)), slice(max(dx, 0), p + min(dx, 0)))
        source = (slice(max(-dy, 0), p + min(-dy, 0)), slice(max(-dx, 0), p + min(-dx, 0)))
        moved[i, :, to[0], to[1]] = batch.picture[i, :, source[0], source[1]]
        known[i, :, to[0], to[1]] = 1
    return pose, known, moved


def window_corner(batch: Batch, pose: Tensor, share: float, face: float) -> Tensor:
    """(left, top) [B, 2] of a random window, fractions of the picture on a grid of sixteenths; some over the face."""
    b = len(pose)
    anywhere = torch.rand(b, 2)
    world = pose @ pose.new_tensor([0.0, -0.1, 0.4, 1.0])
    camera = (batch.extrinsics[:, :, :3] @ world[:, :, None])[:, :, 0] + batch.extrinsics[:, :, 3]
    centre = camera[:, :2] / camera[:, 2:] * batch.intrinsics[:, :2] + batch.intrinsics[:, 2:]
    over_face = (centre + 0.2 * (torch.rand(b, 2) - 0.5) - share / 2) / max(1 - share, 1e-6)
    corner = torch.where(torch.rand(b, 1) < face, over_face, anywhere).clamp(0, 1) * (1 - share)
    return (corner * 16).round() / 16


def cut(pictures: Tensor, corner: Tensor, share: float) -> Tensor:
    """The windows of pictures [B, C, P, P] at corners [B, 2]."""
    size = pictures.shape[-1]
    width = round(size * share)
    starts = (corner * size).round().long().tolist()
    return torch.stack(
        [picture[:, y : y + width, x : x + width] for picture, (x, y) in zip(pictures, starts, strict=True)]
    )


def _without_edge(weight: Tensor, margin: int) -> Tensor:
    inner = weight[:, :, margin:-margin, margin:-margin]
    return F.pad(inner, (margin,) * 4)


@torch.no_grad()
def _average(run: Run) -> None:
    decay = min(run.config.average, (1 + run.step) / (10 + run.step))
    for mean, current in zip(run.averaged.parameters(), run.model.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)


def subject_box(clip: Clip, samples: int = 40) -> np.ndarray:
    """The part of head space [2, 3] (dm) that the subject takes up, from the mattes of some training frames.

    x and y are where the matte's pixels meet the plane through the head's origin, taken back through the head pose;
    z is that of a human head, and shoulders, with some room.
    """
    size, camera = clip.info.size, clip.info.camera
    origin, directions = camera.rays(size)
    points = []
    for index in np.linspace(0, len(clip.train) - 1, samples).astype(int):
        opaque = clip.frame(int(index))[..., 3] > 127
        if not opaque.any():
            continue
        depth = camera.extrinsics[2, :3] @ clip.translation[index] + camera.extrinsics[2, 3]
        world = origin + directions[opaque] * depth
        shift = clip.translation[index]
        points.append(np.quantile(world[:, :2] - shift[:2], (0.002, 0.998), axis=0))
    low, high = np.min([p[0] for p in points], 0) - 0.15, np.max([p[1] for p in points], 0) + 0.15
    return np.array([[low[0], low[1], -1.35], [high[0], high[1], 1.0]], np.float32)
