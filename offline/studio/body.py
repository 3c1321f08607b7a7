"""Neck, shoulders and a knitted crew-neck sweater, in torso space: they stay when the head turns."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points, cone, ellipsoid, ramp, smin
from offline.studio.identity import Identity

COLLAR = (0.0, -1.62, -0.36)
COLLAR_RADIUS = 0.66


class Body(NamedTuple):
    """Distances to the bare neck and to the sweater."""

    neck: Tensor
    cloth: Tensor


def body(q: Points, t: Points, identity: Identity) -> Body:
    """Neck at head-space points `q` (it twists with the head), shoulders at torso-space points `t`."""
    wide = identity.neck_width
    x = torch.abs(q.x) / wide
    neck = cone(Points(x, q.y, q.z), (0.0, -0.45, -0.38), (0.0, -1.75, -0.46), 0.49, 0.54)
    muscle = cone(Points(x, q.y, q.z), (0.50, -0.35, -0.42), (0.10, -1.62, -0.02), 0.09, 0.085)
    neck = smin(neck, muscle, 0.16)
    t = Points(torch.abs(t.x) / identity.shoulder_width, t.y, t.z)
    trunk = ellipsoid(t, (0.0, -3.05, -0.38), (1.75, 1.28, 0.78))
    shoulder = cone(t, (0.3, -2.10, -0.52), (1.62, -2.42, -0.50), 0.40, 0.40)
    slope = cone(t, (0.20, -1.25, -0.62), (1.05, -2.02, -0.56), 0.26, 0.24)
    shape = smin(smin(trunk, shoulder, 0.45), slope, 0.40)
    chest = smin(neck, shape, 0.25)
    cover = smin(shape, neck - 0.03, 0.30) - 0.045
    opening = _neckline(t)
    ring = torch.sqrt(((opening + 0.03) * 0.62) ** 2 + (cover - 0.012) ** 2 + 1e-9) - 0.042
    return Body(chest, smin(torch.maximum(cover, opening), ring, 0.02) * 0.9)


def _neckline(t: Points) -> Tensor:
    """Positive within the crew neck's opening: a cylinder about the neck that leans forward."""
    along = t.z - COLLAR[2] + 0.25 * (t.y - COLLAR[1])
    return COLLAR_RADIUS - torch.sqrt((0.96 * t.x) ** 2 + (0.92 * along) ** 2 + 1e-9)


def knit(t: Points) -> Tensor:
    """Colour variation of the wool, about -1..1."""
    ribs = torch.sin(t.x * 75.0) * torch.sin(t.y * 90.0 + 1.5 * torch.sin(t.x * 75.0))
    return ribs * ramp(t.y, -1.4, -1.7)
