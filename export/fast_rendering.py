"""The renderer as CPU engines run it best; `offline.tri2plane.model.Tri2Plane.render` is its readable twin.

What differs is only the order of the arithmetic:
- axes apart: a ray is an affine function of depth in head space and in torso space, so a point's three coordinates are
  three fused multiply-adds on long rows instead of matrix products on rows of three;
- the rays of all pictures lie in one row, [S, M] for S samples on M rays: engines pad the middle one of three axes;
- a texel and the one to its right lie side by side, so a plane costs two fetches a point instead of four;
- only the guide's cells that met something, or lie beside one that did, are rendered: the `cells` that show most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.fast_warp import FastFaceWarp
from offline.tri2plane.decoder import Decoder
from offline.tri2plane.lens import Lens
from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.rendering import (
    NARROW_ROOM,
    NOWHERE,
    composite_weights,
    even_depths,
    guided_interval,
    met_interval,
    united,
)
from offline.warp.neck import head_share
from runtime.contract.axes import PLANE_AXES

Axes = tuple[Tensor, Tensor, Tensor]
"""x, y and z apart."""
Warped = tuple[Tensor, Tensor] | None
"""What `export.fast_warp.FACE` names, of an avatar in the face's own space."""


class Table(NamedTuple):
    """Planes as points are looked up in them, laid out once for all who do."""

    pairs: Tensor
    """[T, 2·C], of `Pack`."""
    width: int
    """Of a plane, texels."""


