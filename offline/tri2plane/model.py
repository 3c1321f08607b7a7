"""The avatar as one torch module: drive → planes → features → picture."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from offline.tri2plane import planes as tri
from offline.tri2plane.decoder import Decoder
from offline.tri2plane.encoder import MotionEncoder, StyleMapping
from offline.tri2plane.generator import StyleGenerator
from offline.tri2plane.lens import Lens, face_frame, pixel_centres
from offline.tri2plane.presets import Preset
from offline.tri2plane.rendering import (
    NARROW_ROOM,
    camera_rays,
    composite_weights,
    even_depths,
    guided_interval,
    joined,
    squares,
)
from offline.tri2plane.super_resolution import SuperResolution, UNet
from offline.warp.atlas import FaceAtlas
from offline.warp.face import FaceWarp, Warped
from offline.warp.neck import NeckWarp
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DETAIL, EXPRESSIONS
from runtime.errors import BadInput


@dataclass(frozen=True)
class Rendered:
    """What volume rendering gives for n × n rays."""

    features: Tensor
    """[B, F, n, n], composed colour features, premultiplied by opacity; the first three are RGB."""
    alpha: Tensor
    """[B, 1, n, n], opacity 0..1."""
    depth: Tensor
    """[B, 1, n, n], mean depth along the camera's axis, dm; 0 where nothing is."""


@dataclass(frozen=True)
class Window:
    """A square part of each picture of a batch, fractions of what is seen."""

    corner: Tensor
    """[B, 2], left and top."""
    share: float
    """Its width."""


Renderer = TypeVar("Renderer", bound="PlaneRenderer")


