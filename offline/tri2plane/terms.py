"""The terms of the loss of one step (eq. 13): what is rendered, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from offline.tri2plane.checkpoint import Run
from offline.tri2plane.crops import area, cut, slide, window_corner, without_edge
from offline.tri2plane.dataset import Batch
from offline.tri2plane.losses import feature_weight, opacity_loss, sharpness_loss, weighted_l1
from offline.tri2plane.model import Rendered, Window
from offline.tri2plane.preview import on_white
from offline.warp.face import Warped

Terms = dict[str, Tensor]
LEAST = 1.0
"""Weight of the final picture's L1 where nothing else holds its colours: the sharpness loss sees edges alone."""


@dataclass(frozen=True)
class Scene:
    """A batch after the sliding window, with its planes."""

    batch: Batch
    pose: Tensor
    """[B, 3, 4]."""
    picture: Tensor
    """[B, 4, P, P], as it is seen (`offline.tri2plane.lens`)."""
    weight: Tensor
    """[B, 1, P, P], 0 where the picture is not known."""
    levels: list[Tensor]
    face: Warped | None
    terms: Terms
    """What is already known of the loss."""


@dataclass(frozen=True)
class Seen:
    """A part of the picture as one level renders it, and as it should be."""

    rendered: Rendered
    target: Tensor
    """[B, 4, W, W], the picture's own pixels."""
    weight: Tensor
    """[B, 1, W, W]."""
    l1: Tensor
    opacity: Tensor
    """The two losses at the rendering's size, not yet weighted."""


def loss_terms(run: Run, batch: Batch) -> Terms:
    """The weighted terms by name: each level's rendering, super-resolution, perceptual loss, opacity, latent."""
    scene = _scene(run, batch)
    return _patch_terms(run, scene) if run.model.preset.patches > 1 else _window_terms(run, scene)


def _scene(run: Run, batch: Batch) -> Scene:
    config, model = run.config, run.model
    preset, strength = model.preset, config.weights().features
    pose, known, picture = slide(batch, config.slide, config.slide_share, config.margin)
    with torch.no_grad():
        maps = run.motion_maps(batch.expression, batch.detail)
        if maps is not None:
            maps = (maps + config.map_noise * torch.randn_like(maps)).clamp(0, 1)
        weight = feature_weight(pose, batch.intrinsics, batch.extrinsics, preset.picture // 4, strength)
        weight = F.interpolate(weight, scale_factor=4.0, mode="bilinear", align_corners=False) * known
        if model.lens:
            picture, weight, known = model.lens.looked_at(torch.cat([picture, weight, known], 1)).split((4, 1, 1), 1)
            weight = weight * (known > 0.999)  # what mixes with the unknown is not known
    shown = (torch.rand(len(pose), 1) < config.latent_share).to(pose.device)
    latent = run.latents[batch.index] * shown
    levels = model.planes(maps, batch.expression, batch.detail, latent)
    known_terms = {"latent": config.latent_weight * latent.square().mean()}
    return Scene(batch, pose, picture, weight, levels, model.warped(batch.expression), known_terms)


def _window_terms(run: Run, scene: Scene) -> Terms:
    """For a preset whose last level is rendered by windows: now and then the whole picture, mostly a part of it."""
    config, preset, terms = run.config, run.model.preset, scene.terms
    whole = run.step % config.whole_every == 0
    last = (1.0, preset.rays) if whole else (config.window, int(preset.rays * config.window))
    coarser = ((1.0, preset.rays // 2), (config.window, preset.rays // 2))
    opacity = terms["latent"].new_zeros(())
    weights = config.weights()
    for level, (share, rays) in enumerate((*coarser[: preset.levels - 1], last)):
        window, finest = _window(run, scene, level, share, rays), level == preset.levels - 1
        terms[f"rgb{level + 1}"] = (weights.of_level(level, preset.levels) + weights.composite * finest) * window.l1
        if weights.mask_all_levels or finest:
            opacity = opacity + window.opacity
    terms["mask"] = weights.mask * opacity
    margin = 0 if whole else 4 * preset.picture // preset.rays  # nearer to its edge convolutions lack what lies beyond
    weight = without_edge(window.weight, margin) if margin else window.weight
    return terms | _picture_terms(run, window.rendered, window.target, weight, margin)


def _patch_terms(run: Run, scene: Scene) -> Terms:
    """For a preset whose last level is rendered in patches, of which some carry a gradient (paper 3.2)."""
    config, model, terms, batch = run.config, run.model, scene.terms, scene.batch
    preset, weights = model.preset, config.weights()
    side = preset.rays // preset.patches
    opacity = terms["latent"].new_zeros(())
    for level in range(preset.levels - 1):
        window = _window(run, scene, level, 0.5**level, side)
        terms[f"rgb{level + 1}"] = weights.of_level(level, preset.levels) * window.l1
        opacity = opacity + window.opacity * weights.mask_all_levels
    active = torch.randperm(preset.patches**2)[: config.active]
    made = model.whole(scene.levels, scene.pose, batch.intrinsics, batch.extrinsics, active.tolist(), scene.face)
    small, light = area(scene.picture, preset.rays), area(scene.weight, preset.rays)
    chosen = torch.zeros(preset.patches**2).index_fill(0, active, 1.0).reshape(1, 1, preset.patches, -1)
    of_active = light * F.interpolate(chosen.to(light.device), scale_factor=side)
    rgb = made.features[:, :3]
    terms[f"rgb{preset.levels}"] = weights.levels[-1] * weighted_l1(rgb, small[:, :3], of_active)
    if weights.composite:
        terms["composite"] = weights.composite * weighted_l1(rgb, small[:, :3], light)
    terms["mask"] = weights.mask * (opacity + opacity_loss(made.alpha * (light > 0), small[:, 3:] * (light > 0)))
    return terms | _picture_terms(run, made, scene.picture, scene.weight, 0)


def _window(run: Run, scene: Scene, level: int, share: float, rays: int) -> Seen:
    """A random window, `share` of the picture wide, rendered by rays² with the levels up to `level`."""
    batch, model = scene.batch, run.model
    corner = window_corner(batch, scene.pose, share, run.config.face_windows, model.lens)
    view = scene.pose, batch.intrinsics, batch.extrinsics
    rendered = model.render(scene.levels, level, *view, rays, scene.face, Window(corner, share))
    crop, part = (cut(t, corner, share) for t in (scene.picture, scene.weight))
    small, light = area(crop, rays), area(part, rays)
    l1 = weighted_l1(rendered.features[:, :3], small[:, :3], light)
    return Seen(rendered, crop, part, l1, opacity_loss(rendered.alpha * (light > 0), small[:, 3:] * (light > 0)))


def _picture_terms(run: Run, rendered: Rendered, target: Tensor, weight: Tensor, margin: int) -> Terms:
    """What the final picture is asked: L1, and the same look or, without a judge of it, the same edges."""
    weights = run.config.weights()
    fine = run.model.super_resolution(rendered.features, rendered.alpha)
    lead = weights.super_resolution
    if run.judge is None:
        return {
            "sr": max(lead, LEAST) * weighted_l1(fine, target, weight),
            "sharp": weights.sharpness * sharpness_loss(fine, target, weight),
        }
    terms = {"sr": lead * weighted_l1(fine, target, weight)} if lead else {}
    seen = slice(margin, target.shape[-1] - margin)
    shown = torch.where(weight > 0, on_white(fine.float()), on_white(target))[..., seen, seen]
    return terms | {"lpips": weights.lpips * run.judge(shown, on_white(target)[..., seen, seen]).mean()}
