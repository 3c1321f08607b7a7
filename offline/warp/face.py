"""The warp of the face for torch: from posed, expressive heads to the neutral head that the planes hold.

``x_neutral + D(x_neutral) = x_expressive`` is solved once a frame at the nodes of the chart (`inverse_maps`), by
Newton's method in the chart's two dimensions; a sample point then looks the result up, once. What lies between the lids
or the lips has no neutral place: it is carried by its eyeball, the skull or the jaw instead, into a *patch* of the
planes of its own, above the head, where nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from offline.precision import in_float32
from offline.warp.atlas import FaceAtlas
from offline.warp.chart import AXIS, COLUMNS, HEIGHTS, NEAREST, ROWS, SIDES, Crowd, column_of, crowded, row_of
from offline.warp.neck import NeckWarp
from runtime.contract.drive import GAZE_PITCH, GAZE_YAW, INDEX

STEPS = 6
"""Newton steps; the residual is then below a tenth of a millimetre (tests/warp)."""
SEARCH, SEARCH_STEP = 10, 3
"""How many places above and below a node are looked at for a start, and how many nodes apart."""
LEAST_STRETCH = 0.5
"""Least determinant of the map's Jacobian that a step believes."""
FARTHEST = 6.0
"""Nodes that a step moves at most."""
SHELL, FALLOFF = 0.3, 0.3
"""dm under the skin that go with it wholly, and over how many more the movement ends."""
BALL = 0.2
"""dm from an eyeball's middle within which its patch holds anything that is before the skin: what is wet."""
BEFORE = 0.4
"""dm before the skin within which there may be anything, such as a tongue or glasses."""
FACE_U, FACE_Y = 0.45, (-0.65, 0.55)
"""Where the chart shows the face without hair or beard, either side and from chin to brows."""
EYE_PATCH = (0.36, 0.26)
MOUTH_PATCH = (0.84, 0.36)
"""Width and height, dm, of what a patch holds."""
BITE = 0.12
"""How much of a mouth's patch lies on the other side of the lips' line, dm."""
SOFT = 0.25
"""dm over which a head that the picture cuts off above ends."""
SPREAD: Sequence[Sequence[Crowd]] = (((0.0, 0.5, 1.5),), ((0.33, 0.25, 0.75), (-0.45, 0.25, 0.7)), ())
"""Along x, y and z: where planes hold the head larger, over how much, and by how many dm each way (`chart.crowded`):
the face, in it the eyes and the mouth. A texel is there hardly wider than rays through the lens are apart."""
GAP = 0.06
"""Between two patches, and between them and the head, dm of the planes."""
LARGEST, EYES_LARGER = 2.5, 1.6
"""Largest enlargement of the mouth's patches in the planes, and by how much more eyes are enlarged."""


@dataclass(frozen=True)
class Warped:
    """A batch's expressions, ready for points."""

    maps: Tensor
    """[B, 9, ROWS, COLUMNS]: the way back by the upper and by the lower sheet, three each; how far inside its own side
    of the openings a point is by either; the posed skin's radius. dm."""
    carried: Tensor
    """[B, 3, 3, 4], what takes head space into that of the right eyeball, the left eyeball and the jaw."""


