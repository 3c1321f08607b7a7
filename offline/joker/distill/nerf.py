"""A head as a tri-plane NeRF whose planes are what is learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offline.joker.bank.folder import Base, Planes
from offline.joker.captures.views import BACKGROUND, SHARE
from offline.joker.distill.resizing import resized
from offline.joker.distill.targets import stream
from offline.tri2plane.decoder import Decoder
from offline.tri2plane.layers import upsample
from offline.tri2plane.model import PlaneRenderer, Rendered, Tri2Plane
from offline.tri2plane.presets import Preset
from offline.tri2plane.rendering import camera_rays
from offline.tri2plane.super_resolution import SuperResolution, UNet
from offline.tri2plane.window import window_intrinsics
from offline.warp.face import Warped
from offline.warp.neck import NeckWarp
from runtime.contract.axes import PLANE_AXES
from runtime.errors import BadInput

HEAD_BOX = ((-1.9, -1.9, -1.5), (1.9, 1.75, 1.1))
"""What the planes of a head from one picture cover, low and high corner, dm: all that the views show."""
BLOB = ((0.0, 0.1, -0.15), (0.85, 1.15, 1.0))
"""Middle and half axes of the ellipsoid that a head without an avatar begins as, dm: about a skull's."""
FIRMNESS = 2.0
"""The blob's plane feature at its middle; it is 0 at its surface and falls on outside."""
EDGE = 4
"""Rays around a window that are rendered too, because super-resolution reads them."""


class HeadRenderer(PlaneRenderer):
    """Decoder and super-resolution of a head that no trained avatar stands behind.

    To begin with, the decoder takes the first plane feature for density, which `fresh_planes` makes a blob: where
    nothing is, the guide finds nothing, and a few samples over the whole box learn very slowly.
    """

    def __init__(self, preset: Preset, box: Tensor) -> None:
        super().__init__()
        self.preset = preset
        self.register_buffer("box", box.float())
        self.decoder = Decoder(preset)
        self.super_resolution = UNet(preset) if preset.super_resolution == "unet" else SuperResolution(preset)
        self.warp = NeckWarp()
        with torch.no_grad():
            into, out = self.decoder.density_in, self.decoder.density_out
            into.weight[:2], into.bias[:2] = 0, 0
            into.weight[0, 0], into.weight[1, 0] = 1, -1
            out.weight *= 0.1
            out.weight[0, :2] = torch.tensor([1.0, -1.0])

    @classmethod
    def of(cls, base: Base) -> HeadRenderer:
        """The renderer of a bank of kind "alone". Raises BadInput where a network is missing."""
        made = cls(base.preset, base.box)
        given = dict(base.networks) | {"box": base.box}
        if set(given) != set(made.state_dict()):
            raise BadInput("the bank's networks are not those of its preset; delete base.safetensors and distil again")
        made.load_state_dict(given)
        return made.eval()


def fresh_planes(preset: Preset, generator: torch.Generator) -> Planes:
    """Planes over `HEAD_BOX` to start from where there are none: small noise, and in the first channel a blob.

    ``FIRMNESS · (1 - Σ ((x - c) / a)²)`` is a sum of terms in one coordinate each, so three planes can hold it exactly;
    each coordinate lies in two of them.
    """
    levels = []
    for size in (preset.plane_sizes[0], preset.plane_sizes[-1]):
        level = torch.zeros(3, preset.plane_channels, size, size)
        along = torch.stack([_falling(axis, size) for axis in range(3)])
        for plane, (across, down) in enumerate(PLANE_AXES):
            level[plane, 0] = FIRMNESS / 3 + (along[across][None, :] + along[down][:, None]) / 2
        levels.append(level)
    noise = torch.randn(levels[0].shape, generator=generator) * 0.1
    noise[:, 0] = 0
    return Planes(levels[0] + noise, levels[1] + enlarged(noise, levels[1].shape[-1]))


def _falling(axis: int, size: int) -> Tensor:
    """``-FIRMNESS · ((x - c) / a)²`` at the texels' centres along an axis of the box, [size]."""
    (low, high), centre, half = (corner[axis] for corner in HEAD_BOX), BLOB[0][axis], BLOB[1][axis]
    x = low + (torch.arange(size) + 0.5) / size * (high - low)
    return -FIRMNESS * ((x - centre) / half) ** 2


def enlarged(planes: Tensor, size: int) -> Tensor:
    """Planes [3, C, h, w] at the size of another level, doubled until they fit, as lateral connections do it."""
    while planes.shape[-1] < size:
        planes = upsample(planes)
    return planes


