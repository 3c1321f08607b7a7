"""Lightings, and how much of the surroundings reaches each vertex.

Colours are linear and already divided by π: a white wall that faces a light of colour 1 reflects 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offline.people.raster import FAR, draw_depth, draw_hair_depth
from runtime.contract.axes import Array

Colour = tuple[float, float, float]
SHADOW_SIZE = 640
AROUND_SIZE = 160
AROUND = 32
"""Directions from which the surroundings are looked at."""
REACH = 1.9
"""Half the width of a shadow map around the head's middle, dm."""
MIDDLE = np.array([0.0, -0.05, -0.3], np.float32)


@dataclass(frozen=True)
class Light:
    """A far light. Angles are in degrees: `yaw` to the picture's right, `pitch` upwards, `size` its radius."""

    yaw: float
    pitch: float
    colour: Colour
    size: float = 8.0

    @property
    def row(self) -> list[float]:
        """Direction, colour, roughness that its size adds."""
        yaw, pitch = np.radians([self.yaw, self.pitch])
        direction = (np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch))
        return [*direction, *self.colour, np.radians(self.size) * 0.35]


@dataclass(frozen=True)
class Lighting:
    """The first of `lights` throws shadows; radiance of the surroundings from `below`, `level` and `above`."""

    lights: tuple[Light, ...]
    below: Colour
    level: Colour
    above: Colour
    exposure: float = 1.0

    def arrays(self) -> tuple[Array, Array]:
        """lights [L, 7] and surroundings [3, 3], as `shade` takes them."""
        rows = np.array([light.row for light in self.lights], np.float32)
        return rows, np.array([self.below, self.level, self.above], np.float32)


LIGHTINGS: dict[str, Lighting] = {
    "studio": Lighting(
        (
            Light(-35, 35, (1.35, 1.28, 1.20), 14),
            Light(50, 10, (0.28, 0.30, 0.34), 25),
            Light(155, 30, (0.9, 0.9, 0.95), 10),
        ),
        (0.22, 0.20, 0.19),
        (0.34, 0.34, 0.36),
        (0.52, 0.53, 0.56),
    ),
    "window": Lighting(
        (Light(62, 22, (1.5, 1.55, 1.65), 20), Light(-60, 5, (0.16, 0.14, 0.12), 30)),
        (0.24, 0.21, 0.18),
        (0.34, 0.33, 0.33),
        (0.40, 0.40, 0.42),
    ),
    "overcast": Lighting(
        (Light(10, 60, (0.55, 0.57, 0.60), 30),),
        (0.30, 0.29, 0.27),
        (0.62, 0.64, 0.67),
        (0.95, 0.98, 1.04),
    ),
    "evening": Lighting(
        (Light(-70, 14, (1.9, 1.35, 0.85), 6), Light(140, 20, (0.7, 0.55, 0.4), 10)),
        (0.22, 0.18, 0.15),
        (0.34, 0.36, 0.42),
        (0.40, 0.46, 0.58),
    ),
    "office": Lighting(
        (
            Light(-12, 66, (0.85, 0.87, 0.85), 18),
            Light(30, 50, (0.4, 0.4, 0.38), 20),
            Light(-50, 0, (0.18, 0.2, 0.24), 25),
        ),
        (0.26, 0.25, 0.23),
        (0.40, 0.40, 0.39),
        (0.62, 0.63, 0.62),
    ),
    "lamp": Lighting(
        (Light(28, 30, (1.45, 1.15, 0.85), 10), Light(-130, 25, (0.25, 0.32, 0.5), 10)),
        (0.18, 0.15, 0.13),
        (0.26, 0.24, 0.23),
        (0.28, 0.27, 0.28),
    ),
}


BRIGHTEST, STEPS = 8.0, 4096


@cache
def display_table(exposure: float) -> Array:
    """[4096], display values 0..1 of linear light 0..8, by its square root: the shoulder of film (Narkowicz's fit to
    ACES, 2015), then sRGB's curve."""
    x = (np.linspace(0, np.sqrt(BRIGHTEST), STEPS) ** 2) * (0.58 * exposure)
    film = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    return np.where(film < 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055).astype(np.float32)


