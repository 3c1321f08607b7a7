"""From a subject, a moment and a camera to colour, alpha, depth and normals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from offline.studio.identity import Identity
from offline.studio.light import occlusion, shade, to_display
from offline.studio.manner import PLAIN, Manner
from offline.studio.paint import paint
from offline.studio.scene import Scene, build_scene
from offline.studio.trace import CHUNK, along, normals, trace
from runtime.contract.axes import Array, Camera
from runtime.contract.drive import DriveState

COARSE = 8
REACH = 3.2
"""The subject lies within this distance (dm) of the camera's nearest and farthest look at the world's origin."""
_SUBPIXELS = ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125))


class Render(NamedTuple):
    """A picture; rows run downwards."""

    color: Array
    """[H, W, 3] display values 0..1, premultiplied by alpha."""
    alpha: Array
    """[H, W] coverage 0..1."""
    depth: Array
    """[H, W] along the camera's +z, dm; 0 where nothing is hit."""
    normals: Array
    """[H, W, 3] unit, world space; 0 where nothing is hit."""

    def rgba(self) -> NDArray[np.uint8]:
        """8-bit RGBA with straight alpha [H, W, 4]."""
        straight = self.color / np.maximum(self.alpha, 1e-3)[..., None]
        return (np.concatenate([straight, self.alpha[..., None]], -1).clip(0, 1) * 255 + 0.5).astype(np.uint8)

    def over(self, background: tuple[float, float, float]) -> NDArray[np.uint8]:
        """8-bit RGB [H, W, 3] on a plain background (display values 0..1)."""
        rgb = self.color + (1 - self.alpha[..., None]) * np.array(background, np.float32)
        return (rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)


class _Samples(NamedTuple):
    colour: Tensor
    hit: Tensor
    depth: Tensor
    normal: Tensor


@torch.no_grad()
def render(
    identity: Identity,
    state: DriveState,
    camera: Camera,
    size: int,
    manner: Manner = PLAIN,
    *,
    antialias: bool = True,
    compiled: bool = False,
) -> Render:
    """Render a square picture of `size` pixels. With `antialias`, pixels at edges are averages of four rays.

    `compiled` pays off from some fifty pictures on; see `build_scene`.
    """
    scene = build_scene(identity, state, manner, compiled=compiled)
    origin, directions = (torch.from_numpy(a) for a in camera.rays(size))
    directions = directions.permute(2, 0, 1).contiguous()
    near = _near(scene, origin, directions, camera, size)
    rays = torch.nonzero(torch.isfinite(near).reshape(-1))[:, 0]
    flat = directions.reshape(3, -1)
    samples = _sample(scene, origin, flat[:, rays], near.reshape(-1)[rays], size)
    colour, hit = torch.zeros(3, size * size), torch.zeros(size * size)
    depth, normal = torch.zeros(size * size), torch.zeros(3, size * size)
    colour[:, rays], hit[rays] = samples.colour, samples.hit.float()
    depth[rays], normal[:, rays] = samples.depth, samples.normal
    alpha = hit
    if antialias:
        colour, alpha = _antialiased(scene, origin, directions, near, colour, hit, depth, size)
    image = (colour.reshape(3, size, size).permute(1, 2, 0), alpha.reshape(size, size), depth.reshape(size, size),
             normal.reshape(3, size, size).permute(1, 2, 0))  # fmt: skip
    return Render(*(np.ascontiguousarray(t.numpy()) for t in image))


