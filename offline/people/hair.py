"""Hair as strands: on the scalp, which keeps its shape, and on the face, where it follows the skin.

A scalp's strand grows from its root along a wanted direction that gravity, combing and curls bend, and is kept outside
of a hull around the head. Long hair rides on the head above the neck and rests with the torso below, as everything does
(`runtime.contract.axes.Neck`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from offline.head_model.dense import Part
from offline.people.hairstyles import STYLES, Style
from offline.people.mesh import at, scattered, vertex_normals
from offline.people.person import Person
from offline.people.skin import beard_density, scalp
from offline.people.surface import Surface
from runtime.contract.axes import Array

CENTRE = np.array([0.0, 0.15, -0.40], np.float32)
"""From where the hull is measured, head space."""
THIN = 8
"""Every n-th hair throws a soft shadow."""
HULL_ROWS, HULL_COLUMNS = 90, 180
TIES = {"tail": np.array([0.0, 0.62, -1.50], np.float32), "bun": np.array([0.0, 0.85, -1.40], np.float32)}


@dataclass(frozen=True)
class Hair:
    """Strands in the order of `starts`: the scalp's, then the face's, then the lashes."""

    starts: NDArray[np.int32]
    """[strands + 1], the first point of each; a strand ends where the next begins."""
    width: Array
    """[points], dm."""
    colour: Array
    """[points, 3], linear."""
    opacity: Array
    """[points]."""
    shade: Array
    """[points], 0..1, how deep it lies in the hair."""
    rigid: Array
    """[points of the scalp, 3], head space."""
    roots: NDArray[np.int64]
    """[strands on the face], triangle of the fine skin."""
    weights: Array
    """[strands on the face, 3], of its corners."""
    local: Array
    """[strands on the face, 4, 3]: along the triangle's side, across it, outwards, dm."""
    lashes: Lashes

    def places(self, skin: Array, triangles: NDArray[np.int32], head: Array, eyes: Array) -> Array:
        """[points, 3] in head space, of the moved fine skin and head model, and the eyeballs' centres."""
        corners = skin[triangles[self.roots]]
        root = np.einsum("nk,nkc->nc", self.weights, corners)
        frame = _frames(corners)
        grown = root[:, None] + np.einsum("nsk,nkc->nsc", self.local, frame)
        return np.concatenate([self.rigid, grown.reshape(-1, 3), self.lashes.places(head, eyes)]).astype(np.float32)

    def thinned(self, points: Array) -> tuple[Array, NDArray[np.int32]]:
        """Every eighth strand's `points` and the starts of those, for soft shadows."""
        kept = np.arange(0, len(self.starts) - 1, THIN)
        counts = np.diff(self.starts)[kept]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        which = np.repeat(self.starts[kept] - starts[:-1], counts) + np.arange(starts[-1])
        return points[which], starts


@dataclass(frozen=True)
class Lashes:
    """Lashes stand on the lids' edges, between two vertices of the head model each."""

    ends: NDArray[np.int32]
    """[N, 2]."""
    share: Array
    """[N], 0..1 from the first to the second."""
    eye: NDArray[np.int32]
    """[N], 0 the right one, 1 the left."""
    length: Array
    fan: Array
    """[N], how far the tip leans along the lid, per length."""
    up: Array
    """[N], how far it curls, per length; negative on lower lids."""

    def places(self, head: Array, eyes: Array) -> Array:
        """[5 N, 3] of the head model's vertices [V, 3] and the eyeballs' centres [2, 3]."""
        first, second = head[self.ends[:, 0]], head[self.ends[:, 1]]
        root = first + (second - first) * self.share[:, None]
        out = root - eyes[self.eye]
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        along = second - first
        along -= (along * out).sum(1, keepdims=True) * out
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
        up = np.cross(out, along)
        up *= np.sign(up[:, 1:2]) + (up[:, 1:2] == 0)
        # The strip begins a little above the upper lid's edge.
        root = root - np.where(self.up > 0, 0.016, 0.0)[:, None] * up
        s = np.linspace(0, 1, 5)[None, :, None]
        length = self.length[:, None, None]
        bend = self.up[:, None, None] * (0.15 * s + 0.85 * s**1.7)
        path = s * out[:, None] * 0.75 + bend * up[:, None] + self.fan[:, None, None] * s * along[:, None]
        return np.asarray((root[:, None] + length * path).reshape(-1, 3))


