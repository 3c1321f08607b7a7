"""The head's surfaces: skin with lids and lips, ears, eyes, teeth, tongue. Distances in dm."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points, bump, ellipsoid, length, mix, ramp, smax, smin
from offline.studio.identity import Shape
from offline.studio.rig import Rig
from offline.studio.skull import Skull
from offline.studio.warp import Mouth, lip_line, to_neutral

EYE = (0.315, 0.262, 0.247)
EYE_RADIUS = 0.147
LID = 0.016
"""Thickness of the lids over the eyeball."""
FISSURE = 0.150
"""Half the width of the eye's opening."""


class Head(NamedTuple):
    """Distances to the head's parts and the coordinates that their colours are painted in."""

    skin: Tensor
    eye: Tensor
    teeth: Tensor
    tongue: Tensor
    neutral: Points
    mouth: Mouth
    lids: Lids
    depth: Tensor
    """Distance under the closed skin (positive inside the mouth or the eye's opening)."""


class Lids(NamedTuple):
    """Heights of the lids' edges over each point, and the place across the eye (-1 inner corner, 1 outer)."""

    upper: Tensor
    lower: Tensor
    across: Tensor


def lids_at(q: Points, rig: Rig, identity: Shape) -> Lids:
    t = (torch.abs(q.x) - EYE[0]) / FISSURE
    is_left = (q.x > 0).to(q.x.dtype)
    top = mix(rig.lid_upper_right, rig.lid_upper_left, is_left)
    bottom = mix(rig.lid_lower_right, rig.lid_lower_left, is_left)
    span = (1.0 - t * t).clamp(min=0.0)
    axis = EYE[1] + (0.006 + identity.eye_tilt) * t
    # The upper lid is highest a little inwards, the lower one lowest a little outwards.
    upper = axis + top * span * (1.0 - 0.16 * t + 0.18 * t * t)
    lower = axis + bottom * span * (1.0 + 0.14 * t + 0.10 * t * t)
    return Lids(upper, lower, t)


def head(q: Points, rig: Rig, identity: Shape, skull: Skull) -> Head:
    """All parts of the head at head-space points."""
    p, mouth = to_neutral(q, rig)
    bare = _features(skull.distance(p), p, rig, identity)
    mirrored = Points(torch.abs(q.x), q.y, q.z)
    ball = length(mirrored.x - EYE[0], q.y - EYE[1], q.z - EYE[2]) - EYE_RADIUS
    lids = lids_at(q, rig, identity)
    closed = smin(bare, ball - LID, 0.05)
    skin = smin(closed, _ear(mirrored), 0.05)
    opening = torch.maximum(q.y - lids.upper, lids.lower - q.y)
    opening = torch.maximum(opening, 0.22 - q.z) + FISSURE * torch.relu(torch.abs(lids.across) - 1.0)
    skin = smax(skin, -opening, 0.010)
    caruncle = length(mirrored.x - 0.190, q.y - 0.256, q.z - 0.335) - 0.026
    skin = smin(skin, caruncle, 0.012)
    skin = _open_mouth(skin, q, mouth)
    teeth, tongue = _teeth(q, rig), _tongue(q, rig)
    return Head(skin, ball, teeth, tongue, p, mouth, lids, -closed)


def _features(d: Tensor, p: Points, rig: Rig, identity: Shape) -> Tensor:
    """What the control points are too coarse for: lips, philtrum, nose wings and nostrils, folds."""
    x = torch.abs(p.x)
    v = p.y - lip_line(p.x)
    inside = ramp(x, 0.265, 0.16)
    full = identity.lip_fullness
    upper = torch.exp(-(((v - 0.034) / 0.030) ** 2)) * (0.016 + 0.008 * bump(x, p.y, 0.055, -0.38, 0.04, 0.05))
    lower = torch.exp(-(((v + 0.044) / 0.040) ** 2)) * (0.026 + 0.006 * bump(x, p.y, 0.06, -0.47, 0.06, 0.05))
    d = d - full * inside * (upper * (1 - 0.8 * rig.roll_upper) + lower * (1 - 0.8 * rig.roll_lower))
    d = d + 0.022 * torch.exp(-((v / 0.012) ** 2)) * ramp(x, 0.30, 0.20)
    d = d + 0.012 * torch.exp(-(((v + 0.105) / 0.035) ** 2)) * ramp(x, 0.24, 0.05)
    philtrum = torch.exp(-((p.x / 0.022) ** 2)) * ramp(p.y, -0.35, -0.31) * ramp(p.y, -0.22, -0.26)
    d = d + 0.012 * philtrum
    wing = length((x - 0.118 * identity.nose_width) / 0.9, (p.y + 0.135), (p.z - 0.565)) - 0.052
    d = smin(d, wing, 0.05)
    nostril = ellipsoid(Points(x, p.y, p.z), (0.066, -0.196, 0.615), (0.030, 0.030, 0.055))
    d = smax(d, -nostril, 0.03)
    is_left = (p.x > 0).to(p.x.dtype)
    fold = mix(rig.fold_right, rig.fold_left, is_left)
    along = (p.y + 0.14) / -0.30
    crease = torch.exp(-(((x - 0.185 - 0.13 * along.clamp(0, 1.3)) / 0.045) ** 2)) * ramp(along, -0.2, 0.3)
    d = d + (0.003 + 0.014 * fold) * crease * ramp(along, 1.10, 0.45)
    dimple = mix(rig.dimple_right, rig.dimple_left, is_left)
    return d + 0.03 * dimple * bump(x, p.y, 0.315, -0.42, 0.022, 0.045)


