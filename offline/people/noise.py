"""Noise in space: one small volume that repeats, looked up at any scale."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from runtime.contract.axes import Array

CELLS = 64
"""The volume's side; a power of two. It repeats after as many units."""


@cache
def volume() -> Array:
    """[64, 64, 64, 4] smooth noise without a mean and of variance 1, with features about 2 units wide; its channels are
    independent of each other."""
    rng = np.random.default_rng(0x5EED)
    white = rng.standard_normal((CELLS, CELLS, CELLS, 4))
    smooth = np.stack([gaussian_filter(white[..., k], 0.9, mode="wrap") for k in range(4)], -1)
    return ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)


@njit(cache=True, fastmath=True, inline="always")
def noise(table: Array, x: float, y: float, z: float, channel: int) -> float:
    """One channel of `volume` at a place in units, trilinear."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = x - fx, y - fy, z - fz
    i, j, k = int(fx) & 63, int(fy) & 63, int(fz) & 63
    i1, j1, k1 = (i + 1) & 63, (j + 1) & 63, (k + 1) & 63
    a = table[i, j, k, channel] * (1 - w) + table[i, j, k1, channel] * w
    b = table[i, j1, k, channel] * (1 - w) + table[i, j1, k1, channel] * w
    c = table[i1, j, k, channel] * (1 - w) + table[i1, j, k1, channel] * w
    d = table[i1, j1, k, channel] * (1 - w) + table[i1, j1, k1, channel] * w
    return (a * (1 - v) + b * v) * (1 - u) + (c * (1 - v) + d * v) * u


@njit(cache=True, fastmath=True)
def noise_at(table: Array, points: Array, channel: int) -> Array:
    """`noise` at places [N, 3] in units."""
    out = np.empty(points.shape[0], np.float32)
    for n in range(points.shape[0]):
        out[n] = noise(table, points[n, 0], points[n, 1], points[n, 2], channel)
    return out