class DistilledHead(nn.Module):
    """Planes that are learned under a renderer, from `start` on.

    What is learned is what to add to the coarse level, which the fine level inherits as in `StyleGenerator`, and what
    to add to the fine level alone. So the level that guides the samples follows the surface that the fine level finds.
    """

    def __init__(self, renderer: PlaneRenderer, start: Planes, expression: Tensor | None = None) -> None:
        """`expression` [1, 52] is what an avatar in the face's own space shows its planes with."""
        super().__init__()
        if renderer.preset.lateral != "planes":
            raise BadInput(f"preset '{renderer.preset.name}' does not add up its planes; take an avatar of another one")
        self.renderer = renderer
        self.expression = expression
        self.coarse_start: Tensor
        self.fine_start: Tensor
        self.register_buffer("coarse_start", start.coarse.clone())
        self.register_buffer("fine_start", start.fine.clone())
        self.coarse_added = nn.Parameter(torch.zeros_like(start.coarse))
        self.fine_added = nn.Parameter(torch.zeros_like(start.fine))

    @classmethod
    def fresh(cls, preset: Preset, seed: int = 0) -> DistilledHead:
        """A head to learn from nothing, with networks of its own; drawn from `seed`."""
        torch.manual_seed(seed)
        return cls(HeadRenderer(preset, torch.tensor(HEAD_BOX)), fresh_planes(preset, stream(seed)))

    @property
    def planes(self) -> Planes:
        """Both levels as they are now; they carry gradients."""
        moved = enlarged(self.coarse_added, self.fine_start.shape[-1]) + self.fine_added
        return Planes(self.coarse_start + self.coarse_added, self.fine_start + moved)

    @property
    def added(self) -> list[Tensor]:
        """What is learned of the planes."""
        return [self.coarse_added, self.fine_added]

    @property
    def start(self) -> Planes:
        """Both levels as they were."""
        return Planes(self.coarse_start, self.fine_start)

    def shown(self, cameras: tuple[Tensor, Tensor], size: int) -> Tensor:
        """Whole pictures over the background [V, 3, size, size] from cameras (intrinsics [V, 4], extrinsics)."""
        return self.window(cameras, (0.0, 0.0), 1.0, size)[0]

    def window(
        self, cameras: tuple[Tensor, Tensor], corner: tuple[float, float], share: float, size: int
    ) -> tuple[Tensor, Tensor]:
        """Windows of the pictures over the background [V, 3, size, size], and their rays' opacity [V, 1, r, r].

        A window is `share` wide from (left, top) on, all fractions.
        """
        if share == 1:
            rendered = self.rendered(cameras, self.rays)
            return resized(self._composed(rendered), size), rendered.alpha
        rays = round(self.rays * share)
        wide, edge = (rays + 2 * EDGE) / self.rays, EDGE / self.rays
        left, top = (torch.full_like(cameras[0][:, 0], value - edge) for value in corner)
        grown = self.rendered((window_intrinsics(cameras[0], left, top, wide), cameras[1]), rays + 2 * EDGE)
        cut = EDGE * self.renderer.preset.picture // self.renderer.preset.rays
        inner = self._composed(grown)[..., cut:-cut, cut:-cut]
        return resized(inner, size), grown.alpha[..., EDGE:-EDGE, EDGE:-EDGE]

    def guide(self, cameras: tuple[Tensor, Tensor]) -> Tensor:
        """The coarse level alone, over the background, [V, 3, G, G], sampled evenly from near to far."""
        intrinsics, extrinsics = cameras
        preset, pose = self.renderer.preset, self._pose(len(intrinsics))
        size = self.guide_size
        near, far = (t[:, None].expand(-1, size * size) for t in self.renderer.near_far(pose, extrinsics))
        rays = camera_rays(intrinsics, extrinsics, size)
        level = self.planes.coarse[None].expand(len(pose), -1, -1, -1, -1)
        made = self.renderer.compose([level], rays, near, far, preset.guide_samples, pose, self._face(pose))
        return made.features[:, :3] + BACKGROUND * (1 - made.alpha)

    def rendered(self, cameras: tuple[Tensor, Tensor], rays: int) -> Rendered:
        """What volume rendering gives for rays × rays, guided by the coarse level."""
        intrinsics, extrinsics = cameras
        pose = self._pose(len(intrinsics))
        levels = [level[None].expand(len(pose), -1, -1, -1, -1) for level in self.planes]
        return self.renderer.render(levels, 1, pose, intrinsics, extrinsics, rays, self._face(pose))

    @property
    def guide_size(self) -> int:
        """Width of the coarse level's own picture, pixels."""
        return round(self.renderer.preset.guide_rays * SHARE)

    @property
    def rays(self) -> int:
        """Rays along a side of the head's picture, with the footprint of the portrait's."""
        return round(self.renderer.preset.rays * SHARE)

    def _composed(self, rendered: Rendered) -> Tensor:
        picture = self.renderer.super_resolution(rendered.features, rendered.alpha)
        return picture[:, :3] + BACKGROUND * (1 - picture[:, 3:])

    def _face(self, pose: Tensor) -> Warped | None:
        if self.expression is None or not isinstance(self.renderer, Tri2Plane):
            return None
        return self.renderer.warped(self.expression.to(pose.device).expand(len(pose), -1))

    def _pose(self, count: int) -> Tensor:
        return torch.eye(3, 4, device=self.coarse_added.device).expand(count, -1, -1)