def _near(scene: Scene, origin: Tensor, directions: Tensor, camera: Camera, size: int) -> Tensor:
    """A depth [size, size] in front of the surface for every pixel, infinite where there is nothing.

    A coarse picture is traced; a pixel starts a little before the nearest depth of the coarse ones around it.
    """
    n = max(size // COARSE, 8)
    _, coarse = camera.rays(n)
    flat = torch.from_numpy(coarse).permute(2, 0, 1).reshape(3, -1)
    centre = float(camera.extrinsics[2, 3])
    cell = 1.0 / (n * float(camera.intrinsics[0]))
    start = torch.full((n * n,), centre - REACH)
    hits = trace(scene.distance, origin, flat, start, centre + REACH, tolerance=0.6 * cell * centre)
    close = hits.hit | (hits.approach < 1.5 * cell)
    depth = torch.where(hits.hit, hits.depth, torch.where(close, hits.depth.clamp(max=centre + 1.0), torch.inf))
    pooled = -max_pool2d(-depth.reshape(1, 1, n, n), 3, 1, 1)
    pooled = torch.where(pooled.isfinite(), pooled - 0.10, pooled)
    return interpolate(pooled, size=(size, size), mode="nearest")[0, 0].clamp(min=centre - REACH)


def _sample(scene: Scene, origin: Tensor, directions: Tensor, near: Tensor, size: int) -> _Samples:
    """Trace, paint and light rays [3, N] from depths `near` [N]."""
    far = float(near.min()) + 2 * REACH
    hits = trace(scene.distance, origin, directions, near, far, tolerance=0.8 / size)
    found = torch.nonzero(hits.hit)[:, 0]
    colour, normal = torch.zeros_like(directions), torch.zeros_like(directions)
    if found.numel():
        rays = directions[:, found]
        chunks = zip(rays.split(CHUNK, 1), hits.depth[found].split(CHUNK), strict=True)
        surface = [_surface_chunk(scene, origin, *chunk, size) for chunk in chunks]
        colour[:, found], normal[:, found] = (torch.cat(column, 1) for column in zip(*surface, strict=True))
    return _Samples(colour, hits.hit, torch.where(hits.hit, hits.depth, 0.0), normal)


def _surface_chunk(scene: Scene, origin: Tensor, rays: Tensor, depth: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Display colour and normal, both [3, N], where rays meet the surface."""
    p = along(origin, rays, depth)
    surface = scene.surface(p)
    n = normals(scene.distance, p, surface.distances.amin(0), epsilon=1.5 / size)
    coat = paint(surface, scene.rig, scene.identity)
    view = -rays * torch.rsqrt((rays * rays).sum(0))
    return to_display(shade(coat, n, view, *occlusion(scene.distance, p, n))), torch.stack(n)


def _just_before(depth: Tensor, near: Tensor) -> Tensor:
    """Where to start between the pixels of a traced depth [H, W] (0: nothing): before the nearest one around."""
    seen = torch.where(depth > 0, depth, torch.inf)
    nearest = -max_pool2d(-seen[None, None], 5, 1, 2)[0, 0]
    return torch.maximum(near, torch.where(nearest.isfinite(), nearest - 0.03, near))


def _antialiased(
    scene: Scene,
    origin: Tensor,
    directions: Tensor,
    near: Tensor,
    colour: Tensor,
    hit: Tensor,
    depth: Tensor,
    size: int,
) -> tuple[Tensor, Tensor]:
    """Colour (premultiplied) and alpha with the pixels at edges replaced by averages over four rays."""
    picture = torch.cat([colour, hit[None], depth[None] * 0.7]).reshape(1, 5, size, size)
    spread = max_pool2d(picture, 3, 1, 1) + max_pool2d(-picture, 3, 1, 1)
    edge = (spread[0, :4].amax(0) > 0.14) | (spread[0, 4] > 0.10)
    edge &= torch.isfinite(near)
    chosen = torch.nonzero(edge.reshape(-1))[:, 0]
    flat = directions.reshape(3, -1)[:, chosen]
    start = _just_before(depth.reshape(size, size), near).reshape(-1)[chosen]
    step_x = directions[:, 0, 1] - directions[:, 0, 0]
    step_y = directions[:, 1, 0] - directions[:, 0, 0]
    shifted = [flat + (step_x * dx + step_y * dy)[:, None] for dx, dy in _SUBPIXELS]
    samples = _sample(scene, origin, torch.cat(shifted, 1), start.repeat(len(_SUBPIXELS)), size)
    colour, alpha = colour.clone(), hit.clone()
    colour[:, chosen] = samples.colour.reshape(3, len(_SUBPIXELS), -1).mean(1)
    alpha[chosen] = samples.hit.float().reshape(len(_SUBPIXELS), -1).mean(0)
    return colour, alpha