def _ear(p: Points) -> Tensor:
    """An ear on the +x side: a tilted shell with a rim and a lobe."""
    x, y, z = p.x - 0.80, p.y - 0.10, p.z + 0.34
    # Turned outwards and leaning back.
    u, w = 0.86 * x - 0.50 * z, 0.50 * x + 0.86 * z
    w, y = w + 0.22 * y, y - 0.10 * w
    shell = ellipsoid(Points(u, y, w), (0.0, 0.02, 0.0), (0.055, 0.205, 0.125))
    bowl = ellipsoid(Points(u, y, w), (0.055, 0.035, 0.012), (0.045, 0.150, 0.082))
    lobe = ellipsoid(Points(u, y, w), (0.0, -0.165, 0.03), (0.032, 0.060, 0.050))
    return smin(smax(shell, -bowl, 0.02), lobe, 0.03)


def _open_mouth(skin: Tensor, q: Points, mouth: Mouth) -> Tensor:
    gap = torch.relu(mouth.upper - mouth.lower)
    cavity = torch.maximum(torch.maximum(q.y - mouth.upper, mouth.lower - q.y), 0.02 - q.z)
    cavity = torch.maximum(cavity, torch.abs(q.x) - 0.30)
    rounding = (0.5 * gap).clamp(0.002, 0.035)
    return torch.where(gap > 1e-4, smax(skin, -cavity, rounding), skin)


def _arch(q: Points, depth: float, width: float) -> Tensor:
    """Distance, seen from above, to a half ellipse of teeth (negative within the row)."""
    z = q.z - 0.10
    k = torch.sqrt((q.x / width) ** 2 + (z / depth) ** 2 + 1e-9)
    return torch.abs((k - 1.0) * 0.5 * (depth + width) * 0.8) - 0.022


def _teeth(q: Points, rig: Rig) -> Tensor:
    """Both rows; the lower one goes with the jaw. They stay behind the lips."""
    row = torch.sin(torch.atan2(q.x, q.z - 0.10) * 27.0)
    bite = 0.010 * torch.cos(torch.atan2(q.x, q.z - 0.10) * 13.5).abs()
    upper = smax(_arch(q, 0.365, 0.235), torch.abs(q.y + 0.385) - 0.062 - bite * 0.4, 0.012)
    z = q.z - rig.jaw_z * 0.8
    low = Points(q.x - rig.jaw_x, q.y - rig.teeth_y, z)
    lower = smax(_arch(low, 0.340, 0.22), torch.abs(low.y + 0.500) - 0.056 - bite * 0.3, 0.012)
    return torch.minimum(upper, lower) + 0.002 * row * row


def _tongue(q: Points, rig: Rig) -> Tensor:
    """An ellipsoid that lies behind the lower teeth and slides over them and out."""
    out = rig.tongue
    droop = 0.30 - 1.05 * rig.tongue_up
    y = q.y + 0.535 - 0.72 * rig.jaw_y - 0.045 * out + droop * out * torch.relu(q.z - 0.40 - 0.10 * (1 - rig.tongue_up))
    z = q.z - 0.16 - 0.36 * out - 0.6 * rig.jaw_z
    x = q.x - rig.tongue_x * out * ramp(q.z, 0.32, 0.80)
    groove = 0.014 * torch.exp(-((x / 0.02) ** 2))
    narrow = 1.0 - 0.18 * out
    return ellipsoid(Points(x / narrow, y + groove, z), (0.0, 0.0, 0.0), (0.155, 0.062, 0.28)) * 0.8