class Fetch(nn.Module):
    """Bilinear features from a table of pairs; may run in half precision."""

    def forward(self, table: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        """Table [T, 2·C], the M points' pairs [M, 6] and weights [12, M] of these pairs' texels → [M, C]."""
        taps = table.index_select(0, index.reshape(-1)).reshape(index.shape[0], 12, -1)
        return (taps * weights.t()[..., None]).sum(1)


class Pack(nn.Module):
    """Lays texels beside their right neighbours; may run in half precision."""

    def forward(self, planes: Tensor) -> Tensor:
        """[B, 3, H, W, C] → [3·B·H·W, 2·C]: all pairs that begin at an even texel, then all that begin at an odd one.

        The last pair of the second half wraps round; no point asks for it.
        """
        flat = planes.reshape(-1)
        channels = planes.shape[4]
        return torch.cat([flat, flat[channels:], flat[:channels]]).reshape(-1, 2 * channels)


class Place(nn.Module):
    """Puts rows where the picture has them; may run in half precision."""

    def forward(self, rows: Tensor, index: Tensor) -> Tensor:
        """Rows [K, F], index [B, R, R] into them, K for an empty pixel → [B, F, R, R]."""
        padded = F.pad(rows, (0, 0, 0, 1))
        return padded.index_select(0, index.reshape(-1)).reshape(*index.shape, -1).permute(0, 3, 1, 2)


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

    def forward(self, weights: Tensor, feature: Tensor, encoded: Tensor) -> Tensor:
        """Weights [S, M], features [S, M, C], encoded directions [3 + 6·bands, M] → [M, F]."""
        bias = self.decoder.colour_direction(encoded.t())
        return self.decoder.composed_colour(weights[None], feature[None], bias[None])[0]


COLOURS = "place_colours"
HALF = (Pack.__name__, Fetch.__name__, DensityHead.__name__, ColourHead.__name__, COLOURS)
"""The modules (by class or by name) that may run in half precision; all others hold geometry."""


class FastRenderer(nn.Module):
    """Planes [B, 3, H, W, C], head pose [B, 3, 4], camera → features [B, F, R, R], alpha, depth [B, 1, R, R]."""

    def __init__(self, model: Tri2Plane) -> None:
        super().__init__()
        self.preset = model.preset
        self.box = [[float(v) for v in corner] for corner in model.box]
        self.neck = model.warp.neck
        self.face = FastFaceWarp(model.face) if model.face else None
        self.pack = Pack()
        self.fetch = Fetch()
        self.density_head = DensityHead(model.decoder)
        self.colour_head = ColourHead(model.decoder)
        self.place_colours = Place()
        self.place = Place()
        size, rays = model.preset.guide_rays, model.preset.rays
        side = rays // size
        self.register_buffer("guide_pixels", _pixels(size, model.lens))
        self.register_buffer("cell_pixels", _cells(_pixels(rays, model.lens), size).contiguous())
        self.register_buffer("places", _places(rays, size))
        if model.preset.narrows:
            narrow = model.preset.narrow_rays
            self.register_buffer("narrow_pixels", _cells(_pixels(narrow, model.lens), size).contiguous())
            self.register_buffer("narrow_places", _places(narrow, size))
            across = torch.arange(side) * narrow // rays
            self.register_buffer("within_narrow", (across[:, None] * (narrow // size) + across).reshape(-1))

    guide_pixels: Tensor
    cell_pixels: Tensor
    """[2, cells, side²], (u, v) of each cell's pixels."""
    places: Tensor
    """[2, R²], each pixel's cell and its number within it."""
    narrow_pixels: Tensor
    narrow_places: Tensor
    """The same two of the rays that narrow the guide's intervals."""
    within_narrow: Tensor
    """[side²], which of its cell's narrowing rays stands for each pixel of a cell."""

    def forward(
        self,
        coarse: Tensor,
        fine: Tensor,
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
        face: Tensor | None = None,
        carried: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`face` and `carried` are of an avatar in the face's own space (`export.fast_warp`)."""
        preset, b = self.preset, pose.shape[0]
        warped = None if face is None or carried is None else (face, carried)
        near, far, worth = self._guide(coarse, pose, intrinsics, extrinsics, warped)
        table = self._table(fine)
        # 1. The cells worth rendering, and their rays
        chosen = worth.topk(preset.cells, dim=1, sorted=False).indices  # [B, K]
        pixels = self.cell_pixels[:, chosen.reshape(-1)].reshape(2, b, -1)  # [2, B, K·side²]
        rays = _world_rays(pixels[0], pixels[1], intrinsics, extrinsics)
        ends = near.gather(1, chosen), far.gather(1, chosen)
        if preset.narrows:
            near, far = self._narrowed(table, chosen, ends, pose, intrinsics, extrinsics, warped)
        else:
            near, far = (_spread(end, self.cell_pixels.shape[2]) for end in ends)
        # 2. Their samples
        depths, step = even_depths(near, far, preset.samples, jitter=False)
        sigma, feature = self._density(table, rays, depths[0], pose, warped, (near + far) / 2)
        weights = composite_weights((sigma * step[0])[None])[0]
        colour = self.colour_head(weights, feature, self._seen(rays[1], pose))
        alpha = weights.sum(0)
        depth = (weights * depths[0]).sum(0)
        depth = depth / alpha.clamp(min=1e-3) * (alpha > 1e-3)
        # 3. Back into the picture
        index = _index(chosen, self.places, self.cell_pixels.shape[1:]).reshape(b, preset.rays, preset.rays)
        rest = self.place(_rows((alpha, depth)).t(), index)
        return self.place_colours(colour, index), rest[:, :1], rest[:, 1:]

    @torch.no_grad()
    def needed_cells(
        self, coarse: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor, warped: Warped = None
    ) -> int:
        """The most cells that any of B pictures fills; the planes are those of the first level, [B, 3, H, W, C]."""
        worth = self._guide(coarse, pose, intrinsics, extrinsics, warped)[2]
        return int((worth > 0.02).sum(1).max())

    def _guide(
        self, coarse: Tensor, pose: Tensor, intrinsics: Tensor, extrinsics: Tensor, warped: Warped
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Near, far and worth [B, cells] of each cell; worth is its opacity plus the largest of the 3×3 around it."""
        size, b = self.preset.guide_rays, pose.shape[0]
        pixels = self.guide_pixels[:, None].expand(-1, b, -1)
        rays = _world_rays(pixels[0], pixels[1], intrinsics, extrinsics)
        middle = (extrinsics[:, :, :3] @ pose[:, :, 3:] + extrinsics[:, :, 3:])[:, 2]
        near = (middle - self.box[1][2] - 0.1).expand(-1, size * size).reshape(1, -1)
        far = (middle - self.box[0][2] + 0.1).expand(-1, size * size).reshape(1, -1)
        depths, step = even_depths(near, far, self.preset.guide_samples, jitter=False)
        weights = composite_weights(self._density(self._table(coarse), rays, depths[0], pose, warped)[0][None] * step)
        weights, depths, step = (t.reshape(-1, b, size * size).transpose(0, 1) for t in (weights, depths, step))
        near, far = guided_interval(weights, depths, step, size, size)
        opacity = weights.sum(1).reshape(b, 1, size, size)
        worth = opacity + F.max_pool2d(opacity, 3, 1, 1)  # a cell beside the head counts, one of the head counts more
        return near, far, worth.reshape(b, -1)

    def _narrowed(
        self,
        table: Table,
        chosen: Tensor,
        ends: tuple[Tensor, Tensor],
        pose: Tensor,
        intrinsics: Tensor,
        extrinsics: Tensor,
        warped: Warped,
    ) -> tuple[Tensor, Tensor]:
        """Near and far [1, B·K·side²] of the rays of the chosen cells [B, K], from `ends` [B, K] of each cell."""
        b, size, sub = pose.shape[0], self.preset.narrow_rays, self.narrow_pixels.shape[2]
        pixels = self.narrow_pixels[:, chosen.reshape(-1)].reshape(2, b, -1)
        rays = _world_rays(pixels[0], pixels[1], intrinsics, extrinsics)
        low, high = (_spread(end, sub) for end in ends)
        depths, step = even_depths(low, high, self.preset.narrow_samples, jitter=False)
        sigma = self._density(table, rays, depths[0], pose, warped, (low + high) / 2)[0]
        weights = composite_weights((sigma * step[0])[None])
        index = _index(chosen, self.narrow_places, self.narrow_pixels.shape[1:])
        found = []
        for met, beyond in zip(met_interval(weights, depths, step, NARROW_ROOM), (NOWHERE, -NOWHERE), strict=True):
            everywhere = F.pad(met[0], (0, 1), value=beyond).index_select(0, index.reshape(-1))
            found.append(everywhere.reshape(b, 1, size, size))
        cells = self.preset.guide_rays
        near, far = (
            _cells(t.reshape(b, -1), cells).gather(1, chosen[..., None].expand(-1, -1, sub)).reshape(1, -1)
            for t in united(*found)
        )
        nothing = near >= far
        near, far = torch.where(nothing, depths[0, :1], near), torch.where(nothing, depths[0, -1:], far)
        near, far = (t.reshape(-1, sub).index_select(1, self.within_narrow).reshape(1, -1) for t in (near, far))
        return near, far

    def _table(self, planes: Tensor) -> Table:
        return Table(self.pack(planes), planes.shape[3])

    def _density(
        self,
        table: Table,
        rays: tuple[Axes, Axes],
        depths: Tensor,
        pose: Tensor,
        warped: Warped,
        middle: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """σ [S, M] and features [S, M, C] at depths [S, M] along the rays of B pictures, M = B·N; `middle` [1, M] is
        where the samples of led rays are."""
        b, width = pose.shape[0], table.width
        odd_pairs = b * 3 * width * (width // 2)
        low, column, fraction = [], [], []
        inside = torch.ones_like(depths)
        places = self._to_head(*rays, depths, pose)
        if self.face and warped:
            at = places if middle is None else self._to_head(*rays, middle, pose)
            places, inside = self.face(places, at, *warped)
        for axis, point in enumerate(places):
            start, end = self.box[0][axis], self.box[1][axis]
            texel = (point - start) * (width / (end - start)) - 0.5
            clear = texel.clamp(0, width - 1)
            floor = clear.clamp(max=width - 2).floor()
            half = (floor * 0.5).floor()
            low.append(floor)
            column.append(half + (floor - 2 * half) * odd_pairs)
            fraction.append(clear - floor)
            if not self.face:
                inside = inside * ((texel >= -0.5) & (texel <= width - 0.5)).to(depths.dtype)
        picture = torch.arange(b, device=depths.device, dtype=depths.dtype)[:, None].expand(-1, depths.shape[1] // b)
        picture = picture.reshape(1, -1) * (3 * width * (width // 2))
        upper, lower, index = [], [], []
        for plane, (across, down) in enumerate(PLANE_AXES):
            index.append(column[across] + low[down] * (width // 2) + (picture + plane * width * (width // 2)))
            x, y = fraction[across], fraction[down]
            upper += [(1 - x) * (1 - y), x * (1 - y)]
            lower += [(1 - x) * y, x * y]
        first = _rows(index)
        both = torch.cat([first, first + width // 2]).to(torch.int64).t()
        feature = self.fetch(table.pairs, both, _rows(upper + lower))
        feature = feature.reshape(*depths.shape, -1)
        return self.density_head(feature) * inside, feature

    def _to_head(self, origin: Axes, direction: Axes, depths: Tensor, pose: Tensor) -> Axes:
        """`NeckWarp` along rays: x, y and z in head space at depths [S, M], [S, M] each."""
        rotation, translation = pose[:, :, :3], pose[:, :, 3]
        pivot = pose.new_tensor(self.neck.pivot.tolist())
        shift = (rotation * pivot).sum(2) + translation - pivot  # [B, 3]
        turned = _turned(direction, rotation)
        torso, head = [], []
        for a in range(3):
            start = origin[a] - shift[:, a : a + 1]
            torso.append(_row(start, direction[a]) + direction[a].reshape(1, -1) * depths)
            start = sum((origin[i] - translation[:, i : i + 1]) * rotation[:, i, a : a + 1] for i in range(3))  # type: ignore[assignment]
            head.append(_row(start, direction[a]) + turned[a].reshape(1, -1) * depths)
        w = head_share(self.neck, torso[1], torso[2])
        x, y, z = (t + w * (h - t) for t, h in zip(torso, head, strict=True))
        return x, y, z

    def _seen(self, direction: Axes, pose: Tensor) -> Tensor:
        """Encoded unit directions in head space, [3 + 6·bands, M]: `encode_direction` with its axes first."""
        turned = _rows(_turned(direction, pose[:, :, :3]))
        unit = turned / turned.square().sum(0, keepdim=True).sqrt()
        parts = [unit]
        for band in range(self.preset.direction_bands):
            parts += [torch.sin(unit * 2**band), torch.cos(unit * 2**band)]
        return torch.cat(parts)


def _turned(direction: Axes, rotation: Tensor) -> Axes:
    """Directions [B, N] an axis in the frame whose axes are the columns of [B, 3, 3]."""
    x, y, z = (sum(direction[i] * rotation[:, i, a : a + 1] for i in range(3)) for a in range(3))
    return x, y, z  # type: ignore[return-value]


def _row(per_picture: Tensor, like: Tensor) -> Tensor:
    """[B, 1] → [1, B·N], repeated over each picture's N rays."""
    return per_picture.expand_as(like).reshape(1, -1)


def _rows(tensors: Sequence[Tensor]) -> Tensor:
    """Each tensor as one row. Not `stack`: OpenVINO forgets that what `stack` is made of must stay in float32."""
    return torch.cat([t.reshape(1, -1) for t in tensors])


def _cells(pixels: Tensor, size: int) -> Tensor:
    """[X, R²] row by row → [X, size², side²], cell by cell of size × size."""
    x, side = pixels.shape[0], int(pixels.shape[1] ** 0.5) // size
    return pixels.reshape(x, size, side, size, side).permute(0, 1, 3, 2, 4).reshape(x, size * size, side * side)


def _places(rays: int, size: int) -> Tensor:
    """[2, rays²], the cell of size² that each of the rays is in, and its number there."""
    side = rays // size
    cell, within = torch.arange(size**2)[:, None].expand(-1, side**2), torch.arange(side**2).expand(size**2, -1)
    places = torch.empty(2, rays * rays, dtype=torch.long)
    places[:, _cells(torch.arange(rays * rays)[None], size).reshape(-1)] = torch.stack([cell, within]).flatten(1)
    return places


def _index(chosen: Tensor, places: Tensor, cells: Sequence[int]) -> Tensor:
    """Which of the B·K·side² rays in chosen cells [B, K] each of the rays at `places` is, [B, R²]; the number after the
    last where its cell was not chosen. `cells` are how many there are, and how many rays are in each."""
    b, k = chosen.shape
    count, sub = cells
    order = torch.arange(b * k, device=chosen.device).reshape(b, k)
    nowhere = torch.full((b, count), b * k, device=chosen.device)
    slot = nowhere.scatter(1, chosen, order)[:, places[0]]
    return (slot * sub + places[1]).clamp(max=b * k * sub)


def _spread(per_cell: Tensor, count: int) -> Tensor:
    """[B, K] → [1, B·K·count], each value for all rays of its cell."""
    return per_cell[..., None].expand(-1, -1, count).reshape(1, -1)


def _pixels(size: int, lens: Lens | None) -> Tensor:
    """Where the centres of size² pixels are in the picture, (u, v), row by row, [2, size²]."""
    centres = ((torch.arange(size) + 0.5) / size).expand(2, -1)
    across, down = lens.picture(centres) if lens else centres
    v, u = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([u.reshape(-1), v.reshape(-1)])


def _world_rays(u: Tensor, v: Tensor, intrinsics: Tensor, extrinsics: Tensor) -> tuple[Axes, Axes]:
    """Origins ([B, 1] an axis) and directions ([B, N] an axis) through pixels u, v [B, N]; as `camera_rays`."""
    fx, fy, cx, cy = (intrinsics[:, i : i + 1] for i in range(4))
    across, down = (u - cx) / fx, (v - cy) / fy
    r, t = extrinsics[:, :, :3], extrinsics[:, :, 3]
    directions = tuple(across * r[:, 0, a : a + 1] + down * r[:, 1, a : a + 1] + r[:, 2, a : a + 1] for a in range(3))
    origins = tuple(-(t * r[:, :, a]).sum(1, keepdim=True) for a in range(3))
    return origins, directions  # type: ignore[return-value]
