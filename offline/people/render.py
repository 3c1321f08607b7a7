"""Pictures of studio people: from a person, a moment and a camera to colour, matte, depth and labels."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from offline.people.light import (
    AROUND,
    AROUND_SIZE,
    LIGHTINGS,
    MIDDLE,
    SHADOW_SIZE,
    Lighting,
    depths_from,
    develop,
    directions,
    display_table,
    gather,
    radiance_from,
    seen_from,
    shadow_matrix,
)
from offline.people.mesh import vertex_normals
from offline.people.model import Model
from offline.people.noise import volume
from offline.people.raster import FAR, draw_hairs, draw_triangles, shadow_lookup
from offline.people.shade import shade
from offline.people.skin import wrinkle_weights
from runtime.contract.axes import Array, Camera, Neck
from runtime.contract.drive import DriveState

OVER = 2
"""Samples along a pixel's side."""
SCATTER = ((0.021, (0.36, 0.0, 0.0)), (0.011, (0.42, 0.52, 0.20)))
"""How light spreads under skin: widths (dm) of Gaussians and their shares of red, green and blue; the rest stays."""


class Render(NamedTuple):
    """A picture; rows run downwards."""

    color: Array
    """[H, W, 3] display values 0..1, premultiplied by alpha."""
    alpha: Array
    """[H, W] coverage 0..1."""
    depth: Array
    """[H, W] along the camera's +z, dm, of the surface without hair; 0 where nothing is hit."""
    labels: NDArray[np.uint8]
    """[H, W], `shade.Material` + 1 of the surface without hair, 0 where nothing is hit."""

    def rgba(self) -> NDArray[np.uint8]:
        """8-bit RGBA with straight alpha [H, W, 4]."""
        straight = self.color / np.maximum(self.alpha, 1e-3)[..., None]
        return (np.concatenate([straight, self.alpha[..., None]], -1).clip(0, 1) * 255 + 0.5).astype(np.uint8)

    def over(self, background: tuple[float, float, float]) -> NDArray[np.uint8]:
        """8-bit RGB [H, W, 3] on a plain background (display values 0..1)."""
        rgb = self.color + (1 - self.alpha[..., None]) * np.array(background, np.float32)
        return (rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def render(
    model: Model, state: DriveState, camera: Camera, size: int, lighting: Lighting | None = None, around: int = AROUND
) -> Render:
    """Render a square picture of `size` pixels; `lighting` is the person's own by default.

    The surroundings' light comes from `around` directions: fewer are quicker and grainier.
    """
    light = lighting or LIGHTINGS[model.person.lighting]
    pose, head = state.pose, model.surface.head
    places, moved = model.vertices(state.expression)
    hair, count = model.hair, len(model.surface.paint)
    strands = hair.places(places[:count], model.surface.triangles, moved, head.eye_centres(model.identity))
    world, hair_world = to_world(places, pose), to_world(strands, pose)
    triangles = model.triangles
    normal = vertex_normals(world, triangles)
    # The skin's normals come from all of it, also from what clothes hide.
    normal[:count] = vertex_normals(world[:count], model.surface.triangles)
    rows, surroundings = light.arrays()
    focus = (pose[:, :3] @ MIDDLE + pose[:, 3]).astype(np.float32)
    ambient = _ambient(world, normal, model.coarse, *hair.thinned(hair_world), surroundings, focus, around)
    for _ in range(3):
        # Few directions leave grain on the skin.
        ambient[:count] = model.links @ ambient[:count]
    key = shadow_matrix(rows[0, :3], SHADOW_SIZE, focus)
    shadow = depths_from(key, SHADOW_SIZE, world, model.coarse, hair_world, hair.starts, 2)

    wide = size * OVER
    screen = _screen(world, camera, wide)
    depth = np.full((wide, wide), FAR, np.float32)
    index = np.full((wide, wide), -1, np.int32)
    bary = np.zeros((wide, wide, 2), np.float32)
    # The lining of lids and nostrils must not show where a strong expression pushes skin through it.
    draw_triangles(screen, triangles, depth, index, bary, int(model.bare.sum()))
    lit, albedo, gloss = (np.zeros((wide, wide, 3), np.float32) for _ in range(3))
    scatter = np.zeros((wide, wide), np.float32)
    eye = (-camera.extrinsics[:, :3].T @ camera.extrinsics[:, 3]).astype(np.float32)
    middle = float(camera.extrinsics[2, :3] @ focus + camera.extrinsics[2, 3])
    footprint = middle / (float(camera.intrinsics[0]) * wide)
    turns = np.stack(head.eye_turns(state.expression))
    axes = np.ascontiguousarray((turns[:, :, 2] @ pose[:, :3].T).astype(np.float32))
    shade(
        index, bary, triangles, model.material, model.paint, world, normal, ambient, np.ascontiguousarray(pose[:, :3]),
        eye, axes, rows, shadow, key, surroundings, model.skin, _wrinkled(model, state), model.numbers, volume(),
        footprint, lit, albedo, gloss, scatter,
    )  # fmt: skip
    lit = _scattered(lit, scatter, footprint)
    hairs = _hairs(depth, model, hair_world, camera, wide, eye, rows, surroundings, shadow, key, focus)
    colour, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    develop(lit, albedo, gloss, index, hairs, display_table(light.exposure), OVER, colour, alpha)
    corner = np.ascontiguousarray(index[::OVER, ::OVER])
    hit = corner >= 0
    labels = np.where(hit, model.material[np.maximum(corner, 0)] + 1, 0).astype(np.uint8)
    return Render(colour, alpha, np.where(hit, depth[::OVER, ::OVER], 0).astype(np.float32), labels)


def landmarks(model: Model, state: DriveState) -> Array:
    """MediaPipe's landmarks [478, 3] of a moment in world space: where they are, not where a detector finds them."""
    head = model.surface.head
    return to_world(head.landmarks(head.vertices(model.identity, state.expression)), state.pose)


def to_world(points: Array, pose: Array) -> Array:
    """World places [N, 3] of which `Neck.to_head` makes `points` [N, 3] under the head pose [3, 4]."""
    neck = Neck()
    return _bent(points, pose, np.array([*neck.pivot, neck.low, neck.high, neck.lean], np.float32))


@njit(cache=True, fastmath=True)
def _bent(points: Array, pose: Array, neck: Array) -> Array:
    """`to_world` by fixed-point steps; `neck` is pivot, low, high, lean."""
    out = np.empty_like(points)
    px, py, pz, low, high, lean = neck[0], neck[1], neck[2], neck[3], neck[4], neck[5]
    tx = pose[0, 0] * px + pose[0, 1] * py + pose[0, 2] * pz + pose[0, 3] - px
    ty = pose[1, 0] * px + pose[1, 1] * py + pose[1, 2] * pz + pose[1, 3] - py
    tz = pose[2, 0] * px + pose[2, 1] * py + pose[2, 2] * pz + pose[2, 3] - pz
    for n in range(points.shape[0]):
        hx, hy, hz = points[n, 0], points[n, 1], points[n, 2]
        x = pose[0, 0] * hx + pose[0, 1] * hy + pose[0, 2] * hz + pose[0, 3]
        y = pose[1, 0] * hx + pose[1, 1] * hy + pose[1, 2] * hz + pose[1, 3]
        z = pose[2, 0] * hx + pose[2, 1] * hy + pose[2, 2] * hz + pose[2, 3]
        for _ in range(40):
            t = min(max((y - ty + lean * (z - tz) - low) / (high - low), 0.0), 1.0)
            w = t * t * (3 - 2 * t)
            ax, ay, az = x - pose[0, 3], y - pose[1, 3], z - pose[2, 3]
            bx = pose[0, 0] * ax + pose[1, 0] * ay + pose[2, 0] * az
            by = pose[0, 1] * ax + pose[1, 1] * ay + pose[2, 1] * az
            bz = pose[0, 2] * ax + pose[1, 2] * ay + pose[2, 2] * az
            ex, ey, ez = (
                hx - w * bx - (1 - w) * (x - tx), hy - w * by - (1 - w) * (y - ty), hz - w * bz - (1 - w) * (z - tz)
            )  # fmt: skip
            if abs(ex) + abs(ey) + abs(ez) < 1e-5:
                break
            # The residual, turned as far as the head's share says.
            rx = pose[0, 0] * ex + pose[0, 1] * ey + pose[0, 2] * ez
            ry = pose[1, 0] * ex + pose[1, 1] * ey + pose[1, 2] * ez
            rz = pose[2, 0] * ex + pose[2, 1] * ey + pose[2, 2] * ez
            x += w * rx + (1 - w) * ex
            y += w * ry + (1 - w) * ey
            z += w * rz + (1 - w) * ez
        out[n, 0], out[n, 1], out[n, 2] = x, y, z
    return out


def _screen(world: Array, camera: Camera, wide: int) -> Array:
    """(column, row, depth) [N, 3] in samples and dm."""
    seen = world @ camera.extrinsics[:, :3].T + camera.extrinsics[:, 3]
    place = seen[:, :2] / np.maximum(seen[:, 2:], 1e-3) * camera.intrinsics[:2] + camera.intrinsics[2:]
    return np.concatenate([place * wide, seen[:, 2:]], 1).astype(np.float32)


def _ambient(
    world: Array, normal: Array, triangles: NDArray[np.int32], hair: Array, starts: NDArray[np.int32],
    surroundings: Array, focus: Array, around: int,
) -> Array:  # fmt: skip
    """Light from all around [V, 3] that reaches the vertices past one another, past hair and clothes."""
    out = np.zeros_like(world)
    # Each direction stands for its share of the sphere; divided by π as all light here.
    share = 4 * np.pi * 0.875 / around / np.pi
    for towards in directions(around):
        matrix = shadow_matrix(towards, AROUND_SIZE, focus)
        depth = depths_from(matrix, AROUND_SIZE, world, triangles, hair, starts, 1)
        radiance = (share * radiance_from(surroundings, towards)).astype(np.float32)
        gather(seen_from(matrix, world), normal, depth, towards, radiance, 0.012, out)
    return out


def _wrinkled(model: Model, state: DriveState) -> Array:
    """Heights [H, W] of the skin's lines at a moment, dm."""
    weights = wrinkle_weights(state.expression, model.person.wrinkled)
    half = model.wrinkles.shape[2] // 2
    sides = (model.wrinkles[:, :, :half], model.wrinkles[:, :, half:])
    return np.concatenate([np.tensordot(weights[:, k], sides[k], 1) for k in range(2)], 1).astype(np.float32)


def _scattered(lit: Array, scatter: Array, footprint: float) -> Array:
    """`lit` [H, W, 3] spread under the skin, where `scatter` [H, W] says."""
    rows, columns = np.flatnonzero(scatter.any(1)), np.flatnonzero(scatter.any(0))
    if not len(rows):
        return lit
    # Twice as coarse: what is blurred away is not worth computing.
    box = np.s_[rows[0] & ~1 : (rows[-1] | 1) + 1, columns[0] & ~1 : (columns[-1] | 1) + 1]
    mask = (scatter[box] > 0).astype(np.float32)[..., None]
    weighted = np.concatenate([lit[box] * mask, mask], 2)
    half = cv2.resize(weighted, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    total = np.zeros((*half.shape[:2], 3), np.float32)
    for width, shares in SCATTER:
        soft = cv2.GaussianBlur(half, (0, 0), max(width / footprint / 2, 0.2))
        total += soft[..., :3] / np.maximum(soft[..., 3:], 1e-3) * np.array(shares, np.float32)
    full = cv2.resize(total, (weighted.shape[1], weighted.shape[0]), interpolation=cv2.INTER_LINEAR)
    own = 1 - np.sum([shares for _, shares in SCATTER], 0).astype(np.float32)
    spread = scatter[box][..., None]
    lit[box] += spread * (full + (own - 1) * lit[box])
    return lit


@njit(cache=True, fastmath=True)
def _shade_hair(
    places: Array, starts: NDArray[np.int32], colour: Array, deep: Array, lit: Array, eye: Array, lights: Array,
    env: Array, focus: Array, out: Array,
) -> None:  # fmt: skip
    """Colours [P, 3] of strand points after Kajiya and Kay (1989), with Marschner's two highlights (2003): one white
    and shifted to the tip, one of the hair's colour and shifted to the root."""
    for s in range(starts.shape[0] - 1):
        first, last = starts[s], starts[s + 1]
        jitter = (((s * 2654435761) & 1023) / 1023.0 - 0.5) * 0.10
        for p in range(first, last):
            a, b = max(p - 1, first), min(p + 1, last - 1)
            tx, ty, tz = places[b, 0] - places[a, 0], places[b, 1] - places[a, 1], places[b, 2] - places[a, 2]
            norm = 1 / (np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9)
            tx, ty, tz = tx * norm, ty * norm, tz * norm
            vx, vy, vz = eye[0] - places[p, 0], eye[1] - places[p, 1], eye[2] - places[p, 2]
            norm = 1 / np.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx * norm, vy * norm, vz * norm
            ox, oy, oz = places[p, 0] - focus[0], places[p, 1] - focus[1], places[p, 2] - focus[2]
            norm = 1 / (np.sqrt(ox * ox + oy * oy + oz * oz) + 1e-9)
            ox, oy, oz = ox * norm, oy * norm, oz * norm
            open_ = 0.25 + 0.75 * deep[p]
            red = green = blue = 0.0
            for n in range(lights.shape[0]):
                lx, ly, lz = lights[n, 0], lights[n, 1], lights[n, 2]
                facing = ox * lx + oy * ly + oz * lz
                share = lit[p] if n == 0 else min(max(0.5 + 0.9 * facing, 0.0), 1.0)
                share *= open_
                tl, tv = tx * lx + ty * ly + tz * lz, tx * vx + ty * vy + tz * vz
                diffuse = np.sqrt(max(1 - tl * tl, 0.0)) * min(max(0.35 + 0.65 * facing, 0.0), 1.0)
                sl, sv = np.sqrt(max(1 - tl * tl, 0.0)), np.sqrt(max(1 - tv * tv, 0.0))
                # The cone that a strand mirrors into: cosine of how far off it the eye is.
                angle = np.arcsin(min(max(tl, -1.0), 1.0)) + np.arcsin(min(max(tv, -1.0), 1.0))
                one = np.exp(-(((angle + 0.14 + jitter) / 0.16) ** 2))
                two = np.exp(-(((angle - 0.20 + jitter) / 0.28) ** 2))
                w = share * sl * sv
                for k in range(3):
                    value = lights[n, 3 + k] * (colour[p, k] * share * diffuse * 0.85)
                    value += lights[n, 3 + k] * w * (0.07 * one + 0.75 * colour[p, k] * two)
                    if k == 0:
                        red += value
                    elif k == 1:
                        green += value
                    else:
                        blue += value
            for k in range(3):
                around = (
                    env[1, k] + (env[2, k] - env[1, k]) * oy if oy > 0 else env[1, k] + (env[1, k] - env[0, k]) * oy
                )
                value = around * open_ * (colour[p, k] * 0.9 + 0.006)
                out[p, k] = value + (red if k == 0 else green if k == 1 else blue)


def _hairs(
    depth: Array, model: Model, places: Array, camera: Camera, wide: int, eye: Array, rows: Array,
    surroundings: Array, shadow: Array, key: Array, focus: Array,
) -> Array:  # fmt: skip
    """Strands [H, W, 4], premultiplied linear light."""
    hair = model.hair
    lit = np.empty(len(places), np.float32)
    shadow_lookup(seen_from(key, places), shadow, 0.04, 0.30, lit)
    colour = np.empty_like(places)
    _shade_hair(places, hair.starts, hair.colour, hair.shade, lit, eye, rows, surroundings, focus, colour)
    screen = _screen(places, camera, wide)
    width = hair.width * (float(camera.intrinsics[0]) * wide) / np.maximum(screen[:, 2], 0.1)
    joins = np.ones(len(places), bool)
    joins[hair.starts[1:] - 1] = False
    segments = np.flatnonzero(joins)
    order = segments[np.argsort(screen[segments, 2])]
    hairs = np.zeros((wide, wide, 4), np.float32)
    draw_hairs(screen, order, width.astype(np.float32), colour, hair.opacity, depth, hairs)
    return hairs
