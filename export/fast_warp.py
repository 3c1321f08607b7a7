"""The warp of the face as CPU engines run it best; `offline.warp.face.FaceWarp.forward` is its readable twin.

Axes apart and all pictures' points in one row, as in `export.fast_rendering`; the maps of the way back are one table
whose rows hold all channels of a node, so that a point takes four fetches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from offline.warp.chart import AXIS, COLUMNS, NEAREST, ROWS, column_of, row_of
from offline.warp.face import (
    BALL,
    BEFORE,
    EYE_PATCH,
    EYES_LARGER,
    FACE_U,
    FACE_Y,
    FALLOFF,
    MOUTH_PATCH,
    SHELL,
    SOFT,
    FaceWarp,
    spread,
)

FACE = ("face", "carried")
"""What the generator's graph hands to the renderer's: the maps [B, ROWS, COLUMNS, 9] and what eyeballs and jaw carry
[B, 3, 3, 4] (`offline.warp.face.Warped`)."""

Axes = tuple[Tensor, Tensor, Tensor]


class FastFaceWarp(nn.Module):
    """Head-space points, [S, M] an axis for the M = B·N rays of B pictures, → places in the planes, and whether they
    hold anything."""

    def __init__(self, warp: FaceWarp) -> None:
        super().__init__()
        self.head_box = [[float(v) for v in corner] for corner in warp.head_box]
        self.cut = warp.cut.tolist()
        self.patches = warp.patches.tolist()
        self.eyes = warp.eyes.tolist()
        self.enlarge, self.eyes_above = warp.enlarge, warp.eyes_above

    def forward(self, points: Axes, at: Axes, face: Tensor, carried: Tensor) -> tuple[Axes, Tensor]:
        """The way back is looked up `at` points [S, M] or, once for the samples of a ray, [1, M]."""
        x, y, z = points
        upper_back, lower_back, by_upper, by_lower, skin = self._back(at, face)
        deep = z + AXIS
        clear = deep.clamp(min=NEAREST)
        out = torch.sqrt(x * x + clear * clear) - skin
        here = (deep > NEAREST).to(x.dtype)
        under = ((out + (SHELL + FALLOFF)) / FALLOFF).clamp(0, 1) * here
        share = under * under * (3 - 2 * under)
        top = by_upper > by_lower
        moved = [p + share * torch.where(top, u, w) for p, u, w in zip(points, upper_back, lower_back, strict=True)]
        near = ~((out > BEFORE) & (deep > NEAREST))
        face_here = ((x / clear).abs() < FACE_U) & (y > FACE_Y[0]) & (y < FACE_Y[1])
        inside = near | ~face_here
        for axis, point in enumerate(points):
            if axis == 2 or not self.cut[0][axis]:
                inside = inside & (point >= self.head_box[0][axis])
            if axis == 2 or not self.cut[1][axis]:
                inside = inside & (point <= self.head_box[1][axis])
            moved[axis] = moved[axis].clamp(self.head_box[0][axis], self.head_box[1][axis])
        moved = spread(moved)
        held = inside.to(x.dtype)
        if self.cut[1][1]:
            held = held * ((self.head_box[1][1] + SOFT - y) / SOFT).clamp(0, 1)
        between = (by_upper < 0) & (by_lower < 0) & (under > 0.5)
        b, s = carried.shape[0], x.shape[0]
        whole = torch.cat([t.reshape(1, s, b, -1) for t in (x, y, z, torch.ones_like(x))]).permute(2, 0, 1, 3)
        bodies = carried.reshape(b, 9, 4) @ whole.reshape(b, 4, -1)  # [B, 9, S·N]
        turned = bodies.reshape(b, 9, s, -1).permute(1, 2, 0, 3).reshape(9, s, -1).unbind(0)
        right, left, jaw = turned[:3], turned[3:6], turned[6:]
        eye, rightwards = y > self.eyes_above, x < 0
        local = [
            torch.where(eye, torch.where(rightwards, r, w), torch.where(top, p, j))
            for p, r, w, j in zip(points, right, left, jaw, strict=True)
        ]
        off_ball = [p - torch.where(rightwards, r, w) for p, r, w in zip(points, *self.eyes, strict=True)]
        beside = eye & (sum(o * o for o in off_ball) > BALL**2)
        enlarge = torch.where(eye, EYES_LARGER * self.enlarge, self.enlarge)
        for axis in range(2):
            (own, there) = (self._chosen(eye, rightwards, top, axis, k) for k in range(2))
            half = torch.where(eye, EYE_PATCH[axis] / 2, MOUTH_PATCH[axis] / 2)
            off = torch.maximum(torch.minimum(local[axis] - own, half), -half)
            moved[axis] = torch.where(between, there + enlarge * off, moved[axis])
        moved[2] = torch.where(between, local[2], moved[2])
        return (moved[0], moved[1], moved[2]), torch.where(between, (near & ~(beside & (out > 0))).to(x.dtype), held)

    def _chosen(self, eye: Tensor, rightwards: Tensor, top: Tensor, axis: int, which: int) -> Tensor:
        """A coordinate of each point's patch: 0 for its middle in its own space, 1 for that in the planes."""
        values = [self.patches[patch][which][axis] for patch in range(4)]
        eyes = torch.where(rightwards, values[0], values[1])
        return torch.where(eye, eyes, torch.where(top, values[2], values[3]))

    def _back(self, at: Axes, face: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor], Tensor, Tensor, Tensor]:
        """Bilinear values of the maps: three and three axes, two claims, the skin's radius, in the shape of `at`."""
        x, y, z = at
        b = face.shape[0]
        column = column_of(x, (z + AXIS).clamp(min=NEAREST)).clamp(0, COLUMNS - 1)
        row = row_of(y).clamp(0, ROWS - 1)
        low_c, low_r = column.clamp(max=COLUMNS - 2).floor(), row.clamp(max=ROWS - 2).floor()
        fc, fr = column - low_c, row - low_r
        picture = torch.arange(b, device=x.device, dtype=x.dtype)[:, None].expand(-1, x.shape[1] // b).reshape(1, -1)
        first = (picture * (ROWS * COLUMNS) + low_r * COLUMNS + low_c).reshape(1, -1)
        index = torch.cat([first, first + 1, first + COLUMNS, first + (COLUMNS + 1)]).to(torch.int64).t()
        weights = torch.cat([t.reshape(1, -1) for t in ((1 - fc) * (1 - fr), fc * (1 - fr), (1 - fc) * fr, fc * fr)])
        table = face.reshape(b * ROWS * COLUMNS, 9)
        taps = table.index_select(0, index.reshape(-1)).reshape(-1, 4, 9)
        values = (taps * weights.t()[..., None]).sum(1).t().reshape(9, x.shape[0], -1).unbind(0)
        return values[:3], values[3:6], values[6], values[7], values[8]