def _frames(corners: Array) -> Array:
    """[N, 3, 3]: rows along the triangle's first side, across it, outwards."""
    side = corners[:, 1] - corners[:, 0]
    out = np.cross(side, corners[:, 2] - corners[:, 0])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-12
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-12
    return np.stack([side, np.cross(out, side), out], 1)


def hair(person: Person, face: Surface, skin: Array, normals: Array, neutral: Array) -> Hair:
    """All hairs of a person with this fine skin [F, 3]."""
    rng = np.random.default_rng([person.seed, 0x4A1])
    strands, width, shade = _scalp_hair(rng, person, face, skin, normals)
    steps = strands.shape[1] if len(strands) else 1
    roots, weights, local, face_width, brows = _face_hair(rng, person, face, skin, normals)
    lashes = _lashes(rng, person, face)
    tint = np.array(person.hair, np.float32)
    head_colour = _coloured(rng, tint, person.grey, len(strands))
    # Brows and beards are darker than the hair of the fair, and grey later.
    dark = tint * min(0.75, 0.14 / float(tint.max()))
    face_colour = _coloured(rng, dark, np.where(brows, 0.35, 0.9) * person.grey, len(roots))
    lash_colour = np.broadcast_to(tint * min(0.3, 0.02 / float(tint.max())), (len(lashes.share), 3))
    counts = np.concatenate([np.full(len(strands), steps), np.full(len(roots), 4), np.full(len(lashes.share), 5)])
    taper = {n: np.clip(np.linspace(1.25, 0.0, n) + 0.25, 0.3, 1.0) for n in (steps, 4, 5)}
    lash_width = np.full(len(lashes.share), 0.0055)
    per_point = [
        np.repeat(width, steps) * np.tile(taper[steps], len(strands)),
        np.repeat(face_width, 4) * np.tile(taper[4], len(roots)),
        np.repeat(lash_width, 5) * np.tile(np.array([1, 0.9, 0.7, 0.5, 0.25]), len(lashes.share)),
    ]
    fade = np.clip(np.linspace(3.0, 0.0, steps), 0.35, 1.0)
    fade[0] = 0.4
    opacity: list[NDArray[np.float64]] = [
        np.tile(fade, len(strands)) * 0.92,
        np.tile([0.25, 0.70, 0.70, 0.25], len(roots)),
        np.tile([0.95, 0.95, 0.9, 0.7, 0.4], len(lashes.share)),
    ]
    colours = [np.repeat(head_colour, steps, 0), np.repeat(face_colour, 4, 0), np.repeat(lash_colour, 5, 0)]
    deep = np.concatenate([shade.ravel(), np.ones(4 * len(roots) + 5 * len(lashes.share))])
    return Hair(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        np.concatenate(per_point).astype(np.float32),
        np.concatenate(colours).astype(np.float32),
        np.concatenate(opacity).astype(np.float32),
        deep.astype(np.float32),
        strands.reshape(-1, 3).astype(np.float32),
        roots,
        weights,
        local.astype(np.float32),
        lashes,
    )


def _coloured(rng: np.random.Generator, tint: Array, grey: Array | float, count: int) -> Array:
    """Colours [N, 3] around `tint`; a share `grey` is grey."""
    colour = tint[None] * np.exp(rng.normal(0, 0.16, (count, 1)) + rng.normal(0, 0.05, (count, 3)))
    # A drawn strand stands for several hairs, some of them grey.
    share = np.clip(grey + rng.normal(0, 0.25, count) * np.minimum(1, 4 * np.asarray(grey) * (1 - grey)), 0, 1)[:, None]
    share = share**1.4
    white = 0.40 * np.exp(rng.normal(0, 0.12, (count, 1)))
    return np.asarray(colour + share * (white - colour))


# ---- the scalp


def hull(places: Array, triangles: NDArray[np.int32], paint: Array, left_out: NDArray[np.bool_]) -> Array:
    """[rows, columns], how far (dm) head and neck reach from `CENTRE`: rows from above to below, columns around.

    Vertices that are `left_out` [F] do not count.
    """
    kept = (
        (paint[triangles, 1] > -1.3).all(1) & (np.abs(paint[triangles, 0]) < 0.9).all(1) & ~left_out[triangles].any(1)
    )
    corners = places[triangles[kept]]
    grid = [
        corners[:, 0],
        corners[:, 1],
        corners[:, 2],
        corners.mean(1),
        *((corners[:, k] + corners[:, (k + 1) % 3]) / 2 for k in range(3)),
    ]
    away = np.concatenate(grid) - CENTRE
    far = np.linalg.norm(away, axis=1)
    row = np.arccos(np.clip(away[:, 1] / far, -1, 1)) / np.pi * HULL_ROWS
    column = (np.arctan2(away[:, 0], away[:, 2]) / (2 * np.pi) + 0.5) * HULL_COLUMNS
    reach = np.zeros((HULL_ROWS, HULL_COLUMNS), np.float32)
    np.maximum.at(
        reach, (row.astype(int).clip(0, HULL_ROWS - 1), column.astype(int) % HULL_COLUMNS), far.astype(np.float32)
    )
    filled = maximum_filter(reach, (3, 5), mode=("nearest", "wrap"))
    filled = np.where(reach > 0, np.maximum(reach, filled - 0.03), filled)
    return np.asarray(gaussian_filter(filled, 0.7, mode=("nearest", "wrap")), np.float32)


