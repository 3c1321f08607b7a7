"""Hair: a shell over the skull with a side parting, combed sideways, and lengths that fall behind the ears.

Strands are a fine displacement and a colour variation along the combing direction, both read in one strand coordinate.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points, ellipsoid, mix, ramp, smax, smin, waves
from offline.studio.identity import Identity

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


def hair(q: Points, identity: Identity) -> Hair:
    volume = identity.hair_volume
    strand = _strand(q)
    lock = 0.016 * waves(strand * 0.35, q.y * 1.2, q.z * 1.2)
    fine = 0.0035 * torch.sin(strand * 2.6 + 2.0 * torch.sin(strand * 0.61))
    cap = ellipsoid(q, (0.0, 0.31, -0.26), (0.81 + 0.05 * volume, 0.86 + 0.11 * volume, 0.86 + 0.09 * volume))
    swell = 0.05 * volume * torch.exp(-(((q.x + 0.25) / 0.4) ** 2) - ((q.y - 1.0) / 0.3) ** 2)
    part = 0.03 * torch.exp(-(((q.x - PARTING) / 0.035) ** 2)) * ramp(q.z, -0.6, 0.0) * ramp(q.y, 0.6, 0.8)
    cap = cap - swell + part
    scalp = smax(cap, -hairline(q) * 0.7, 0.10)
    distance = smin(scalp, _lengths(q, identity), 0.12)
    return Hair((distance + lock + fine) * 0.75, strand)


def _lengths(q: Points, identity: Identity) -> Tensor:
    """The hair that falls behind the ears to the neck."""
    x = torch.abs(q.x)
    bottom = mix(-0.25, -1.35, torch.tensor(identity.hair_length))
    fall = ellipsoid(Points(x, q.y, q.z), (0.30, -0.15, -0.66), (0.62, 1.25, 0.40))
    return smax(fall, bottom - q.y + 0.10 * torch.sin(x * 7.0), 0.15)


def _strand(q: Points) -> Tensor:
    """Across-strand coordinate: combed from the parting over the top, straight down at the sides and the back."""
    top = ramp(q.y, 0.25, 0.75)
    across = q.z * 24.0 + 5.0 * (q.x - PARTING) ** 2
    down = torch.atan2(q.x, q.z + 0.25) * 17.0 + 1.5 * torch.sin(q.y * 4.0)
    return mix(down, across, top)
