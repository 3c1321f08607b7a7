"""Hair: a shell over the skull with a side parting, combed sideways, and lengths that fall behind the ears.

Strands are a fine displacement and a colour variation along the combing direction, both read in one strand coordinate.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points, ellipsoid, mix, ramp, smax, smin, waves
from offline.studio.identity import Shape

PARTING = 0.24


class Hair(NamedTuple):
    distance: Tensor
    strand: Tensor
    """Strand coordinate: constant along a strand, about 25 per dm across."""


def hairline(q: Points) -> Tensor:
    """Positive on the scalp's side of the hairline, negative on the face (about a distance, dm)."""
    x = torch.abs(q.x)
    notch = 0.05 * torch.exp(-(((q.x - PARTING) / 0.10) ** 2))
    front = q.y - (0.81 - 0.85 * x**4 + notch)
    side = mix(-0.52, -0.05, ramp(q.y, 0.16, 0.40)) - q.z
    return smax(front, side, 0.12)


def hair(q: Points, identity: Shape) -> Hair:
    volume = identity.hair_volume
    strand = _strand(q)
    line = hairline(q)
    root = ramp(line, 0.0, 0.30)
    lock = 0.012 * waves(strand * 0.30, q.y * 1.2, q.z * 1.2) * root
    fine = 0.0016 * torch.sin(strand * 3.1 + 2.0 * torch.sin(strand * 0.61))
    thick = volume * (0.25 + 0.75 * root)
    cap = ellipsoid(q, (0.0, 0.305, -0.245), (0.80, 0.87, 0.855)) - 0.085 * thick
    swell = 0.06 * thick * torch.exp(-(((q.x + 0.25) / 0.4) ** 2) - ((q.y - 1.0) / 0.3) ** 2)
    part = 0.03 * torch.exp(-(((q.x - PARTING) / 0.035) ** 2)) * ramp(q.z, -0.6, 0.0) * ramp(q.y, 0.6, 0.8)
    cap = cap - swell + part
    scalp = smax(cap, -line * 0.7, 0.05)
    distance = smin(scalp, _lengths(q, identity), 0.12)
    return Hair((distance + lock + fine) * 0.75, strand)


def _lengths(q: Points, identity: Shape) -> Tensor:
    """The hair that falls behind the ears to the neck."""
    x = torch.abs(q.x)
    bottom = mix(-0.25, -1.35, identity.hair_length)
    fall = ellipsoid(Points(x, q.y, q.z), (0.30, -0.15, -0.66), (0.62, 1.25, 0.40))
    return smax(fall, bottom - q.y + 0.10 * torch.sin(x * 7.0), 0.15)


def _strand(q: Points) -> Tensor:
    """Across-strand coordinate: combed from the hairline over the crown to the back, falling behind the ears."""
    over = torch.atan2(q.x - PARTING * ramp(q.y, 0.4, 0.9), torch.relu(q.y - 0.05) + 0.12) * 20.0
    over = over + 4.0 * (q.z + 0.3) * torch.sign(q.x - PARTING) * (1.0 - torch.exp(-(((q.x - PARTING) / 0.15) ** 2)))
    down = torch.atan2(q.x, q.z + 0.25) * 17.0 + 1.5 * torch.sin(q.y * 4.0)
    return mix(down, over, ramp(q.y, -0.15, 0.40))
