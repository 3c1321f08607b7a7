"""The renderer as CPU engines run it best; `offline.tri2plane.model.Tri2Plane.render` is its readable twin.

What differs is only the order of the arithmetic:
- axes apart: a ray is an affine function of depth in head space and in torso space, so a point's three coordinates are
  three fused multiply-adds on long rows instead of matrix products on rows of three;
- a texel and its three neighbours lie side by side in one row, so a plane costs one gather a point instead of four;
- only the guide's cells that met something, or lie beside one that did, are rendered: the `cells` that show most.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.networks import Decoder
from offline.tri2plane.rendering import composite_weights, even_depths, guided_interval
from runtime.contract.axes import PLANE_AXES

Axes = tuple[Tensor, Tensor, Tensor]
"""x, y and z apart."""


class Fetch(nn.Module):
    """Bilinear features from packed rows; may run in half precision."""

    def forward(self, rows: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        """Rows [T, 4·C], index [M, 3], weights [M, 12] → [M, C]."""
        taps = rows.index_select(0, index.reshape(-1)).reshape(index.shape[0], 12, -1)
        return (taps * weights[..., None]).sum(1)


class Pack(nn.Module):
    """Lays texels beside their neighbours; may run in half precision."""

    def forward(self, planes: Tensor) -> Tensor:
        """[B, H, W, 3, C] → [B·H·W·3, 4·C]: a texel, the one to its right, the one below, and the one below that."""
        width, channels = planes.shape[2], planes.shape[4]
        rows = planes.reshape(-1, channels)
        shifted = [F.pad(rows[shift:], (0, 0, 0, shift)) for shift in (3, 3 * width, 3 * width + 3)]
        return torch.cat([rows, *shifted], 1)


class DensityHead(nn.Module):
    """`Decoder.density`, as a module of its own so that its nodes can be told apart."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, feature: Tensor) -> Tensor:
        return self.decoder.density(feature)