TORSO_WIDE, TORSO_LOW, TORSO_HIGH, TORSO_CELLS = 3.0, -4.0, -0.9, 96
"""What `torso_sides` looks at, dm, and its cells a side."""


def torso_sides(places: Array, triangles: NDArray[np.int32], paint: Array) -> Array:
    """[2, rows, columns], the largest and the smallest z (dm) of the torso over a grid of y (from above) and x; where
    there is none, they are -9 and 9."""
    kept = (paint[triangles, 1] < -0.95).all(1)
    corners = places[triangles[kept]].astype(np.float64)
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.ones(3), 24)
    cloud = np.einsum("sk,nkc->nsc", share, corners).reshape(-1, 3)
    column = ((cloud[:, 0] / TORSO_WIDE + 1) / 2 * TORSO_CELLS).astype(int).clip(0, TORSO_CELLS - 1)
    row = ((TORSO_HIGH - cloud[:, 1]) / (TORSO_HIGH - TORSO_LOW) * TORSO_CELLS).astype(int).clip(0, TORSO_CELLS - 1)
    sides = np.stack([np.full((TORSO_CELLS, TORSO_CELLS), -9.0), np.full((TORSO_CELLS, TORSO_CELLS), 9.0)])
    np.maximum.at(sides[0], (row, column), cloud[:, 2])
    np.minimum.at(sides[1], (row, column), cloud[:, 2])
    sides[0] = np.where(sides[0] > -9, gaussian_filter(np.where(sides[0] > -9, sides[0], -0.6), 1.0), -9)
    sides[1] = np.where(sides[1] < 9, gaussian_filter(np.where(sides[1] < 9, sides[1], -0.6), 1.0), 9)
    return sides.astype(np.float32)


@njit(cache=True, fastmath=True)
def _reach(table: Array, x: float, y: float, z: float) -> float:
    far = np.sqrt(x * x + y * y + z * z) + 1e-9
    row = np.arccos(min(max(y / far, -1.0), 1.0)) / np.pi * table.shape[0] - 0.5
    column = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * table.shape[1] - 0.5
    r = min(max(int(np.floor(row)), 0), table.shape[0] - 2)
    c = int(np.floor(column))
    u, v = min(max(row - r, 0.0), 1.0), column - c
    c0, c1 = c % table.shape[1], (c + 1) % table.shape[1]
    top = table[r, c0] * (1 - v) + table[r, c1] * v
    return top * (1 - u) + (table[r + 1, c0] * (1 - v) + table[r + 1, c1] * v) * u


