"""Small building blocks of signed-distance modelling: smooth minimum and maximum, ramps, bumps, noise.

All work element by element on tensors of one shape; lengths in dm. The smooth minimum is Inigo Quilez's quadratic one
(https://iquilezles.org/articles/smin/).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Points(NamedTuple):
    """Points as three tensors of one shape, which keeps every operation contiguous."""

    x: Tensor
    y: Tensor
    z: Tensor

    def moved(self, dx: Tensor | float, dy: Tensor | float, dz: Tensor | float) -> Points:
        return Points(self.x + dx, self.y + dy, self.z + dz)


def length(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return torch.sqrt(x * x + y * y + z * z + 1e-12)


def smin(a: Tensor, b: Tensor, k: Tensor | float) -> Tensor:
    """Minimum of two distances, blended where they differ by less than `k`."""
    h = torch.relu(k - torch.abs(a - b))
    return torch.minimum(a, b) - h * h * (0.25 / k)


def smax(a: Tensor, b: Tensor, k: Tensor | float) -> Tensor:
    """Maximum of two distances, blended where they differ by less than `k`."""
    h = torch.relu(k - torch.abs(a - b))
    return torch.maximum(a, b) + h * h * (0.25 / k)


def ramp(x: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Smooth step: 0 below `low`, 1 above `high`; reversed where `low > high`."""
    t = ((x - low) / (high - low)).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(x: Tensor, y: Tensor, cx: Tensor | float, cy: Tensor | float, sx: float, sy: float) -> Tensor:
    """Gaussian of height 1 at (cx, cy) with widths (sx, sy)."""
    u, v = (x - cx) / sx, (y - cy) / sy
    return torch.exp(-0.5 * (u * u + v * v))


def mix(a: Tensor | float, b: Tensor | float, t: Tensor) -> Tensor:
    return a + (b - a) * t


def ellipsoid(p: Points, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Tensor:
    """Signed distance to an ellipsoid, exact on its surface (Quilez's first-order estimate elsewhere)."""
    x, y, z = p.x - centre[0], p.y - centre[1], p.z - centre[2]
    k0 = length(x / radii[0], y / radii[1], z / radii[2])
    k1 = length(x / radii[0] ** 2, y / radii[1] ** 2, z / radii[2] ** 2)
    return k0 * (k0 - 1.0) / k1


def cone(
    p: Points, a: tuple[float, float, float], b: tuple[float, float, float], radius_a: float, radius_b: float
) -> Tensor:
    """Capsule between `a` and `b` whose radius changes linearly (distance slightly under-estimated)."""
    ab = [b[i] - a[i] for i in range(3)]
    x, y, z = p.x - a[0], p.y - a[1], p.z - a[2]
    t = ((x * ab[0] + y * ab[1] + z * ab[2]) / sum(c * c for c in ab)).clamp(0.0, 1.0)
    return length(x - t * ab[0], y - t * ab[1], z - t * ab[2]) - mix(radius_a, radius_b, t)


def waves(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Cheap smooth noise, about -1..1, from incommensurate sines; features about 1/frequency of the input."""
    a = torch.sin(x * 1.7 + 1.3 * torch.sin(y * 2.1 + 0.7)) + torch.sin(y * 1.9 + 1.1 * torch.sin(z * 2.3 + 1.9))
    return (a + torch.sin(z * 1.6 + 1.2 * torch.sin(x * 2.7 + 3.1))) / 3.0