class ColourHead(nn.Module):
    """`Decoder.composed_colour`, likewise."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, weights: Tensor, feature: Tensor, direction: Tensor) -> Tensor:
        return self.decoder.composed_colour(weights, feature, direction)


HALF = (Pack.__name__, Fetch.__name__, DensityHead.__name__, ColourHead.__name__)
"""The modules that may run in half precision; all others hold geometry."""


class FastRenderer(nn.Module):
    """Planes [B, H, W, 3, C], head pose [B, 3, 4], camera → features [B, F, R, R], alpha, depth [B, 1, R, R]."""

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        self.preset = model.preset
        self.box = [[float(v) for v in corner] for corner in model.box]
        self.neck = model.warp.neck
        self.pack = Pack()
        self.fetch = Fetch()
        self.density_head = DensityHead(model.decoder)
        self.colour_head = ColourHead(model.decoder)
        size, rays = model.preset.guide_rays, model.preset.rays
        self.register_buffer("guide_pixels", _pixels(size))
        side = rays // size
        cells = _pixels(rays).reshape(2, size, side, size, side).permute(0, 1, 3, 2, 4)
        self.register_buffer("cell_pixels", cells.reshape(2, size * size, side * side).contiguous())

    guide_pixels: Tensor
    cell_pixels: Tensor

    def forward(
        self, coarse: Tensor, fine: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        preset, b = self.preset, pose.shape[0]
        near, far, worth = self._guide(self.pack(coarse), coarse.shape[1], pose, intrinsics, extrinsics)
        # 1. The cells worth rendering, and their rays
        chosen = worth.topk(preset.cells, dim=1, sorted=False).indices  # [B, K]
        pixels = self.cell_pixels[:, chosen.reshape(-1)].reshape(2, b, -1)  # [2, B, K·side²]
        origin, direction = _world_rays(pixels[0], pixels[1], intrinsics, extrinsics)
        sub = self.cell_pixels.shape[2]
        near, far = (t.gather(1, chosen)[..., None].expand(-1, -1, sub).reshape(b, -1) for t in (near, far))
        # 2. Their samples
        depths, step = even_depths(near, far, preset.samples, jitter=False)
        sigma, feature = self._density(self.pack(fine), fine.shape[1], origin, direction, depths, pose)
        weights = composite_weights(sigma * step)
        seen = F.normalize(torch.stack(direction, -1), dim=-1) @ pose[:, :, :3]
        colour = self.colour_head(weights, feature, seen)
        alpha = weights.sum(1)
        depth = (weights * depths).sum(1)
        depth = depth / alpha.clamp(min=1e-3) * (alpha > 1e-3)
        # 3. Back into the picture
        rows = torch.cat([colour, alpha[..., None], depth[..., None]], 2).reshape(b, preset.cells, -1)
        picture = self._placed(rows, chosen)
        return picture[:, :-2], picture[:, -2:-1], picture[:, -1:]

    @torch.no_grad()
    def needed_cells(self, coarse: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor) -> int:
        """The most cells that any of B pictures fills; the planes are those of the first level, [B, H, W, 3, C]."""
        worth = self._guide(self.pack(coarse), coarse.shape[1], pose, intrinsics, extrinsics)[2]
        return int((worth > 0.02).sum(1).max())

    def _placed(self, rows: Tensor, chosen: Tensor) -> Tensor:
        """What was computed for the chosen cells [B, K, side²·F] as a picture [B, F, R, R], zero elsewhere."""
        b, k, width = rows.shape
        size, rays = self.preset.guide_rays, self.preset.rays
        side = rays // size
        order = torch.arange(k, device=rows.device).expand(b, -1)
        place = torch.full((b, size * size), k, device=rows.device).scatter(1, chosen, order)
        padded = F.pad(rows, (0, 0, 0, 1)).reshape(b * (k + 1), width)
        place = place + torch.arange(b, device=rows.device)[:, None] * (k + 1)
        cells = padded.index_select(0, place.reshape(-1)).reshape(b, size, size, side, side, -1)
        return cells.permute(0, 5, 1, 3, 2, 4).reshape(b, -1, rays, rays)

    def _guide(
        self, rows: Tensor, width: int, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Near, far and worth [B, cells] of each cell; worth is its opacity plus the largest of the 3×3 around it."""
        size, b = self.preset.guide_rays, pose.shape[0]
        pixels = self.guide_pixels[:, None].expand(-1, b, -1)
        origin, direction = _world_rays(pixels[0], pixels[1], intrinsics, extrinsics)
        middle = (extrinsics[:, :, :3] @ pose[:, :, 3:] + extrinsics[:, :, 3:])[:, 2]
        near = (middle - self.box[1][2] - 0.1).expand(-1, size * size)
        far = (middle - self.box[0][2] + 0.1).expand(-1, size * size)
        depths, step = even_depths(near, far, self.preset.guide_samples, jitter=False)
        weights = composite_weights(self._density(rows, width, origin, direction, depths, pose)[0] * step)
        near, far = guided_interval(weights, depths, step, size, size)
        opacity = weights.sum(1).reshape(b, 1, size, size)
        worth = opacity + F.max_pool2d(opacity, 3, 1, 1)  # a cell beside the head counts, one of the head counts more
        return near, far, worth.reshape(b, -1)

    def _density(
        self, rows: Tensor, width: int, origin: Axes, direction: Axes, depths: Tensor, pose: Tensor
    ) -> tuple[Tensor, Tensor]:
        """σ [B, S, N] and features [B, S, N, C] at depths [B, S, N] along rays."""
        b, s, n = depths.shape
        points = self._to_head(origin, direction, depths, pose)
        low, fraction = [], []
        inside = torch.ones_like(depths)
        for axis, point in enumerate(points):
            start, end = self.box[0][axis], self.box[1][axis]
            texel = (point - start) * (width / (end - start)) - 0.5
            clear = texel.clamp(0, width - 1)
            floor = clear.clamp(max=width - 2).floor()
            low.append(floor)
            fraction.append(clear - floor)
            inside = inside * ((texel >= -0.5) & (texel <= width - 0.5)).to(depths.dtype)
        first = (torch.arange(b, device=depths.device) * (width * width * 3)).reshape(b, 1, 1)
        index, weights = [], []
        for plane, (across, down) in enumerate(PLANE_AXES):
            index.append(((low[down] * width + low[across]) * 3 + plane).to(torch.int64) + first)
            x, y = fraction[across], fraction[down]
            weights += [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]
        where = torch.stack(index).reshape(3, -1).t()  # stacking along the first axis is a plain copy
        feature = self.fetch(rows, where, torch.stack(weights).reshape(12, -1).t()).reshape(b, s, n, -1)
        return self.density_head(feature) * inside, feature

    def _to_head(self, origin: Axes, direction: Axes, depths: Tensor, pose: Tensor) -> Axes:
        """`NeckWarp` along rays: x, y and z in head space, [B, S, N] each."""
        rotation, translation = pose[:, :, :3], pose[:, :, 3]
        pivot = pose.new_tensor(self.neck.pivot.tolist())
        shift = (rotation * pivot).sum(2) + translation - pivot  # [B, 3]
        torso = [(origin[a] - shift[:, a : a + 1])[:, None] + direction[a][:, None] * depths for a in range(3)]
        head = []
        for a in range(3):
            start = sum((origin[i] - translation[:, i : i + 1]) * rotation[:, i, a : a + 1] for i in range(3))
            slope = sum(direction[i] * rotation[:, i, a : a + 1] for i in range(3))
            head.append(start[:, None] + slope[:, None] * depths)  # type: ignore[index]
        s = ((torso[1] + self.neck.lean * torso[2] - self.neck.low) / (self.neck.high - self.neck.low)).clamp(0, 1)
        w = s * s * (3 - 2 * s)
        x, y, z = (t + w * (h - t) for t, h in zip(torso, head, strict=True))
        return x, y, z


def _pixels(size: int) -> Tensor:
    """Centres (u, v) of size² pixels, row by row, [2, size²]."""
    centres = (torch.arange(size) + 0.5) / size
    v, u = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([u.reshape(-1), v.reshape(-1)])


def _world_rays(u: Tensor, v: Tensor, intrinsics: Tensor, extrinsics: Tensor) -> tuple[Axes, Axes]:
    """Origins ([B, 1] an axis) and directions ([B, N] an axis) through pixels u, v [B, N]; as `camera_rays`."""
    fx, fy, cx, cy = (intrinsics[:, i : i + 1] for i in range(4))
    across, down = (u - cx) / fx, (v - cy) / fy
    r, t = extrinsics[:, :, :3], extrinsics[:, :, 3]
    directions = tuple(across * r[:, 0, a : a + 1] + down * r[:, 1, a : a + 1] + r[:, 2, a : a + 1] for a in range(3))
    origins = tuple(-(t * r[:, :, a]).sum(1, keepdim=True) for a in range(3))
    return origins, directions  # type: ignore[return-value]