@njit(cache=True, fastmath=True)
def _grow(
    roots: Array, start: Array, comb: Array, length: Array, height: Array, target: Array, tied: float,
    table: Array, torso: Array, gravity: float, fall: float, stiff: float, centre: Array, guard: Array, out: Array,
) -> None:  # fmt: skip
    """Fill strands `out` [N, S, 3]; `height` [N] is how far above the hull each lies, `guard` [N] keeps hair
    off the face, radians from its middle."""
    steps = out.shape[1]
    for n in range(roots.shape[0]):
        x, y, z = roots[n, 0], roots[n, 1], roots[n, 2]
        dx, dy, dz = start[n, 0], start[n, 1], start[n, 2]
        step = length[n] / (steps - 1)
        out[n, 0, 0], out[n, 0, 1], out[n, 0, 2] = x, y, z
        for s in range(1, steps):
            t = s / (steps - 1)
            wx, wy, wz = comb[n, 0], comb[n, 1], comb[n, 2]
            if tied > 0:
                wx, wy, wz = target[0] - x, target[1] - y, target[2] - z
                norm = np.sqrt(wx * wx + wy * wy + wz * wz) + 1e-6
                if norm < max(step * 1.2, 0.12):
                    out[n, s, 0], out[n, s, 1], out[n, s, 2] = x, y, z
                    continue
                wx, wy, wz = wx / norm, wy / norm, wz / norm
            keep = stiff
            pull = min(gravity * min(t * 2.5, 1.0) + fall * step * s, 1.0)
            dx = dx * keep + (1 - keep) * wx * (1 - pull)
            dy = dy * keep + (1 - keep) * (wy * (1 - pull) - 1.2 * pull)
            dz = dz * keep + (1 - keep) * wz * (1 - pull)
            norm = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
            dx, dy, dz = dx / norm, dy / norm, dz / norm
            px, py, pz = x + dx * step, y + dy * step, z + dz * step
            # Off the face: what falls before it is pushed to the sides, like a curtain.
            face = guard[n]
            if face > 0 and py < 1.0 and pz > -0.2:
                angle = np.arctan2(px, pz + 0.45)
                limit = face * min((1.0 - py) / 0.65, 1.0)
                if abs(angle) < limit:
                    turned = angle + 0.22 * ((limit if angle >= 0 else -limit) - angle)
                    radius = np.sqrt(px * px + (pz + 0.45) ** 2)
                    px, pz = radius * np.sin(turned), radius * np.cos(turned) - 0.45
            ax, ay, az = px - centre[0], py - centre[1], pz - centre[2]
            far = np.sqrt(ax * ax + ay * ay + az * az)
            least = _reach(table, ax, ay, az) + 0.015 + height[n] * min(t * 3, 1.0)
            if far < least:
                px, py, pz = centre[0] + ax / far * least, centre[1] + ay / far * least, centre[2] + az / far * least
            moved = far < least
            # On the shoulders hair lies before or behind them.
            cells = torso.shape[1]
            r = int((-0.9 - py) / 3.1 * cells)
            c = int((px / 3.0 + 1) / 2 * cells)
            if 0 <= r < cells and 0 <= c < cells:
                front, back = torso[0, r, c] + 0.10 + height[n], torso[1, r, c] - 0.10 - height[n]
                if back < pz < front:
                    if length[n] < 2.0 or abs(px) < 0.85:
                        # It ends where it comes to lie.
                        for k in range(s, steps):
                            out[n, k, 0], out[n, k, 1], out[n, k, 2] = x, y, z
                        break
                    # It slides over the shoulder, forwards or back.
                    py = y
                    pz = z + (0.95 * step if roots[n, 2] > -0.55 else -0.95 * step)
                    moved = True
            dx, dy, dz = px - x, py - y, pz - z
            norm = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
            dx, dy, dz = dx / norm, dy / norm, dz / norm
            x, y, z = x + dx * step, y + dy * step, z + dz * step
            if moved:
                x, y, z = px, py, pz
            out[n, s, 0], out[n, s, 1], out[n, s, 2] = x, y, z