@njit(cache=True, fastmath=True)
def develop(
    lit: Array, albedo: Array, gloss: Array, index: NDArray[np.int32], hairs: Array, table: Array, over: int,
    colour: Array, alpha: Array,
) -> None:  # fmt: skip
    """Hair over surface, to display values: premultiplied `colour` [H, W, 3] and `alpha` [H, W], each pixel the mean of
    `over` × `over` samples."""
    scale = (table.shape[0] - 1) / np.sqrt(BRIGHTEST)
    share = 1.0 / (over * over)
    for i in range(alpha.shape[0]):
        for j in range(alpha.shape[1]):
            for u in range(over):
                for v in range(over):
                    r, c = i * over + u, j * over + v
                    covered = hairs[r, c, 3]
                    solid = 1.0 if index[r, c] >= 0 else 0.0
                    total = covered + (1 - covered) * solid
                    if total <= 0:
                        continue
                    for k in range(3):
                        value = hairs[r, c, k]
                        if solid > 0:
                            value += (1 - covered) * (albedo[r, c, k] * lit[r, c, k] + gloss[r, c, k])
                        step = min(int(np.sqrt(max(value / total, 0.0)) * scale + 0.5), table.shape[0] - 1)
                        colour[i, j, k] += share * total * table[step]
                    alpha[i, j] += share * total


@cache
def directions(count: int = AROUND) -> Array:
    """[count, 3], spread evenly over the sphere without its lowest part (Fibonacci's spiral)."""
    steps = np.arange(count) + 0.5
    y = 1 - steps * (1.75 / count)
    angle = steps * np.pi * (3 - np.sqrt(5))
    across = np.sqrt(1 - y * y)
    return np.stack([np.sin(angle) * across, y, np.cos(angle) * across], 1).astype(np.float32)


def shadow_matrix(towards: Array, size: int, centre: Array) -> Array:
    """[3, 4], world to (column, row, depth) of a far light's picture of the head."""
    forward = -towards / np.linalg.norm(towards)
    side = np.cross(forward, np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.95 else np.array([0.0, 0.0, 1.0]))
    side /= np.linalg.norm(side)
    rows = np.stack([side, np.cross(forward, side), forward])
    rows[:2] *= size / (2 * REACH)
    shift = np.array([size / 2, size / 2, 20.0]) - rows @ centre
    return np.concatenate([rows, shift[:, None]], 1).astype(np.float32)


def seen_from(matrix: Array, places: Array) -> Array:
    """`places` [N, 3] in a light's (column, row, depth)."""
    return np.ascontiguousarray(places @ np.ascontiguousarray(matrix[:, :3].T) + matrix[:, 3], dtype=np.float32)


def depths_from(
    matrix: Array,
    size: int,
    places: Array,
    triangles: NDArray[np.int32],
    hair: Array,
    starts: NDArray[np.int32],
    every: int,
) -> Array:
    """What a light sees [size, size]: nearest depths of triangles and of every n-th hair."""
    depth = np.full((size, size), FAR, np.float32)
    draw_depth(seen_from(matrix, places), triangles, depth)
    if len(hair):
        draw_hair_depth(seen_from(matrix, hair), starts, every, 1, depth)
    return depth


@njit(cache=True, fastmath=True)
def gather(
    screen: Array, normal: Array, depth: Array, towards: Array, radiance: Array, bias: float, out: Array
) -> None:
    """Add one direction's light to `out` [V, 3] of vertices where `depth` shows nothing before them."""
    size = depth.shape[0]
    for v in range(screen.shape[0]):
        cosine = normal[v, 0] * towards[0] + normal[v, 1] * towards[1] + normal[v, 2] * towards[2]
        if cosine <= 0:
            continue
        # A surface that the light grazes would shade itself.
        column, row, z = screen[v, 0] - 0.5, screen[v, 1] - 0.5, screen[v, 2] - bias * (1 + 2 * (1 - cosine))
        c, r = int(np.floor(column)), int(np.floor(row))
        share = 1.0
        if 0 <= c < size - 1 and 0 <= r < size - 1:
            share = 0.0
            for i in range(2):
                for j in range(2):
                    behind = z - depth[r + i, c + j]
                    weight = (column - c if j else 1 - column + c) * (row - r if i else 1 - row + r)
                    share += weight * (1.0 if behind <= 0 else max(1 - behind / 0.03, 0.0))
        for k in range(3):
            out[v, k] += share * cosine * radiance[k]


def radiance_from(surroundings: Array, towards: Array) -> Array:
    """[3], the surroundings' colour in a direction; see `shade.sky`."""
    below, level, above = surroundings
    return np.asarray(level + (above - level) * towards[1] if towards[1] > 0 else level + (level - below) * towards[1])
