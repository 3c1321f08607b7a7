"""What the warp of the face knows of a person: the skin's movements as maps over the chart.

An expression moves the neutral skin by ``D(x) = Σ w_k D_k(x)``. Each ``D_k`` is a map over `chart`, the same at every
depth near the skin, and smoothly continued where the chart sees no skin. Lids and lips part: what lies above such an
*opening* and what lies below it move apart. So there are two *sheets* of maps. They agree everywhere but near the
openings, where the upper one continues the upper lid or lip across the opening, and the lower one the lower. A point is
skin where either sheet, followed backwards, leads to its own side of the opening in the neutral face (`claims`); where
neither does, it lies between the lids or the lips.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from offline.head_model.dense import EYES, HUMAN_EYE, REGIONS, DenseHead, Part
from offline.warp.chart import AXIS, COLUMNS, HEIGHTS, NEAREST, ROWS, SIDES, column_of, heights, row_of
from runtime.contract.axes import Array
from runtime.contract.drive import EXPRESSIONS, INDEX, coefficients
from runtime.errors import BadInput

FINE_COLUMNS, FINE_ROWS = 2, 4
"""Samples of the mesh between one node and the next."""
FACING = 0.15
"""Least cosine between skin and the way out from the axis, for skin that the chart follows."""
NECK_Y, NECK_RADIUS = -0.7, 1.22
"""Lower than this and nearer to the axis is neck, which does not go with the face."""
REACH = 0.3
"""dm above and below an opening over which its two sheets differ."""
CLEAR = REACH + 0.03
"""dm from an opening where both sheets take all skin for theirs."""
PART = 0.03
"""dm by which an opening jaw parts skin that belongs to different lips."""
CLAIM_SLOPE = 6.0
"""How fast an opening's rims close beside its corners, dm of y for one of u."""
REST = {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}
"""`FaceAtlas.rest` by name."""
LAYOUT = 2
"""Of planes in the face's own space (`offline.warp.face`): another number with every change of where they hold what,
since planes that were trained before hold it elsewhere."""
FADE = 0.02
"""Weight of 'no displacement' against smoothness, where displacements are continued."""


class Opening(NamedTuple):
    """Where lids or lips part."""

    columns: NDArray[np.intp]
    """Of nodes that it crosses."""
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    """The rims' y in each, dm."""
    ends: tuple[float, float]
    """u of its corners."""


