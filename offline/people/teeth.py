"""Teeth, one by one, and gums, set into a person's jaws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from offline.people.mesh import Indices
from runtime.contract.axes import Array

WIDTHS = {
    "upper": (0.085, 0.066, 0.076, 0.070, 0.066, 0.10, 0.095),
    "lower": (0.054, 0.059, 0.068, 0.070, 0.070, 0.11, 0.10),
}
"""Of half a row's teeth from the middle, dm; their sum is scaled to the jaw."""
CROWN = {
    "upper": (0.105, 0.092, 0.102, 0.085, 0.080, 0.075, 0.07),
    "lower": (0.088, 0.090, 0.100, 0.085, 0.080, 0.075, 0.07),
}
"""Heights of the crowns, dm."""
THICK = (0.036, 0.034, 0.042, 0.05, 0.055, 0.06, 0.06)
"""Half the thickness, dm."""
AROUND, ACROSS = 12, 9
GUM_STEPS, GUM_ROWS = 113, 8


@dataclass(frozen=True)
class Row:
    """A row's surface in units of its jaw: see `placed`."""

    along: Array
    """[N], -1..1 from the right end of the row to the left one, as a share of its arc."""
    out: Array
    """[N], dm in front of the arc."""
    up: Array
    """[N], dm from the edge of the teeth towards the root."""
    number: Array
    """[N], shade of the tooth, 0..1; of gums 0."""
    height: Array
    """[N], 0 at the gum, 1 at the edge."""
    triangles: Indices


@cache
def teeth(jaw: str) -> Row:
    """The teeth of the "upper" or the "lower" jaw."""
    widths = np.array(WIDTHS[jaw])
    ends = np.concatenate([[0], np.cumsum(widths)]) / widths.sum()
    phi = np.linspace(-np.pi / 2, np.pi / 2, ACROSS)
    theta = np.arange(AROUND) * (2 * np.pi / AROUND)
    p, t = (a.ravel() for a in np.meshgrid(phi, theta, indexing="ij"))

    def power(x: Array, n: float) -> Array:
        return np.sign(x) * np.abs(x) ** n

    box_x, box_y = power(np.cos(p), 0.42) * power(np.cos(t), 0.5), power(np.sin(p), 0.5)
    box_z = power(np.cos(p), 0.55) * power(np.sin(t), 0.8)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(ACROSS - 1), np.arange(AROUND), indexing="ij"))
    corner = [i * AROUND + j, i * AROUND + (j + 1) % AROUND, (i + 1) * AROUND + (j + 1) % AROUND, (i + 1) * AROUND + j]
    flip = 1 if jaw == "upper" else -1
    one = np.concatenate(
        [np.stack([corner[0], corner[2], corner[1]], 1), np.stack([corner[0], corner[3], corner[2]], 1)]
    )
    one = one[:, ::flip] if flip < 0 else one
    rng = np.random.default_rng(0x700 + len(jaw + "x") * (flip + 2))
    rows: list[Array] = []
    triangles: list[Indices] = []
    for side in (-1, 1):
        for n, width in enumerate(widths):
            half = width / widths.sum() / 2 * 1.01
            middle = side * (ends[n] + ends[n + 1]) / 2
            crown = CROWN[jaw][n] + 0.03
            # Towards the root a tooth narrows; its edge is flat, a canine's pointed.
            taper = 1 - 0.15 * np.clip((box_y + 1) / 2, 0, 1) ** 2
            lift = 0.012 * (n == 2) * np.abs(box_x) + 0.006 * (n == 1) + rng.normal(0, 0.0025)
            up = (box_y + 1) / 2 * crown + lift
            number = np.full(len(p), rng.random())
            lean = -0.018 * (box_y + 1)
            rows.append(
                np.stack([middle + half * box_x * taper, THICK[n] * box_z + lean, up, number, 1 - (box_y + 1) / 2])
            )
            triangles.append(one + len(triangles) * len(p))
    values = np.concatenate(rows, 1).astype(np.float32)
    along, out, up, number, height = values
    return Row(along, out, up, number, height, np.concatenate(triangles).astype(np.int32))


@cache
def gums(jaw: str) -> Row:
    """The gum around the roots, with a scallop at every tooth."""
    widths = np.array(WIDTHS[jaw])
    ends = np.concatenate([[0], np.cumsum(widths)]) / widths.sum()
    along = np.linspace(-1, 1, GUM_STEPS)
    number = np.clip(np.searchsorted(ends, np.abs(along), side="right") - 1, 0, len(widths) - 1)
    inside = (np.abs(along) - ends[number]) / (ends[number + 1] - ends[number])
    arch = np.sqrt(np.clip(1 - (2 * inside - 1) ** 2, 0, 1))
    crown = np.array(CROWN[jaw])[number]
    smooth = np.convolve(np.pad(crown, 4, "edge"), np.ones(9) / 9, "valid")
    edge = smooth - 0.034 * (1 - arch)
    # From the front's edge around the root to the edge behind.
    half = np.array(THICK)[number] - 0.014
    bulge = 0.012 * (0.5 + 0.5 * arch)
    across = [half - 0.03, half + 0.004, half + bulge, half, 0 * half, -half - 0.01, -half - 0.014, -half + 0.03]
    above = [0.0, 0.0, 0.04, 0.10, 0.15, 0.08, 0.0, 0.0]
    out, up = np.stack(across), edge[None] + np.array(above)[:, None]
    grid = np.arange(GUM_ROWS * GUM_STEPS).reshape(GUM_ROWS, GUM_STEPS)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, 1:].ravel(), grid[1:, :-1].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    if jaw == "lower":
        triangles = triangles[:, ::-1]
    zero = np.zeros(up.size, np.float32)
    full = np.broadcast_to(along, up.shape)
    full, out, up = (v.ravel().astype(np.float32) for v in (full, out, up))
    return Row(full, out, up, zero, zero, triangles.astype(np.int32))


def placed(row: Row, jaw: str, sockets: Array) -> Array:
    """Vertices [N, 3] of a row in head space; `sockets` [n, 3] are the head model's vertices of those teeth."""
    low, high = sockets.min(0), sockets.max(0)
    a, back, front = (high[0] - low[0]) / 2 * 0.87, low[2], high[2] - 0.042
    edge = low[1] - 0.028 if jaw == "upper" else high[1] - 0.055
    turn = np.linspace(-np.pi / 2, np.pi / 2, 257)
    if jaw == "lower":
        a, front = a - 0.02, front - 0.015
    curve = np.stack([a * np.sin(turn), back + (front - back) * np.cos(turn)], 1)
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    share = np.concatenate([[0], np.cumsum(steps)]) / steps.sum() * 2 - 1
    angle = np.interp(row.along, share, turn)
    x, z = a * np.sin(angle), back + (front - back) * np.cos(angle)
    normal = np.stack([np.sin(angle) / a, np.cos(angle) / (front - back)], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    middle = (low[0] + high[0]) / 2
    sign = 1 if jaw == "upper" else -1
    place = [middle + x + normal[:, 0] * row.out, edge + sign * row.up, z + normal[:, 1] * row.out]
    return np.stack(place, 1).astype(np.float32)