class FaceWarp(nn.Module):
    """World points under a head pose and an expression → where the planes hold them."""

    rest: Tensor
    radius: Tensor
    displacements: Tensor
    claims: Tensor
    mouth: Tensor
    eyes: Tensor
    eye_share: Tensor
    jaw_hinge: Tensor
    jaw_moves: Tensor
    sides: Tensor
    heights: Tensor
    head_box: Tensor
    cut: Tensor
    patches: Tensor
    """[4, 2, 2]: of the right eye, the left eye, what the skull carries and what the jaw carries of the mouth, the
    middle of the patch in its own space, and in the planes; x and y."""

    def __init__(self, atlas: FaceAtlas, head_box: Tensor, cut: Tensor | None = None) -> None:
        """`head_box` [2, 3] is the part of head space that the subject takes up, dm. Where one of its sides in x and y
        is `cut` [2, 2], the subject goes on beyond it: as it is at that side, or, above, ending softly."""
        super().__init__()
        self.neck = NeckWarp()
        for name in (
            "rest",
            "radius",
            "displacements",
            "claims",
            "mouth",
            "eyes",
            "eye_share",
            "jaw_hinge",
            "jaw_moves",
        ):
            self.register_buffer(name, torch.as_tensor(getattr(atlas, name)), persistent=False)
        self.register_buffer("head_box", head_box.float())
        self.register_buffer("cut", torch.zeros(2, 2, dtype=torch.bool) if cut is None else cut.clone())
        self.register_buffer("sides", torch.tensor(SIDES, dtype=torch.float32), persistent=False)
        self.register_buffer("heights", torch.tensor(HEIGHTS, dtype=torch.float32)[:, None], persistent=False)
        self.eyes_above = float(self.mouth[:, 1].mean() + self.eyes[:, 1].mean()) / 2
        """The height over which an opening is an eye's and not the mouth's, dm."""
        self.enlarge, patches = _patches(self.head_box, self.eyes, self.mouth)
        self.register_buffer("patches", patches, persistent=False)

    @property
    def box(self) -> Tensor:
        """[2, 3], what the planes cover: the head's box, spread, and the patches above it."""
        box = torch.stack(spread(self.head_box.unbind(-1)), -1)
        box[1, 1] = box[1, 1] + _patches_height(self.enlarge) + 2 * GAP
        return box

    @in_float32
    def expressed(self, expression: Tensor) -> Warped:
        """Prepares coefficients [B, 52]."""
        with torch.no_grad():
            return Warped(self.inverse_maps(expression), self._carried(expression))

    def inverse_maps(self, expression: Tensor) -> Tensor:
        """[B, 52] → `Warped.maps`."""
        b = expression.shape[0]
        moved = ((expression - self.rest) @ self.displacements.flatten(1)).reshape(b * 2, ROWS, COLUMNS, 3)
        column, row, posed = self._posed(moved)
        u, v = _nodes(expression)
        inverse = _inverse_jacobian(column, row)
        fetched = torch.cat([torch.stack([column, row], 1), inverse], 1)  # [2B, 6, ROWS, COLUMNS]
        at_u, at_v = _nearest(column, row, u, v)
        for _ in range(STEPS):
            now = _fetch(fetched, at_u, at_v)
            off_u, off_v = u - now[:, 0], v - now[:, 1]
            at_u = at_u + (now[:, 2] * off_u + now[:, 3] * off_v).clamp(-FARTHEST, FARTHEST)
            at_v = at_v + (now[:, 4] * off_u + now[:, 5] * off_v).clamp(-FARTHEST, FARTHEST)
            at_u, at_v = at_u.clamp(0, COLUMNS - 1), at_v.clamp(0, ROWS - 1)
        claims = self.claims[None].expand(b, -1, -1, -1).reshape(b * 2, 1, ROWS, COLUMNS)
        found = _fetch(torch.cat([moved.permute(0, 3, 1, 2), claims, posed[:, None]], 1), at_u, at_v)
        found = found.reshape(b, 2, 5, ROWS, COLUMNS)
        back, claim, radius = -found[:, :, :3], found[:, :, 3], found[:, :, 4]
        return torch.cat([back.flatten(1, 2), claim, radius.amax(1, keepdim=True)], 1)

    def _posed(self, moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Column, row and radius [N, ROWS, COLUMNS] of the skin at each node after movements [N, ROWS, COLUMNS, 3]."""
        u = self.sides
        deep = self.radius / torch.sqrt(1 + u * u)
        x, z = u * deep + moved[..., 0], deep + moved[..., 2]
        return column_of(x, z.clamp(min=NEAREST)), row_of(self.heights + moved[..., 1]), torch.sqrt(x * x + z * z)

    def eye_turns(self, expression: Tensor) -> Tensor:
        """[B, 52] → rotations of the right and the left eyeball, [B, 2, 3, 3]; `DenseHead.eye_turns` for a batch."""
        made = []
        for side, outwards in (("Right", -1), ("Left", 1)):
            out, into, down, up = (expression[:, INDEX[f"eyeLook{d}{side}"]] for d in ("Out", "In", "Down", "Up"))
            yaw = torch.asin(self.eye_share * torch.sin(outwards * (out - into) * GAZE_YAW))
            pitch = torch.asin(self.eye_share * torch.sin((down - up) * GAZE_PITCH))
            zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
            c, s = torch.cos(yaw), torch.sin(yaw)
            about_y = torch.stack([c, zero, s, zero, one, zero, -s, zero, c], 1).unflatten(1, (3, 3))
            made.append(about_y @ _about_x(pitch))
        return torch.stack(made, 1)

    def _carried(self, expression: Tensor) -> Tensor:
        jaw = _about_x(expression @ self.jaw_moves[:, 0])[:, None]
        rotation = torch.cat([self.eye_turns(expression), jaw], 1)
        pivot = torch.cat([self.eyes, self.jaw_hinge[None]])
        shift = F.pad((expression @ self.jaw_moves[:, 1:])[:, None], (0, 0, 2, 0))
        back = rotation.transpose(2, 3)
        return torch.cat([back, pivot[..., None] - back @ (pivot + shift)[..., None]], 3)

    @in_float32
    def forward(
        self, points: Tensor, pose: Tensor, warped: Warped, middle: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """World points [B, S, N, 3] under head poses [B, 3, 4] → points of the planes [B, S, N, 3] and whether the
        planes hold anything of them [B, S, N], 0 or 1.

        With `middle` [B, N, 3] the way back is looked up there, once for all S samples of a ray that lie near it.
        """
        b, s, n, _ = points.shape
        x = self.neck(points.reshape(b, s * n, 3), pose).reshape(b, s, n, 3)
        back = self._back(x if middle is None else self.neck(middle, pose)[:, None], warped)
        upper_back, lower_back, (by_upper, by_lower, skin) = back[..., :3], back[..., 3:6], back[..., 6:].unbind(-1)
        deep = x[..., 2] + AXIS
        clear = deep.clamp(min=NEAREST)
        out = torch.sqrt(x[..., 0] ** 2 + clear**2) - skin
        under = ((out + SHELL + FALLOFF) / FALLOFF).clamp(0, 1) * (deep > NEAREST)
        share = (under * under * (3 - 2 * under))[..., None]
        above = by_upper > by_lower
        moved = x + share * torch.where(above[..., None], upper_back, lower_back)
        before = (out > BEFORE) & (deep > NEAREST)
        face_here = ((x[..., 0] / clear).abs() < FACE_U) & (x[..., 1] > FACE_Y[0]) & (x[..., 1] < FACE_Y[1])
        held = self._bounded(x) * ~(before & face_here)
        between = (by_upper < 0) & (by_lower < 0) & (under > 0.5)
        carried, beside = self._between(x, above, warped)
        bounded = torch.maximum(torch.minimum(moved, self.head_box[1]), self.head_box[0])
        bounded = torch.stack(spread(bounded.unbind(-1)), -1)
        moved = torch.where(between[..., None], carried, bounded)
        return moved, torch.where(between, (~before & ~(beside & (out > 0))).to(x.dtype), held)

    def _bounded(self, x: Tensor) -> Tensor:
        """How much of head-space points [..., 3] the head's box holds, 0..1, [...]."""
        low, high = x >= self.head_box[0], x <= self.head_box[1]
        sides = (low[..., :2] | self.cut[0]) & (high[..., :2] | self.cut[1])
        above = ((self.head_box[1, 1] + SOFT - x[..., 1]) / SOFT).clamp(0, 1)
        return (sides.all(-1) & low[..., 2] & high[..., 2]).to(x.dtype) * above

    def _back(self, x: Tensor, warped: Warped) -> Tensor:
        """The maps' values [B, S, N, 9] at head-space points [B, S, N, 3]."""
        column = column_of(x[..., 0], (x[..., 2] + AXIS).clamp(min=NEAREST))
        return _fetch(warped.maps, column, row_of(x[..., 1])).permute(0, 2, 3, 1)

    def _between(self, x: Tensor, upper: Tensor, warped: Warped) -> tuple[Tensor, Tensor]:
        """Where points [B, S, N, 3] between lids or lips are in the patches, and which are between lids but beside the
        eyeball. What a patch has no room for is as at its edge: else a look from the side went through the head."""
        right, left, jaw = (
            x @ m[:, None, :, :3].transpose(2, 3) + m[:, None, None, :, 3] for m in warped.carried.unbind(1)
        )
        local = torch.where(upper[..., None], x, jaw)
        patch = torch.where(upper[..., None, None], self.patches[2], self.patches[3])
        eye = x[..., 1] > self.eyes_above
        for n, (turned, side) in enumerate(((right, x[..., 0] < 0), (left, x[..., 0] >= 0))):
            chosen = (eye & side)[..., None]
            local, patch = torch.where(chosen, turned, local), torch.where(chosen[..., None], self.patches[n], patch)
        half = torch.where(eye[..., None], x.new_tensor(EYE_PATCH), x.new_tensor(MOUTH_PATCH)) / 2
        ball = torch.where((x[..., 0] < 0)[..., None], self.eyes[0], self.eyes[1])
        beside = eye & ((x - ball).square().sum(-1) > BALL**2)
        off = torch.maximum(torch.minimum(local[..., :2] - patch[..., 0, :], half), -half)
        enlarge = torch.where(eye, EYES_LARGER * self.enlarge, self.enlarge)[..., None]
        return torch.cat([patch[..., 1, :] + enlarge * off, local[..., 2:]], -1), beside


def spread(point: Sequence[Tensor]) -> list[Tensor]:
    """x, y and z of head space, dm, → where planes hold them: more room for the face (`SPREAD`)."""
    return [axis + crowded(axis, crowds) for axis, crowds in zip(point, SPREAD, strict=True)]


def _about_x(angle: Tensor) -> Tensor:
    c, s, zero, one = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([one, zero, zero, zero, c, -s, zero, s, c], 1).unflatten(1, (3, 3))


def _patches(head_box: Tensor, eyes: Tensor, mouth: Tensor) -> tuple[float, Tensor]:
    """How much the mouth's patches are enlarged, and the middles of all as `FaceWarp.patches` has them: a row above the
    spread box."""
    low, high = torch.stack(spread(head_box.unbind(-1)), -1)
    eye, lips = EYES_LARGER * EYE_PATCH[0], MOUTH_PATCH[0]
    enlarge = min(LARGEST, float(high[0] - low[0] - 5 * GAP) / (2 * eye + 2 * lips))
    height = _patches_height(enlarge)
    line = float(mouth[:, 1].mean())
    own = [eyes[0, :2].tolist(), eyes[1, :2].tolist(),
           [0.0, line - MOUTH_PATCH[1] / 2 + BITE], [0.0, line + MOUTH_PATCH[1] / 2 - BITE]]  # fmt: skip
    left = float(low[0]) + GAP
    placed = []
    for wide in (eye, eye, lips, lips):
        placed.append([left + enlarge * wide / 2, float(high[1]) + GAP + height / 2])
        left += enlarge * wide + GAP
    return enlarge, torch.stack([torch.tensor(own), torch.tensor(placed)], 1)


def _patches_height(enlarge: float) -> float:
    return enlarge * max(EYES_LARGER * EYE_PATCH[1], MOUTH_PATCH[1])


def _nodes(like: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row of each node, [1, ROWS, COLUMNS]."""
    row, column = torch.meshgrid(
        torch.arange(ROWS, device=like.device, dtype=like.dtype),
        torch.arange(COLUMNS, device=like.device, dtype=like.dtype), indexing="ij",
    )  # fmt: skip
    return column[None], row[None]


def _nearest(column: Tensor, row: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """For each node (u, v), that of the nodes above and below it which a map (column, row) [N, ROWS, COLUMNS] brings
    nearest: where lids and lips stretch and fold, Newton's method must begin near its goal."""
    far = SEARCH * SEARCH_STEP
    padded = F.pad(torch.stack([column, row], 1), (0, 0, far, far), value=1e3)
    shifted = torch.stack([padded[:, :, start : start + ROWS] for start in range(0, 2 * far + 1, SEARCH_STEP)], 2)
    off = (shifted[:, 0] - u[:, None]).square() + (shifted[:, 1] - v[:, None]).square()
    best = off.argmin(1)
    return u.expand_as(column), v + (best * SEARCH_STEP - far).to(v.dtype)


def _inverse_jacobian(column: Tensor, row: Tensor) -> Tensor:
    """Inverse of the Jacobian of (column, row) [N, ROWS, COLUMNS] by the node's own: [N, 4, ROWS, COLUMNS]."""
    padded = F.pad(torch.stack([column, row], 1), (1, 1, 1, 1), mode="replicate")
    by_column = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    by_row = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    a, c, b, d = by_column[:, 0], by_column[:, 1], by_row[:, 0], by_row[:, 1]
    area = (a * d - b * c).clamp(min=LEAST_STRETCH)
    return torch.stack([d, -b, -c, a], 1) / area[:, None]


def _fetch(maps: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Bilinear values [N, C, H, W] of maps [N, C, ROWS, COLUMNS] at columns and rows [N, H, W]; beyond, the edge's."""
    grid = torch.stack([column * (2 / (COLUMNS - 1)) - 1, row * (2 / (ROWS - 1)) - 1], -1)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=True)
