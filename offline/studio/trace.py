"""Sphere tracing: where rays first meet a distance field.

Rays are unit along the camera's +z, so a ray's parameter is depth; steps are divided by the ray's length. Only rays
still under way are evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points

Distance = Callable[[Points], Tensor]
CHUNK = 16384
"""Points evaluated at once: few enough for the arrays to stay in the processor's cache."""
CAUTION = 0.85
"""Share of the distance that a step goes; the field is bent by warps and is not exactly a distance."""
NEWTON_BELOW = 0.15
"""Distance (dm) below which the slope measured along the ray is trusted."""
LONGEST = 3.0
"""How many cautious steps a trusted one may replace."""


class Hits(NamedTuple):
    depth: Tensor
    """[N] depth of the surface; of the nearest approach for rays that miss."""
    hit: Tensor
    """[N] bool."""
    approach: Tensor
    """[N] the smallest distance over depth along the ray: how closely a missing ray passes, as a slope."""


def along(origin: Tensor, directions: Tensor, depth: Tensor) -> Points:
    """Points [N] at `depth` on rays from `origin` [3] along `directions` [3, N]."""
    return Points(*(origin[i] + directions[i] * depth for i in range(3)))


def trace(
    distance: Distance, origin: Tensor, directions: Tensor, near: Tensor, far: float, tolerance: float, steps: int = 48
) -> Hits:
    """March rays from depth `near` [N] to `far`; `tolerance` is the distance (dm) that counts as a hit."""
    n = near.shape[0]
    depth, hit = near.clone(), torch.zeros(n, dtype=torch.bool)
    approach = torch.full((n,), torch.inf)
    active, t, rays = torch.arange(n), near, directions
    cautious = CAUTION * torch.rsqrt((directions * directions).sum(0))
    last, step = torch.full((n,), torch.inf), torch.ones(n)
    for _ in range(steps):
        chunks = zip(rays.split(CHUNK, 1), t.split(CHUNK), strict=True)
        d = torch.cat([distance(along(origin, *chunk)) for chunk in chunks])
        approach[active] = torch.minimum(approach[active], d / t)
        # The distance's measured slope along the ray allows a longer step (Newton's) where the surface is slanted.
        slope, safe = (last - d) / step, d * cautious
        newton = torch.minimum(d / slope.clamp(min=0.05), LONGEST * safe)
        trusted = (slope > 0.05) & (d > 0) & (d < NEWTON_BELOW)
        step = torch.where(trusted, torch.maximum(newton, safe), safe)
        arrived = torch.abs(d) < tolerance  # a step that went too far is taken back
        t, last = t + step, d
        depth[active], hit[active] = t, arrived
        going = torch.nonzero(~arrived & (t < far))[:, 0]
        if going.numel() == 0:
            return Hits(depth, hit, approach)
        active, t, last, step, cautious = active[going], t[going], last[going], step[going], cautious[going]
        rays = rays[:, going]
    hit[active] = last < 8 * tolerance  # grazing rays that creep along a surface are on it
    return Hits(depth, hit, approach)


def normals(distance: Distance, p: Points, here: Tensor, epsilon: float) -> Points:
    """Unit normals by forward differences from the distances `here` [N] at the points (three evaluations)."""
    steps = ((epsilon, 0.0, 0.0), (0.0, epsilon, 0.0), (0.0, 0.0, epsilon))
    slope = [distance(p.moved(*step)) - here for step in steps]
    scale = torch.rsqrt(slope[0] ** 2 + slope[1] ** 2 + slope[2] ** 2 + 1e-20)
    return Points(*(component * scale for component in slope))
