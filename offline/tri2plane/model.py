"""The avatar as one torch module: drive → planes → features → picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from offline.tri2plane import planes as tri
from offline.tri2plane.networks import Decoder, MotionEncoder, StyleGenerator, StyleMapping, SuperResolution
from offline.tri2plane.presets import Preset
from offline.tri2plane.rendering import camera_rays, composite_weights, even_depths, guided_interval
from offline.warp import NeckWarp
from runtime.contract.drive import DETAIL, EXPRESSIONS


@dataclass(frozen=True)
class Rendered:
    """What volume rendering gives for n × n rays."""

    features: Tensor
    """[B, F, n, n], composed colour features, premultiplied by opacity; the first three are RGB."""
    alpha: Tensor
    """[B, 1, n, n], opacity 0..1."""
    depth: Tensor
    """[B, 1, n, n], mean depth along the camera's axis, dm; 0 where nothing is."""


class Tri2Plane(nn.Module):
    """A person's avatar. `box` [2, 3] is the part of head space that the planes cover, dm.

    `detail_range` [2, 8] is the least and the most that training saw of each detail coefficient, and all that counts of
    one: what lies beyond, where a live tracker goes, has no meaning to the networks.
    """

    box: Tensor
    detail_range: Tensor

    def __init__(self, preset: Preset, box: Tensor, detail_range: Tensor) -> None:
        super().__init__()
        self.register_buffer("detail_range", detail_range.float())
        self.preset = preset
        self.register_buffer("box", box.float())
        self.encoder = MotionEncoder(preset.motion_map, preset.style)
        self.mapping = StyleMapping(preset.style + len(EXPRESSIONS) + DETAIL + preset.latent, preset.style)
        self.generator = StyleGenerator(preset)
        self.decoder = Decoder(preset)
        self.super_resolution = SuperResolution(preset)
        self.warp = NeckWarp()

    def planes(self, motion_map: Tensor, expression: Tensor, detail: Tensor, latent: Tensor) -> list[Tensor]:
        """[B, 6, M, M], [B, 52], [B, 8], [B, γ] → the levels' planes [B, 3, C, H, W], coarse to fine."""
        return self.generator(self.style(motion_map, expression, detail, latent))

    def style(self, motion_map: Tensor, expression: Tensor, detail: Tensor, latent: Tensor) -> Tensor:
        """The same to the style [B, style] that the generator works under."""
        known = detail.clamp(self.detail_range[0], self.detail_range[1])
        return self.mapping(self.encoder(motion_map), expression, known, latent)

    def near_far(self, pose: Tensor, extrinsics: Tensor) -> tuple[Tensor, Tensor]:
        """Depths [B] between which the box can be, seen along the camera's axis."""
        middle = (extrinsics[:, :, :3] @ pose[:, :, 3:] + extrinsics[:, :, 3:])[:, 2, 0]
        return middle - self.box[1, 2] - 0.1, middle - self.box[0, 2] + 0.1

    def density(self, planes: Tensor, world: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """σ [B, S, N] and plane features [B, S, N, C] at world points [B, S, N, 3]."""
        b, s, n, _ = world.shape
        points = self.warp(world.reshape(b, s * n, 3), pose)
        feature = tri.sample_planes(planes, points, self.box)
        sigma = self.decoder.density(feature) * tri.inside_box(points, self.box)
        return sigma.reshape(b, s, n), feature.reshape(b, s, n, -1)

    def compose(
        self, planes: Tensor, rays: tuple[Tensor, Tensor], near: Tensor, far: Tensor, samples: int, pose: Tensor
    ) -> Rendered:
        """Volume-render rays (origins [B, 3], directions [B, n·n, 3]) between near and far [B, n·n]."""
        origins, directions = rays
        depths, step = even_depths(near, far, samples, jitter=self.training)
        world = origins[:, None, None] + directions[:, None] * depths[..., None]
        sigma, feature = self.density(planes, world, pose)
        weights = composite_weights(sigma * step)
        seen = torch.nn.functional.normalize(directions, dim=-1) @ pose[:, :, :3]
        colour = self.decoder.composed_colour(weights, feature, self.decoder.direction_bias(seen))
        b, n = near.shape
        size = int(n**0.5)
        features = colour.transpose(1, 2).reshape(b, -1, size, size)
        alpha = weights.sum(1).reshape(b, 1, size, size)
        depth = (weights * depths).sum(1).reshape(b, 1, size, size)
        return Rendered(features, alpha, depth / alpha.clamp(min=1e-3) * (alpha > 1e-3))

    def guide(
        self, level: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor, rays: int
    ) -> tuple[Tensor, Tensor]:
        """Near and far [B, rays²] for the fine samples, from the density of one level; carries no gradient."""
        size = self.preset.guide_rays * rays // self.preset.rays
        with torch.no_grad():
            origins, directions = camera_rays(intrinsics, extrinsics, size)
            near, far = (t[:, None].expand(-1, size * size) for t in self.near_far(pose, extrinsics))
            depths, step = even_depths(near, far, self.preset.guide_samples, jitter=False)
            world = origins[:, None, None] + directions[:, None] * depths[..., None]
            weights = composite_weights(self.density(level, world, pose)[0] * step)
            return guided_interval(weights, depths, step, size, rays)

    def render(
        self, levels: list[Tensor], upto: int, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor, rays: int
    ) -> Rendered:
        """Render rays × rays with the planes of level `upto` (0 is the coarsest), guided by level 0.

        A window of the picture is rendered by giving intrinsics of that window (see `window`).
        """
        near, far = self.guide(levels[0], pose, intrinsics, extrinsics, rays)
        cast = camera_rays(intrinsics, extrinsics, rays)
        return self.compose(levels[upto], cast, near, far, self.preset.samples, pose)

    def forward(
        self,
        motion_map: Tensor,
        expression: Tensor,
        detail: Tensor,
        latent: Tensor,
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
    ) -> Tensor:
        """The whole picture, premultiplied RGBA [B, 4, P, P], clipped to 0..1."""
        levels = self.planes(motion_map, expression, detail, latent)
        rendered = self.render(levels, -1, pose, intrinsics, extrinsics, self.preset.rays)
        return self.super_resolution(rendered.features, rendered.alpha).clamp(0, 1)
