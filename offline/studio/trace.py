"""Sphere tracing: where rays first meet a distance field.

Rays are unit along the camera's +z, so a ray's parameter is depth; steps are divided by the ray's length. Only rays still
under way are evaluated.
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
    inverse_length = CAUTION / torch.linalg.norm(directions, dim=0)
    active = torch.arange(n)
    for _ in range(steps):
        if active.numel() == 0:
            break
        t = depth[active]
        pairs = zip(directions[:, active].split(CHUNK, 1), t.split(CHUNK), strict=True)
        d = torch.cat([distance(along(origin, rays, depths)) for rays, depths in pairs])
        approach[active] = torch.minimum(approach[active], d / t)
        arrived = d < tolerance
        t = t + d * inverse_length[active]
        depth[active] = t
        hit[active] = arrived
        going = ~arrived & (t < far)
        active, last = active[going], d[going]
    if active.numel():  # grazing rays that creep along a surface are on it
        hit[active] = last < 8 * tolerance
    return Hits(depth, hit, approach)


def normals(distance: Distance, p: Points, epsilon: float) -> Points:
    """Unit normals by differences over a tetrahedron (four evaluations)."""
    total = [torch.zeros_like(p.x) for _ in range(3)]
    for sx, sy, sz in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        d = distance(p.moved(sx * epsilon, sy * epsilon, sz * epsilon))
        for i, s in enumerate((sx, sy, sz)):
            total[i] += s * d
    scale = torch.rsqrt(total[0] ** 2 + total[1] ** 2 + total[2] ** 2 + 1e-20)
    return Points(*(component * scale for component in total))