@dataclass(frozen=True)
class FaceAtlas:
    """Maps are float32, indexed by row (y upwards), then column."""

    rest: Array
    """[52], the expression of the face that the maps start from, which planes hold: with lids half shut, since an open
    lid has folded away its own skin. "Neutral" below and in `offline.warp.face` is this face."""
    radius: Array
    """[ROWS, COLUMNS], dm from the chart's axis to the neutral skin."""
    displacements: Array
    """[52, 2, ROWS, COLUMNS, 3], dm at coefficient 1: of the upper and the lower sheet."""
    claims: Array
    """[2, ROWS, COLUMNS], dm: how far inside its own side of the openings a neutral point is, for either sheet."""
    mouth: Array
    """[2, 2], corners' u and y: the subject's right, then left."""
    eyes: Array
    """[2, 3], dm, centres of the right and the left eyeball."""
    eye_share: Array
    """[], the radius of a human eye over that of the mesh's eyeballs, which turn by less (`DenseHead.eye_turns`)."""
    jaw_hinge: Array
    jaw_moves: Array
    """As `DenseHead` has them."""
    layout: Array = field(default_factory=lambda: np.array(LAYOUT, np.float32))
    """[], `LAYOUT`."""

    @classmethod
    def load(cls, source: Path | bytes) -> FaceAtlas:
        """An atlas that `save` wrote, or its bytes. Raises BadInput with the reason."""
        try:
            with np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as arrays:
                atlas = cls(**{f.name: arrays[f.name].astype(np.float32) for f in fields(cls)})
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise BadInput(f"the face's atlas cannot be read ({error}); train the avatar again") from error
        if atlas.layout != LAYOUT:
            raise BadInput("the avatar's planes are laid out as an earlier version had them; train the avatar again")
        if atlas.displacements.shape != (len(EXPRESSIONS), 2, ROWS, COLUMNS, 3):
            raise BadInput(f"the face's atlas has other sizes ({atlas.displacements.shape}); train the avatar again")
        return atlas

    def save(self, path: Path) -> None:
        """Writes it as ``.npz``; displacements with 16 bits, which hold a centimetre to a hundredth of a millimetre."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        np.savez_compressed(path, **(arrays | {"displacements": self.displacements.astype(np.float16)}))


def face_atlas(head: DenseHead, identity: NDArray[np.floating] | None = None) -> FaceAtlas:
    """The maps of a person with identity coefficients [K]; the average person's if None."""
    rest = coefficients(REST)
    neutral = head.vertices(identity, rest).astype(np.float64)
    seen = _seen(head, neutral)
    lids = [_eye_opening(seen, part) for part in EYES]
    lips = _mouth_opening(seen, head, neutral)
    openings = [*lids, lips]
    skin = seen.skin[::FINE_ROWS, ::FINE_COLUMNS]
    radius = _continued(seen.radius[::FINE_ROWS, ::FINE_COLUMNS][..., None], skin)[..., 0]
    open_eyed = head.neutral(identity).astype(np.float64)
    axes = np.stack([head.vertices(identity, axis) - open_eyed for axis in np.eye(len(EXPRESSIONS), dtype=np.float32)])
    moves = seen.carried(axes)[::FINE_ROWS, ::FINE_COLUMNS].reshape(ROWS, COLUMNS, -1)
    border = np.ones_like(skin)
    border[1:-1, 1:-1] = False
    moves[border] = 0
    above, below = _sides(openings)
    sheets = [
        _continued(moves, (skin & ~other) | border, FADE, other, own) for own, other in ((above, below), (below, above))
    ]
    displacements = np.stack(sheets).reshape(2, ROWS, COLUMNS, len(EXPRESSIONS), 3).transpose(3, 0, 1, 2, 4)
    corners = [(lips.ends[i], lips.upper[i]) for i in (0, -1)]
    stored = displacements.astype(np.float16).astype(np.float32)  # as `save` rounds them
    return FaceAtlas(
        rest, radius.astype(np.float32), stored, _claims(openings), np.array(corners, np.float32),
        head.eye_centres(identity), np.array(HUMAN_EYE / head.eye_radii().mean(), np.float32), head.jaw_hinge,
        head.jaw_moves,
    )  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """The mesh as the chart sees it from outside, `FINE_ROWS` × `FINE_COLUMNS` samples a node."""

    corners: NDArray[np.int32]
    """[H, W, 3], vertices of the triangle; 0 where there is none."""
    weights: NDArray[np.float64]
    """[H, W, 3], place among them; 0 where there is none."""
    part: NDArray[np.int8]
    """[H, W], of `Part`; -1 where there is none."""
    radius: NDArray[np.float64]
    skin: NDArray[np.bool_]
    """[H, W], where there is skin that the chart follows."""

    def carried(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Values of the vertices [K, V, 3] where they are seen, [H, W, K, 3]."""
        return np.einsum("hwc,khwcx->hwkx", self.weights, values[:, self.corners], optimize=True)


def _seen(head: DenseHead, vertices: NDArray[np.float64]) -> _Seen:
    height, width = (ROWS - 1) * FINE_ROWS + 1, (COLUMNS - 1) * FINE_COLUMNS + 1
    deep = vertices[:, 2] + AXIS
    column, row = column_of(vertices[:, 0], np.maximum(deep, NEAREST)), row_of(vertices[:, 1])
    place = np.stack([column * FINE_COLUMNS, row * FINE_ROWS], 1)
    radii = np.hypot(vertices[:, 0], deep)
    inside = head.regions[REGIONS.index("inside mouth")] > 0.5
    outside = np.isin(head.part, (Part.SKIN, *EYES)) & ~inside
    triangles = head.triangles[outside[head.triangles].all(1)]
    triangles = triangles[(deep[triangles] > NEAREST).all(1)]
    nearest = np.zeros((height, width))
    which = np.full((height, width), -1)
    weights = np.zeros((height, width, 3))
    for number, triangle in enumerate(triangles):
        a, b, c = place[triangle]
        low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)), 0).astype(int)
        high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)), (width - 1, height - 1)).astype(int)
        if (low > high).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area < 1e-9:  # turned away from outside
            continue
        second = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        third = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        bary = np.stack([1 - second - third, second, third], -1)
        radius = bary @ radii[triangle]
        window = np.s_[low[1] : high[1] + 1, low[0] : high[0] + 1]
        wins = (bary >= -1e-9).all(-1) & (radius > nearest[window])
        nearest[window][wins] = radius[wins]
        which[window][wins] = number
        weights[window][wins] = bary[wins]
    corners = triangles[which] * (which >= 0)[..., None]
    part = np.where(which >= 0, head.part[corners[..., 0]].astype(np.int8), -1)
    y = _height(np.arange(height))[:, None]
    skin = (part == Part.SKIN) & (_facing(vertices, triangles)[which] > FACING)
    skin &= ~((y < NECK_Y) & (nearest < NECK_RADIUS))
    return _Seen(corners, weights, part, nearest, skin)


def _facing(vertices: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Cosine [F] between a triangle's normal and the way out from the chart's axis."""
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    out = ((a + b + c) / 3 + [0, 0, AXIS]) * [1, 0, 1]
    return (normal * out).sum(1) / np.maximum(np.linalg.norm(normal, axis=1) * np.linalg.norm(out, axis=1), 1e-12)


def _eye_opening(seen: _Seen, part: Part) -> Opening:
    """Where the chart sees an eyeball."""
    ball = seen.part[:, ::FINE_COLUMNS] == part
    columns = np.flatnonzero(ball.any(0))
    low = ball[:, columns].argmax(0) - 0.5
    high = len(ball) - 0.5 - ball[::-1, columns].argmax(0)
    return Opening(columns, _height(high), _height(low), (SIDES[columns[0]], SIDES[columns[-1]]))


def _mouth_opening(seen: _Seen, head: DenseHead, neutral: NDArray[np.float64]) -> Opening:
    """Where the jaw parts skin that touches: the lips' line."""
    lips = head.landmarks(neutral)[[61, 291, 0, 17]]
    falls = seen.carried(head.expression[INDEX["jawOpen"]][None])[:, ::FINE_COLUMNS, 0, 1]
    first, last = (round(float(c)) for c in column_of(lips[:2, 0], lips[:2, 2] + AXIS))
    high, low = (round(float(row) * FINE_ROWS) for row in row_of(lips[2:, 1]))
    columns = np.arange(first - 1, last + 2)
    parting = np.diff(falls[low:high, columns], axis=0)
    wide = parting.max(0) > PART
    inside = np.arange(wide.argmax(), len(wide) - wide[::-1].argmax())
    line = _height(low + parting[:, inside].argmax(0) + 0.5)
    line = np.convolve(np.pad(line, 1, "edge"), [0.25, 0.5, 0.25], "valid")
    columns = columns[inside]
    corners = lips[:2, 0] / (lips[:2, 2] + AXIS)
    ends = min(float(corners[0]), SIDES[columns[0]]), max(float(corners[1]), SIDES[columns[-1]])
    return Opening(columns, line, line, ends)


def _height(fine_row: NDArray[np.number]) -> NDArray[np.float64]:
    return heights(np.asarray(fine_row, np.float64) / FINE_ROWS)


def _sides(openings: list[Opening]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Nodes [ROWS, COLUMNS] that lie near and above an opening, and near and below one."""
    y = HEIGHTS[:, None]
    above, below = np.zeros((2, ROWS, COLUMNS), bool)
    for columns, upper, lower, _ in openings:
        middle = (upper + lower) / 2
        above[:, columns] |= (y > middle) & (y < upper + REACH)
        below[:, columns] |= (y < middle) & (y > lower - REACH)
    return above, below


def _claims(openings: list[Opening]) -> Array:
    """See `FaceAtlas.claims`. Beyond the corners the rims run on, apart, so that either sheet takes what is beside."""
    y = HEIGHTS[:, None]
    number = np.arange(COLUMNS)
    apart = []
    for columns, upper, lower, ends in openings:
        beyond = np.maximum(ends[0] - SIDES, 0) + np.maximum(SIDES - ends[1], 0)
        beside = CLAIM_SLOPE * beyond
        high, low = (np.interp(number, columns, rim) for rim in (upper, lower))
        near = np.maximum(np.maximum(y - high, low - y), beside)
        apart.append((near, y - high + beside, low - y + beside))
    eyes_or_mouth = [np.where(apart[0][0] < apart[1][0], one, other) for one, other in zip(*apart[:2], strict=True)]
    chosen = [
        np.where(eyes_or_mouth[0] < apart[2][0], one, other) for one, other in zip(eyes_or_mouth, apart[2], strict=True)
    ]
    near, upper_claim, lower_claim = chosen
    return np.stack([np.maximum(c, near - CLEAR) for c in (upper_claim, lower_claim)]).astype(np.float32)


def _continued(
    values: NDArray[np.floating],
    known: NDArray[np.bool_],
    fade: float = 0.0,
    beyond: NDArray[np.bool_] | None = None,
    own: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Maps [ROWS, COLUMNS, N] with what is not `known` [ROWS, COLUMNS] filled in smoothly: ``Δv = fade · v``.

    What lies `beyond` an opening continues, and without fading, what is on its `own` side of it, and nothing else.
    """
    count = ROWS * COLUMNS
    index = np.arange(count).reshape(ROWS, COLUMNS)
    across = np.stack([index[:, :-1], index[:, 1:]], -1).reshape(-1, 2)
    along = np.stack([index[:-1], index[1:]], -1).reshape(-1, 2)
    fading = np.full(count, fade)
    if beyond is not None and own is not None:
        fading[beyond.reshape(-1)] = 0
        walled, passing = beyond.reshape(-1), (beyond | own).reshape(-1)
        across = across[walled[across[:, 0]] == walled[across[:, 1]]]
        along = along[(walled[along[:, 0]] == walled[along[:, 1]]) | passing[along].all(1)]
    pairs = np.concatenate([across, along])
    ones = np.ones(2 * len(pairs))
    joined = sparse.csr_matrix((ones, (pairs.T.reshape(-1), pairs[:, ::-1].T.reshape(-1))), (count, count))
    laplacian = sparse.diags(np.asarray(joined.sum(1)).ravel() + fading) - joined
    free, given = np.flatnonzero(~known.reshape(-1)), np.flatnonzero(known.reshape(-1))
    flat = values.reshape(count, -1).astype(np.float64)
    rows = laplacian.tocsr()[free]
    filled = flat.copy()
    filled[free] = splu(rows[:, free].tocsc()).solve(-rows[:, given] @ flat[given])
    return filled.reshape(values.shape)
