"""Rasterising triangles and hairs on one core, compiled by numba.

Pictures are arrays [H, W]; sample (i, j) is the square from (j, i) to (j + 1, i + 1), its centre half a step further.
Screen places are (column, row, depth) with depth along the camera's +z, dm. Triangles are small, so that what lies
between their corners is interpolated straight on the screen.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from runtime.contract.axes import Array

FAR = np.float32(1e9)


@njit(cache=True, fastmath=True)
def draw_triangles(
    screen: Array, triangles: NDArray[np.int32], depth: Array, index: NDArray[np.int32], bary: Array, culled: int
) -> None:
    """Write the nearest triangle of every sample into `depth` [H, W], `index` [H, W] and `bary` [H, W, 2] (the weights
    of its second and third corner). `screen` is [V, 3]. Of the first `culled` triangles those seen from behind are left
    out."""
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bz = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cz = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0 or (t < culled and area > 0) or min(az, bz, cz) <= 0.1:
            continue
        left, right = max(int(np.floor(min(ax, bx, cx))), 0), min(int(np.ceil(max(ax, bx, cx))), width)
        top, bottom = max(int(np.floor(min(ay, by, cy))), 0), min(int(np.ceil(max(ay, by, cy))), height)
        scale = 1.0 / area
        for i in range(top, bottom):
            y = i + 0.5 - ay
            for j in range(left, right):
                x = j + 0.5 - ax
                wb = (x * (cy - ay) - (cx - ax) * y) * scale
                wc = ((bx - ax) * y - x * (by - ay)) * scale
                if wb >= 0 and wc >= 0 and wb + wc <= 1:
                    z = az + wb * (bz - az) + wc * (cz - az)
                    if z < depth[i, j]:
                        depth[i, j] = z
                        index[i, j] = t
                        bary[i, j, 0] = wb
                        bary[i, j, 1] = wc


@njit(cache=True, fastmath=True)
def draw_depth(screen: Array, triangles: NDArray[np.int32], depth: Array) -> None:
    """Write the nearest depth of triangles into `depth` [H, W]; for shadows."""
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bz = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cz = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0:
            continue
        left, right = max(int(np.floor(min(ax, bx, cx))), 0), min(int(np.ceil(max(ax, bx, cx))), width)
        top, bottom = max(int(np.floor(min(ay, by, cy))), 0), min(int(np.ceil(max(ay, by, cy))), height)
        scale = 1.0 / area
        for i in range(top, bottom):
            y = i + 0.5 - ay
            for j in range(left, right):
                x = j + 0.5 - ax
                wb = (x * (cy - ay) - (cx - ax) * y) * scale
                wc = ((bx - ax) * y - x * (by - ay)) * scale
                if wb >= 0 and wc >= 0 and wb + wc <= 1:
                    z = az + wb * (bz - az) + wc * (cz - az)
                    if z < depth[i, j]:
                        depth[i, j] = z


@njit(cache=True, fastmath=True)
def draw_hair_depth(screen: Array, starts: NDArray[np.int32], every: int, radius: int, depth: Array) -> None:
    """Dots along every n-th hair into `depth` [H, W]; for shadows. See `draw_hairs` for `starts`."""
    height, width = depth.shape
    for s in range(0, starts.shape[0] - 1, every):
        for p in range(starts[s], starts[s + 1] - 1):
            x0, y0, z0 = screen[p, 0], screen[p, 1], screen[p, 2]
            x1, y1, z1 = screen[p + 1, 0], screen[p + 1, 1], screen[p + 1, 2]
            n = int(max(abs(x1 - x0), abs(y1 - y0)) / (radius + 1)) + 1
            for k in range(n):
                f = (k + 0.5) / n
                column, row, z = int(x0 + f * (x1 - x0)), int(y0 + f * (y1 - y0)), z0 + f * (z1 - z0)
                for i in range(max(row - radius, 0), min(row + radius + 1, height)):
                    for j in range(max(column - radius, 0), min(column + radius + 1, width)):
                        if z < depth[i, j]:
                            depth[i, j] = z


FULL = 0.985
"""Coverage from which nothing behind shows."""


@njit(cache=True, fastmath=True)
def draw_hairs(
    screen: Array, order: NDArray[np.int64], width: Array, colour: Array, opacity: Array, depth: Array, hairs: Array
) -> None:
    """Draw hair segments into `hairs` [H, W, 4], premultiplied, in the given order, near to far.

    Segment s goes from point s to s + 1 of `screen` [P, 3]; `width` [P] is in samples, `colour` [P, 3], `opacity` [P].
    What lies behind `depth` [H, W] is hidden.
    """
    rows, columns = depth.shape
    for s in order:
        x0, y0, z0 = screen[s, 0], screen[s, 1], screen[s, 2]
        x1, y1, z1 = screen[s + 1, 0], screen[s + 1, 1], screen[s + 1, 2]
        dx, dy = x1 - x0, y1 - y0
        length = np.sqrt(dx * dx + dy * dy) + 1e-6
        wide = 0.5 * (width[s] + width[s + 1])
        reach = 0.5 * max(wide, 1.0) + 0.5
        thin = min(wide, 1.0)
        ux, uy = dx / length, dy / length
        # Along its steeper way, so that only what it covers is visited.
        steep = abs(dy) > abs(dx)
        slope = dx / dy if steep else (dy / dx if dx != 0 else 0.0)
        spread = reach * np.sqrt(1 + slope * slope)
        low, high = (min(y0, y1), max(y0, y1)) if steep else (min(x0, x1), max(x0, x1))
        first = max(int(np.floor(low - 1)), 0)
        last = min(int(np.ceil(high + 1)), rows if steep else columns)
        for m in range(first, last):
            middle = x0 + (m + 0.5 - y0) * slope if steep else y0 + (m + 0.5 - x0) * slope
            begin = max(int(np.floor(middle - spread)), 0)
            end = min(int(np.ceil(middle + spread)), columns if steep else rows)
            for k in range(begin, end):
                i, j = (m, k) if steep else (k, m)
                left = 1 - hairs[i, j, 3]
                if left < 1 - FULL:
                    continue
                px, py = j + 0.5 - x0, i + 0.5 - y0
                along = px * ux + py * uy
                # Half-open, so that a joint is covered once.
                if along < 0 or along >= length:
                    continue
                cover = min(reach - abs(px * uy - py * ux), 1.0)
                f = along / length
                if cover <= 0 or z0 + f * (z1 - z0) > depth[i, j]:
                    continue
                alpha = left * cover * thin * (opacity[s] + f * (opacity[s + 1] - opacity[s]))
                for n in range(3):
                    hairs[i, j, n] += alpha * (colour[s, n] + f * (colour[s + 1, n] - colour[s, n]))
                hairs[i, j, 3] += alpha


@njit(cache=True, fastmath=True)
def shadow_lookup(points: Array, depth: Array, bias: float, softness: float, out: Array) -> None:
    """Share of light [N] that reaches light-screen `points` [N, 3] past `depth`: 3 × 3 samples, fading over
    `softness` dm behind what is nearest."""
    height, width = depth.shape
    for n in range(points.shape[0]):
        column, row, z = points[n, 0], points[n, 1], points[n, 2] - bias
        total = 0.0
        for i in range(-1, 2):
            for j in range(-1, 2):
                r, c = min(max(int(row + i), 0), height - 1), min(max(int(column + j), 0), width - 1)
                behind = z - depth[r, c]
                total += 1.0 if behind <= 0 else max(1.0 - behind / softness, 0.0)
        out[n] = total / 9