class PlaneRenderer(nn.Module):
    """Shows tri-planes: volume rendering under a decoder, then super-resolution. Where they come from is open.

    Subclasses register `box` [2, 3], the part of head space that the planes cover, dm, and the networks.
    """

    box: Tensor
    preset: Preset
    decoder: Decoder
    super_resolution: SuperResolution | UNet
    warp: NeckWarp
    recompute = False
    """Whether the samples along the rays are computed again for the gradient instead of being kept."""

    def __init__(self) -> None:
        super().__init__()
        self.lens: Lens | None = None
        """What pictures are seen through; None where rays are even."""

    def near_far(self, pose: Tensor, extrinsics: Tensor) -> tuple[Tensor, Tensor]:
        """Depths [B] between which the box can be, seen along the camera's axis."""
        middle = (extrinsics[:, :, :3] @ pose[:, :, 3:4] + extrinsics[:, :, 3:])[:, 2, 0]
        return middle - self.box[1, 2] - 0.1, middle - self.box[0, 2] + 0.1

    def placed(self, world: Tensor, pose: Tensor, face: Warped | None, middle: Tensor | None) -> tuple[Tensor, Tensor]:
        """Where the planes hold world points [B, S, N, 3], and whether they hold anything of them, 0 or 1, [B, S, N].

        `face` is the expression's part of the warp, for a renderer whose planes are in the face's own space, and
        `middle` [B, N, 3] the middles of rays whose samples are near it.
        """
        points = self.warp(world.flatten(1, 2), pose).reshape(world.shape)
        return points, tri.inside_box(points, self.box)

    def density(
        self,
        planes: Sequence[Tensor],
        world: Tensor,
        pose: Tensor,
        face: Warped | None = None,
        middle: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """σ [B, S, N] and features [B, S, N, C], summed over `planes`, at world points [B, S, N, 3]; see `placed`."""
        b, s, n, _ = world.shape
        points, held = (t.flatten(1, 2) for t in self.placed(world, pose, face, middle))
        feature = tri.sample_planes(planes[0], points, self.box)
        for level in planes[1:]:
            feature = feature + tri.sample_planes(level, points, self.box)
        sigma = self.decoder.density(feature) * held
        return sigma.reshape(b, s, n), feature.reshape(b, s, n, -1)

    def compose(
        self,
        planes: Sequence[Tensor],
        rays: tuple[Tensor, Tensor],
        near: Tensor,
        far: Tensor,
        samples: int,
        pose: Tensor,
        face: Warped | None = None,
        led: bool = False,
    ) -> Rendered:
        """Volume-render rays (origins [B, 3], directions [B, n·n, 3]) between near and far [B, n·n], which are close to
        each other where a guide `led` the samples."""
        origins, directions = rays
        depths, step = even_depths(near, far, samples, jitter=self.training)
        world = origins[:, None, None] + directions[:, None] * depths[..., None]
        middle = origins[:, None] + directions * ((near + far) / 2)[..., None] if led else None
        sigma, feature = self.density(planes, world, pose, face, middle)
        weights = composite_weights(sigma * step)
        seen = torch.nn.functional.normalize(directions, dim=-1) @ pose[:, :, :3]
        colour = self.decoder.composed_colour(weights, feature, self.decoder.direction_bias(seen))
        b, n = near.shape
        size = int(n**0.5)
        features = colour.transpose(1, 2).reshape(b, -1, size, size)
        alpha = weights.sum(1).reshape(b, 1, size, size)
        depth = (weights * depths).sum(1).reshape(b, 1, size, size)
        return Rendered(features, alpha, depth / alpha.clamp(min=1e-3) * (alpha > 1e-3))

    def interval(
        self,
        levels: Sequence[Tensor],
        upto: int,
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
        rays: int,
        face: Warped | None = None,
        window: Window | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Near and far [B, rays²] for the fine samples: where the density is, or, with a preset that has no guide,
        where the box can be. The guide sees the coarsest level, what narrows its intervals the levels up to `upto`.
        Carries no gradient."""
        with torch.no_grad():
            near, far = (t[:, None] for t in self.near_far(pose, extrinsics))
            sizes = [size * rays // self.preset.rays for size, _ in self.preset.guides] + [rays]
            near, far = (t.expand(-1, sizes[0] ** 2) for t in (near, far))
            for number, (_, samples) in enumerate(self.preset.guides):
                size, planes = sizes[number], self._fetched(levels, upto) if number else levels[:1]
                origins, directions = camera_rays(intrinsics, extrinsics, size, self.places(size, intrinsics, window))
                depths, step = even_depths(near, far, samples, jitter=False)
                world = origins[:, None, None] + directions[:, None] * depths[..., None]
                middle = origins[:, None] + directions * ((near + far) / 2)[..., None] if number else None
                weights = composite_weights(self.density(planes, world, pose, face, middle)[0] * step)
                room = NARROW_ROOM if number else 1.0
                near, far = guided_interval(weights, depths, step, size, sizes[number + 1], room)
            return near, far

    def render(
        self,
        levels: list[Tensor],
        upto: int,
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
        rays: int,
        face: Warped | None = None,
        window: Window | None = None,
    ) -> Rendered:
        """Render rays × rays with the levels up to `upto` (0 is the coarsest), guided by level 0: the picture as it is
        seen, or a window of it."""
        near, far = self.interval(levels, upto, pose, intrinsics, extrinsics, rays, face, window)
        cast = camera_rays(intrinsics, extrinsics, rays, self.places(rays, intrinsics, window))
        return self._composed(self._fetched(levels, upto), cast, near, far, pose, face)

    def whole(
        self,
        levels: list[Tensor],
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
        active: Collection[int] | None = None,
        face: Warped | None = None,
    ) -> Rendered:
        """Render the whole picture with all levels, square by square (paper 3.2: 16 patches of 128² rays).

        `active` numbers the squares, row by row, that carry a gradient; the others are detached. None: all carry one.
        """
        preset, count = self.preset, self.preset.patches
        near, far = self.interval(levels, len(levels) - 1, pose, intrinsics, extrinsics, preset.rays, face)
        places = self.places(preset.rays, intrinsics, None)
        origins, directions = camera_rays(intrinsics, extrinsics, preset.rays, places)
        planes = self._fetched(levels, len(levels) - 1)
        made = []
        for n, (ray, low, high) in enumerate(zip(*(squares(t, count) for t in (directions, near, far)), strict=True)):
            with torch.set_grad_enabled(torch.is_grad_enabled() and (active is None or n in active)):
                made.append(self._composed(planes, (origins, ray), low, high, pose, face))
        parts = ([getattr(m, name) for m in made] for name in ("features", "alpha", "depth"))
        return Rendered(*(joined(part, count) for part in parts))

    def places(self, size: int, like: Tensor, window: Window | None) -> Tensor | None:
        """Where columns and rows of size² rays are in the picture, [B or 1, 2, size]; None for evenly all over it."""
        if self.lens is None and window is None:
            return None
        seen = pixel_centres(size, like).expand(1, 2, -1)
        if window is not None:
            seen = window.corner[:, :, None] + seen * window.share
        return self.lens.picture(seen) if self.lens else seen

    def evenly(self: Renderer) -> Renderer:
        """The same renderer, its weights shared, with even rays: for pictures of another framing than its lens's."""
        made = copy.copy(self)
        made._modules = {name: module for name, module in self._modules.items() if name != "lens"}
        made.lens = None
        return made

    def finished(self, rendered: Rendered) -> Tensor:
        """The picture of all rays, premultiplied RGBA [B, 4, P, P], clipped to 0..1."""
        seen = self.super_resolution(rendered.features, rendered.alpha).clamp(0, 1)
        return self.lens.laid_out(seen) if self.lens else seen

    def _composed(
        self,
        planes: Sequence[Tensor],
        rays: tuple[Tensor, Tensor],
        near: Tensor,
        far: Tensor,
        pose: Tensor,
        face: Warped | None,
    ) -> Rendered:
        """`compose` with the preset's samples, kept or computed again for the gradient."""
        given = (planes, rays, near, far, self.preset.samples, pose, face, self.preset.guide_samples > 0)
        if not (self.recompute and torch.is_grad_enabled()):
            return self.compose(*given)
        return checkpoint(self.compose, *given, use_reentrant=False)

    def _fetched(self, levels: Sequence[Tensor], upto: int) -> Sequence[Tensor]:
        """The planes that a point is looked up in to be seen with the levels up to `upto`."""
        return levels[upto : upto + 1] if self.preset.lateral == "planes" else levels[: upto + 1]


class Tri2Plane(PlaneRenderer):
    """A person's avatar.

    With the warp "face" planes lie in the face's own space (`offline.warp.face`): they are looked up where a point of
    the posed, expressive head is in the neutral one. With "neck", as in the paper, an expression moves what they hold.

    `detail_range` [2, 8] is the least and the most that training saw of each detail coefficient, and all that counts of
    one: what lies beyond, where a live tracker goes, has no meaning to the networks.
    """

    detail_range: Tensor

    def __init__(
        self,
        preset: Preset,
        box: Tensor,
        detail_range: Tensor,
        atlas: FaceAtlas | None = None,
        cut: Tensor | None = None,
        frame: Tensor | None = None,
    ) -> None:
        """`box` [2, 3] is the part of head space that the subject takes up, dm; `atlas` is what the warp "face" needs,
        `cut` [2, 2] the sides where the subject goes on beyond the box (none by default), and `frame` [2, 2] where its
        pictures show the face (`Lens.frame`; that of the portrait camera by default)."""
        super().__init__()
        self.register_buffer("detail_range", detail_range.float())
        self.preset = preset
        self.face: FaceWarp | None = None
        if preset.warp == "face":
            if atlas is None:
                raise BadInput(f"preset '{preset.name}' warps the face and needs its atlas")
            self.face = FaceWarp(atlas, box, cut)
        self.register_buffer("box", self.face.box if self.face else box.float())
        self.encoder = MotionEncoder(preset) if preset.encoder else None
        embedded = preset.embedded if preset.encoder else 0
        inputs = embedded + len(EXPRESSIONS) + DETAIL + preset.latent
        self.mapping = StyleMapping(inputs, preset.style, preset.mapping)
        self.generator = StyleGenerator(preset)
        self.decoder = Decoder(preset)
        self.super_resolution = UNet(preset) if preset.super_resolution == "unet" else SuperResolution(preset)
        self.warp = NeckWarp()
        if preset.lens > 1:
            self.lens = Lens(preset.lens, face_frame(portrait_camera(), np.zeros((1, 3))) if frame is None else frame)

    def placed(self, world: Tensor, pose: Tensor, face: Warped | None, middle: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.face is None:
            return super().placed(world, pose, face, middle)
        if face is None:
            raise ValueError("an avatar in the face's own space is shown with an expression (`warped`)")
        return self.face(world, pose, face, middle)

    def warped(self, expression: Tensor) -> Warped | None:
        """The warp's part of expressions [B, 52]; None with the warp "neck", which has none."""
        return self.face.expressed(expression) if self.face else None

    def planes(self, motion_map: Tensor | None, expression: Tensor, detail: Tensor, latent: Tensor) -> list[Tensor]:
        """[B, 6, M, M], [B, 52], [B, 8], [B, γ] → the levels' planes [B, 3, C, H, W], coarse to fine.

        No motion map is taken by a preset that encodes none.
        """
        return self.generator(self.style(motion_map, expression, detail, latent))

    def style(self, motion_map: Tensor | None, expression: Tensor, detail: Tensor, latent: Tensor) -> Tensor:
        """The same to the style [B, style] that the generator works under."""
        known = detail.clamp(self.detail_range[0], self.detail_range[1])
        seen = [self.encoder(motion_map)] if self.encoder else []
        return self.mapping(*seen, expression, known, latent)

    def resting_latent(self, count: int) -> Tensor:
        """γ as inference sees it, [count, γ]: zero.

        γ takes up what a frame shows and its coefficients cannot say, such as light or a collar that shifts, so that
        the networks need not blur over it. A live frame has no such record. So training shows each frame its own γ half
        of the time and zero the other half (`TrainConfig.latent_share`): zero is what every frame was trained with too,
        while no frame ever saw the mean of all γ.
        """
        return self.box.new_zeros(count, self.preset.latent)

    def forward(
        self,
        motion_map: Tensor | None,
        expression: Tensor,
        detail: Tensor,
        latent: Tensor,
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
    ) -> Tensor:
        """The whole picture, premultiplied RGBA [B, 4, P, P], clipped to 0..1."""
        levels = self.planes(motion_map, expression, detail, latent)
        return self.finished(self.whole(levels, pose, intrinsics, extrinsics, face=self.warped(expression)))
