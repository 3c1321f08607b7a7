"""Neck, shoulders and a knitted crew-neck sweater, in torso space: they stay when the head turns."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points, cone, ellipsoid, ramp, smin
from offline.studio.identity import Shape

NECKLINE = -1.70
"""Height of the collar at the throat."""


class Body(NamedTuple):
    """Distances to the bare neck and to the sweater."""

    neck: Tensor
    cloth: Tensor


def body(q: Points, t: Points, identity: Shape) -> Body:
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
    ring = torch.sqrt(((opening + 0.03) * 0.60) ** 2 + (cover - 0.012) ** 2 + 1e-9) - 0.042
    return Body(chest, smin(torch.maximum(cover, opening), ring, 0.02) * 0.9)


def _neckline(t: Points) -> Tensor:
    """Height over the crew neck's edge: lowest at the throat, higher at the sides and the back."""
    return (t.y - NECKLINE - 0.60 * t.x**2 - 0.35 * (0.12 - t.z)) * 0.85


def knit(t: Points) -> Tensor:
    """Colour variation of the wool, about -1..1."""
    ribs = torch.sin(t.x * 75.0) * torch.sin(t.y * 90.0 + 1.5 * torch.sin(t.x * 75.0))
    return ribs * ramp(t.y, -1.4, -1.7)