def _scalp_hair(
    rng: np.random.Generator, person: Person, face: Surface, skin: Array, normals: Array
) -> tuple[Array, Array, Array]:
    """Strands [N, S, 3] in head space, widths [N], and how deep each point lies [N, S]."""
    if person.hair_style == "bald":
        return np.zeros((0, 1, 3), np.float32), np.zeros(0, np.float32), np.zeros((0, 1), np.float32)
    style = STYLES[person.hair_style]
    inside = scalp(face.paint, person.hairline)
    if style.tie != "none":
        # What grows before and below the ears is too short to reach.
        inside = np.where((face.paint[:, 1] < 0.40) & (face.paint[:, 2] > -0.5), -1, inside)
    density = np.clip(inside / 0.05, 0, 1) * (face.regions["ears"] < 0.05) * (face.paint[:, 1] > -0.75)
    if person.male > 0.5 and person.age > 45:
        crown = np.exp(-(((face.paint - np.array([0, 1.4, -0.75])) / 0.45) ** 2).sum(1))
        density = density * (1 - np.clip(2.2 * person.hairline - 0.3, 0, 0.9) * crown)
    places = scattered(rng, skin, face.triangles, density.astype(np.float32), style.count)
    roots, paint = at(skin, face.triangles, places), at(face.paint, face.triangles, places)
    normal = at(normals, face.triangles, places)
    depth_in = scalp(paint, person.hairline)
    # Strands gather in locks.
    guides = rng.choice(len(roots), max(len(roots) // 28, 1), replace=False)
    lock = cKDTree(paint[guides]).query(paint)[1]
    own = rng.normal(0, 1, (len(roots), 3))
    shared = rng.normal(0, 1, (len(guides), 3))[lock]
    shaggy = (
        shared * style.clump * (0.5 if style.comb in ("side", "back") else 1.0) + own * 0.35 * (1 - 0.5 * style.clump)
    ) * 0.25
    comb = _combed(style.comb, paint, normal)
    if style.comb != "out":
        comb = comb - (comb * normal).sum(1, keepdims=True) * normal * (1.0 if style.comb in ("side", "back") else 0.7)
    comb = comb + shaggy
    comb /= np.linalg.norm(comb, axis=1, keepdims=True) + 1e-9
    top = np.clip((paint[:, 1] - 0.45) / 0.6, 0, 1)
    length = style.length[1] + (style.length[0] - style.length[1]) * top * top * (3 - 2 * top)
    length = length * np.exp(rng.normal(0, 0.08, len(roots)) + 0.10 * shared[:, 0] * style.clump)
    length *= np.clip(0.35 + depth_in / 0.12, 0.35, 1)
    fringe = np.zeros(len(roots), bool)
    if style.fringe:
        front = (
            (np.abs(np.arctan2(paint[:, 0], paint[:, 2] + 0.45)) < 0.75) & (paint[:, 1] > 0.85) & (paint[:, 2] > 0.05)
        )
        fringe = front
        length = np.where(front, style.fringe * np.exp(rng.normal(0, 0.05, len(roots))), length)
    layer = rng.random(len(roots)) ** 1.7
    height = style.lift * layer * np.clip(depth_in / 0.25, 0.1, 1)
    begin = normal * (0.22 if style.comb in ("side", "back", "tied") else 0.6) + comb * 0.7
    if style.comb == "out":
        begin = normal + 0.3 * shaggy
    begin /= np.linalg.norm(begin, axis=1, keepdims=True)
    target = TIES.get(style.tie, np.zeros(3, np.float32))
    if style.tie != "none":
        length = 1.25 * np.linalg.norm(roots - target, axis=1)
    # Short hair and hair that is tied lies behind the ears, other hair over them.
    ears = (face.regions["ears"] > 0.3) & (style.length[1] < 0.4 or style.tie != "none")
    table, torso = hull(skin, face.triangles, face.paint, ears), torso_sides(skin, face.triangles, face.paint)
    strands = np.zeros((len(roots), style.steps, 3), np.float32)
    guard = np.full(len(roots), 0.95 if style.comb in ("parted", "fringe") else 0.0, np.float32)
    guard[fringe] = 0
    _grow(
        roots, begin.astype(np.float32), comb.astype(np.float32), length.astype(np.float32), height.astype(np.float32),
        target, float(style.tie != "none"), table, torso, style.gravity, style.fall, style.stiff, CENTRE, guard,
        strands,
    )  # fmt: skip
    t = np.linspace(0, 1, style.steps)[None, :, None]
    if style.curl or style.wave:
        strands += _curled(rng, style, strands, length, lock, len(guides))
    # The ends of a lock draw together.
    if style.clump and style.tie == "none":
        tip = strands[guides][lock]
        draw = 0.75 * style.clump * t**1.5
        strands += (
            draw
            * (tip - strands)
            * np.clip(1 - np.linalg.norm(paint - paint[guides][lock], axis=1) / 0.3, 0, 1)[:, None, None]
        )
    depth = np.clip(0.35 + 0.65 * layer[:, None] * (0.4 + 0.6 * t[..., 0]), 0, 1)
    width = style.width * np.exp(rng.normal(0, 0.15, len(roots)))
    if style.tie != "none":
        extra = _tied(rng, style, target)
        strands, depth = (
            np.concatenate([strands, extra]),
            np.concatenate([depth, 0.5 + 0.5 * rng.random(extra.shape[:2])]),
        )
        width = np.concatenate([width, np.full(len(extra), style.width)])
    return strands, width.astype(np.float32), depth.astype(np.float32)


def _combed(name: str, paint: Array, normal: Array) -> Array:
    """Wanted directions [N, 3] at roots."""
    x, y, z = paint.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    side = np.sign(x + 1e-6)
    if name == "out":
        return normal + np.stack([zero, 0.15 * one, -0.1 * one], 1)
    if name == "forward":
        top = np.clip((y - 0.9) / 0.3, 0, 1)
        return np.stack([0.35 * x, -0.5 + 0.2 * top, 0.9 * top + 0.25], 1)
    if name == "back":
        return np.stack([0.25 * x, -0.15 - 0.35 * np.clip((0.8 - y) / 0.5, 0, 1), -one], 1)
    if name == "side":
        # The parting runs on the subject's left.
        over = np.where(x > 0.30, 1.0, -1.0)
        top = np.clip((y - 0.85) / 0.3, 0, 1) * np.clip((0.75 - np.abs(x)) / 0.25, 0, 1)
        return np.stack([over * (0.15 + 0.95 * top), -1.0 + 0.9 * top, 0.40 * top - 0.45 * (1 - top)], 1)
    if name == "parted":
        back = np.clip((-z - 0.2) / 0.6, 0, 1)
        return np.stack([side * (1.0 - 0.7 * back), -0.35 - 0.5 * back, -0.22 - 0.55 * back], 1)
    if name == "fringe":
        front = np.clip(z / 0.1, 0, 1) * np.clip((y - 0.8) / 0.1, 0, 1) * np.clip((0.62 - np.abs(x)) / 0.1, 0, 1)
        rest = np.stack([side * 0.9, -0.5 * one, -0.35 * one], 1)
        fore = np.stack([0.35 * x, -0.55 * one, one], 1)
        return rest + (fore - rest) * front[:, None]
    return np.stack([side * 0.4, -0.8 * one, -0.2 * one], 1)


def _curled(
    rng: np.random.Generator, style: Style, strands: Array, length: Array, lock: NDArray[np.int64], locks: int
) -> Array:
    """Displacements [N, S, 3]: helices of each lock's own phase, or waves."""
    count, steps, _ = strands.shape
    t = np.linspace(0, 1, steps)[None]
    tangent = np.gradient(strands, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-9
    side = np.cross(tangent, np.array([0.0, 1.0, 0.15]))
    side /= np.linalg.norm(side, axis=2, keepdims=True) + 1e-6
    other = np.cross(tangent, side)
    if style.curl:
        phase = rng.uniform(0, 2 * np.pi, locks)[lock] + rng.normal(0, 0.7, count)
        turns = style.turns * np.exp(rng.normal(0, 0.15, locks))[lock] * length
        angle = 2 * np.pi * turns[:, None] * t + phase[:, None]
        size = style.curl * np.clip(t * 4, 0, 1) * np.exp(rng.normal(0, 0.2, (count, 1)))
        return np.asarray((size * np.cos(angle))[..., None] * side + (size * np.sin(angle))[..., None] * other)
    phase = rng.normal(0, 0.9, locks)[lock]
    angle = 2 * np.pi * (1.35 * t * length[:, None]) + phase[:, None] + rng.normal(0, 0.2, (count, 1))
    size = style.wave * np.clip((t * length[:, None] - 0.5) / 1.0, 0, 1)
    return np.asarray((size * np.sin(angle))[..., None] * side + 0.6 * (size * np.cos(angle))[..., None] * other)


def _tied(rng: np.random.Generator, style: Style, target: Array) -> Array:
    """The tail or the bun behind where hair is tied, strands [N, S, 3]."""
    steps = np.linspace(0, 1, style.steps)
    if style.tie == "tail":
        count = 2600
        angle, radius = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
        swell = 0.05 + 0.13 * np.sin(np.pi * np.clip(steps * 0.85 + 0.1, 0, 1))
        middle = np.stack(
            [
                0.03 * np.sin(steps * 5),
                0.10 * np.sin(steps * 3) - 2.3 * steps**1.4,
                -0.42 * np.sin(steps**0.7 * np.pi * 0.85),
            ],
            1,
        )
        length = rng.uniform(0.8, 1.0, count)[:, None, None]
        ring = np.stack([np.cos(angle) * radius, np.zeros(count), np.sin(angle) * radius], 1)
        return (
            target
            + middle[None] * length
            + ring[:, None] * swell[None, :, None]
            + rng.normal(0, 0.004, (count, style.steps, 3))
        )
    count = 2600
    axis = rng.normal(0, 1, (count, 3)) + np.array([0, 0, 1.5])
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    first = np.cross(axis, rng.normal(0, 1, (count, 3)))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    turn = (steps[None] * rng.uniform(2, 4, count)[:, None])[..., None]
    size = rng.uniform(0.16, 0.24, count)[:, None, None]
    ball = size * (np.cos(turn) * first[:, None] + np.sin(turn) * second[:, None])
    return target + np.array([0, 0.03, -0.12]) + ball


# ---- the face

_BROWS = {  # upper edge, lower edge, from the inner end outwards
    "Right": ((107, 66, 105, 63, 70), (55, 65, 52, 53, 46)),
    "Left": ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276)),
}


def _face_hair(
    rng: np.random.Generator, person: Person, face: Surface, skin: Array, normals: Array
) -> tuple[NDArray[np.int64], Array, Array, Array, NDArray[np.bool_]]:
    """Roots, their weights, local strands [N, 4, 3], widths, and which are brows."""
    batches = [_brow_hair(rng, person, face, skin, side) for side in _BROWS]
    if person.beard != "none":
        batches.append(_beard_hair(rng, person, face, skin))
    widths = [
        np.full(len(b[0]), 0.0042 if i < 2 else 0.0028 if person.beard == "stubble" else 0.0048)
        for i, b in enumerate(batches)
    ]
    brows = np.concatenate([np.full(len(b[0]), i < 2) for i, b in enumerate(batches)])
    roots, weights, directions = (np.concatenate([b[k] for b in batches]) for k in range(3))
    frame = _frames(skin[face.triangles[roots]])
    local = np.einsum("nsc,nkc->nsk", directions, frame)
    return roots, weights, local, np.concatenate(widths), brows


def _brow_hair(
    rng: np.random.Generator, person: Person, face: Surface, skin: Array, side: str
) -> tuple[NDArray[np.int64], Array, Array]:
    count = int(430 * person.brow)
    upper, lower = (face.landmarks[list(ids)] for ids in _BROWS[side])
    t = rng.beta(1.1, 1.25, count)
    full = 0.55 + 0.25 * person.male
    across = rng.normal(0, 0.26 * full + 0.1, count).clip(-0.75, 0.75)
    across *= np.interp(t, [0, 0.15, 0.6, 1.0], [0.95, 1.0, 0.75, 0.3])
    stops = np.linspace(0, 1, 5)
    middle = (upper + lower) / 2
    ridge = np.stack([np.interp(t, stops, middle[:, k]) for k in range(3)], 1)
    breadth = np.stack([np.interp(t, stops, (upper - lower)[:, k]) for k in range(3)], 1)
    wanted = ridge + breadth * across[:, None] * 0.75
    front = np.flatnonzero(
        (face.paint[face.triangles].mean(1)[:, 2] > -0.1) & (face.regions["inside mouth"][face.triangles] < 0.1).all(1)
    )
    centres = face.paint[face.triangles[front]].mean(1)
    _, near = cKDTree(centres).query(wanted)
    roots = front[near]
    weights = _weights_in(face.paint[face.triangles[roots]], wanted)
    outwards = -1.0 if side == "Right" else 1.0
    along = np.gradient(skin[[int(np.linalg.norm(face.paint - p, axis=1).argmin()) for p in middle]], axis=0)
    along = np.stack([np.interp(t, stops, along[:, k]) for k in range(3)], 1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    rise = np.interp(t, [0, 0.2, 0.6, 1], [1.5, 0.75, 0.15, -0.15])[:, None] - 0.35 * across[:, None]
    direction = along + rise * np.array([0.0, 1.0, 0.0]) + rng.normal(0, 0.12, (count, 3))
    normal = vertex_normals(skin, face.triangles)[face.triangles[roots, 0]]
    direction -= (direction * normal).sum(1, keepdims=True) * normal
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = np.interp(t, [0, 0.3, 0.8, 1], [0.075, 0.095, 0.085, 0.055]) * np.exp(rng.normal(0, 0.15, count))
    s = np.linspace(0, 1, 4)[None, :, None]
    bend = np.array([outwards * 0.25, -0.25, 0.0]) * s**2
    # The outer end follows the temple round.
    round_ = 0.35 * np.interp(t, [0.5, 1], [0, 1])[:, None, None] * s**2
    path = s * direction[:, None] + bend + normal[:, None] * (0.16 * s * (1.1 - s) + 0.03 - round_)
    return roots, weights, path * length[:, None, None]


def _beard_hair(
    rng: np.random.Generator, person: Person, face: Surface, skin: Array
) -> tuple[NDArray[np.int64], Array, Array]:
    density = beard_density(face.paint, person.beard)
    lips = (face.regions["lips"] + face.regions["inside mouth"]) > 0.3
    density = np.where(lips, 0, density).astype(np.float32)
    count, long = {"stubble": (9500, 0.020), "moustache": (850, 0.075), "goatee": (2300, 0.11), "full": (10500, 0.19)}[
        person.beard
    ]
    roots, weights = scattered(rng, skin, face.triangles, density, count)
    paint = at(face.paint, face.triangles, (roots, weights))
    normal = at(vertex_normals(skin, face.triangles), face.triangles, (roots, weights))
    lip = np.clip((paint[:, 1] - face.landmarks[61][1]) / 0.05, 0, 1) * (np.abs(paint[:, 0]) < 0.3)
    down = np.stack(
        [np.sign(paint[:, 0]) * (0.25 + 0.75 * lip), -1 + 0.45 * lip, 0.15 * np.ones(count)], 1
    ) + rng.normal(0, 0.22, (count, 3))
    down -= (down * normal).sum(1, keepdims=True) * normal
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    fade = 0.45 + 0.55 * np.clip(at(density[:, None], face.triangles, (roots, weights))[:, 0], 0, 1)
    length = long * np.exp(rng.normal(0, 0.22, count)) * fade
    s = np.linspace(0, 1, 4)[None, :, None]
    stand = 0.55 if person.beard == "stubble" else 0.32
    path = s * down[:, None] + normal[:, None] * (stand * s * (1.4 - 0.7 * s) + 0.02)
    return roots, weights, path * length[:, None, None]


def _weights_in(corners: Array, points: Array) -> Array:
    """Barycentric weights [N, 3], kept inside, of the places in triangles [N, 3, 3] nearest to points [N, 3]."""
    a, b, c = (corners[:, k] for k in range(3))
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    scale = uu * vv - uv * uv + 1e-12
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    weights = np.clip(np.stack([1 - s - t, s, t], 1), 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _lashes(rng: np.random.Generator, person: Person, face: Surface) -> Lashes:
    ends, share, eye, length, fan, up = [], [], [], [], [], []
    for which, above, chain in _lid_edges(face):
        count = int((110 if above > 0 else 45) * min(person.lashes, 1.3))
        steps = np.linalg.norm(np.diff(face.head.mean[chain], axis=0), axis=1)
        u = (np.arange(count) + rng.uniform(0, 1, count)) / count
        t = np.interp(u, np.concatenate([[0], np.cumsum(steps)]) / steps.sum(), np.arange(len(chain)))
        i = np.minimum(t.astype(int), len(chain) - 2)
        ends.append(np.stack([chain[i], chain[i + 1]], 1))
        share.append(t - i)
        eye.append(np.full(count, which))
        middle = np.sin(np.pi * np.clip(u, 0, 1)) ** 0.5
        size = (0.072 if above > 0 else 0.042) * (0.65 + 0.35 * person.lashes)
        length.append(size * (0.4 + 0.6 * middle) * np.exp(rng.normal(0, 0.12, count)))
        fan.append((u - 0.42) * 1.1 + rng.normal(0, 0.10, count))
        up.append(above * (0.62 if above > 0 else 0.75) * np.exp(rng.normal(0, 0.12, count)))
    whole, real = (np.concatenate(ends), np.concatenate(eye)), (share, length, fan, up)
    ends_, eye_ = (x.astype(np.int32) for x in whole)
    share_, length_, fan_, up_ = (np.concatenate(x).astype(np.float32) for x in real)
    return Lashes(ends_, share_, eye_, length_, fan_, up_)


def _lid_edges(face: Surface) -> list[tuple[int, int, NDArray[np.int64]]]:
    """Which eye, 1 above or -1 below, and the head model's vertices along that lid's edge from the nose outwards: the
    row of its lashes' strip that is nearest to the eyeball."""
    head, found = face.head, []
    for which, part in enumerate((Part.RIGHT_LASHES, Part.LEFT_LASHES)):
        own = np.flatnonzero(head.part == part)
        place = np.full(len(head.part), -1)
        place[own] = np.arange(len(own))
        triangles = place[head.triangles]
        triangles = triangles[(triangles >= 0).all(1)]
        sides = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        links = coo_matrix((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), (len(own), len(own)))
        strips = connected_components(links, directed=False)[1]
        middle = head.eye_centres()[which]
        heights = [head.mean[own[strips == k], 1].mean() for k in range(strips.max() + 1)]
        for k, height in enumerate(heights):
            strip = own[strips == k]
            away = np.linalg.norm(head.mean[strip] - middle, axis=1)
            edge = strip[away < away.min() + 0.22 * np.ptp(away)]
            chain = edge[np.argsort(np.abs(head.mean[edge, 0]))]
            found.append((which, 1 if height == max(heights) else -1, chain))
    return found
