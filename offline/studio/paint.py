"""Base colours (linear RGB) and gloss of every material at surface points."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.body import knit
from offline.studio.fields import Points, bump, mix, ramp, waves
from offline.studio.hair import hairline
from offline.studio.head import EYE, EYE_RADIUS, Head
from offline.studio.identity import Colour, Identity
from offline.studio.rig import Rig
from offline.studio.scene import CLOTH, HAIR, SKIN, TEETH, TONGUE, Surface
from offline.studio.scene import EYE as EYE_MATERIAL
from offline.studio.warp import lip_line

IRIS = 0.44
"""Sine of the iris's angular radius on the eyeball."""


class Paint(NamedTuple):
    colour: Tensor
    """[3, N] linear RGB."""
    gloss: Tensor
    """[N] strength of the specular highlight."""
    soft: Tensor
    """[N] share of light that scatters under the surface (skin)."""


def paint(s: Surface, rig: Rig, identity: Identity) -> Paint:
    material = s.distances.argmin(0)
    colour = torch.zeros(3, material.numel())
    gloss, soft = torch.zeros(material.numel()), torch.zeros(material.numel())
    makers = {SKIN: _skin, EYE_MATERIAL: _eye, TEETH: _teeth, TONGUE: _tongue, HAIR: _hair, CLOTH: _cloth}
    for index, maker in makers.items():
        chosen = torch.nonzero(material == index)[:, 0]
        if chosen.numel():
            part = maker(_select(s, chosen), rig, identity)
            colour[:, chosen], gloss[chosen], soft[chosen] = part.colour, part.gloss, part.soft
    return Paint(colour, gloss, soft)


def _select(value: Surface, chosen: Tensor) -> Surface:
    """The surface at some of its points."""

    def pick(item: object) -> object:
        if isinstance(item, Tensor):
            return item[..., chosen]
        return type(item)(*(pick(v) for v in item))  # type: ignore[attr-defined]

    picked = pick(value)
    assert isinstance(picked, Surface)
    return picked


def _flat(colour: Colour, like: Tensor) -> Tensor:
    return torch.tensor(colour)[:, None].expand(3, like.numel())


def _blend(colour: Tensor, other: Colour | Tensor, weight: Tensor) -> Tensor:
    target = other if isinstance(other, Tensor) else torch.tensor(other)[:, None]
    return colour + (target - colour) * weight


def _skin(s: Surface, rig: Rig, identity: Identity) -> Paint:
    p, h = s.head.neutral, s.head
    x = torch.abs(p.x)
    skin = torch.tensor(identity.skin)[:, None]
    on_head = ramp(p.z, -0.3, 0.1) * ramp(p.y, -1.0, -0.8)
    colour = _flat(identity.skin, p.x)
    mottle = 1.0 + 0.022 * waves(p.x * 9, p.y * 9, p.z * 9) + 0.014 * waves(p.x * 34, p.y * 34, p.z * 34)
    flush = 0.9 * bump(x, p.y, 0.40, -0.08, 0.17, 0.15) + 0.7 * bump(x, p.y, 0.0, -0.12, 0.12, 0.09)
    flush = flush + 0.35 * bump(x, p.y, 0.0, -0.80, 0.16, 0.10) + 0.6 * ramp(torch.abs(s.head_point.x), 0.76, 0.86)
    blushed = skin * torch.tensor([1.03, 0.80, 0.80])[:, None]
    colour = _blend(colour, blushed, (flush * 0.8).clamp(max=1.0) * on_head)
    under_eye = bump(x, p.y, 0.30, 0.15, 0.12, 0.035)
    socket = bump(x, p.y, 0.27, 0.33, 0.15, 0.045)
    shadowed = skin * torch.tensor([0.80, 0.68, 0.66])[:, None]
    colour = _blend(colour, shadowed, (0.30 * under_eye + 0.45 * socket) * on_head)
    colour = _mood(colour, p, rig, identity, on_head)
    colour = colour * mottle
    colour = _lips(colour, p, identity, on_head)
    colour = _brow(colour, p, identity, on_head)
    colour = _lashes(colour, s.head_point, h, identity, on_head)
    nostril = bump(x, p.y, 0.064, -0.200, 0.024, 0.020) * ramp(p.z, 0.5, 0.56)
    colour = colour * (1.0 - 0.75 * nostril * ramp(h.depth, -0.02, 0.02))
    inner = ramp(h.depth, 0.030, 0.10) * (p.y < 0.0) * (torch.abs(p.x) < 0.4)
    colour = _blend(colour, (0.20, 0.040, 0.036), inner)
    colour = colour * (1.0 - 0.75 * ramp(h.depth, 0.16, 0.50) * inner)
    ragged = 0.025 * torch.sin(s.hair.strand * 2.3) * torch.sin(s.hair.strand * 0.7)
    roots = ramp(hairline(s.head_point) + ragged, -0.055, 0.03)
    colour = _blend(colour, torch.tensor(identity.hair)[:, None], 0.8 * roots * ramp(s.head_point.y, -0.4, 0.0))
    gloss = 0.20 + 0.14 * bump(x, p.y, 0.0, -0.05, 0.1, 0.25) + 0.45 * _lip_mask(p, identity) * on_head
    return Paint(colour, gloss * (1.0 - 0.9 * inner), torch.ones_like(p.x))


def _mood(colour: Tensor, p: Points, rig: Rig, identity: Identity, on_head: Tensor) -> Tensor:
    """Blood that rises to the face or leaves it, and the lines of the forehead."""
    x, skin = torch.abs(p.x), torch.tensor(identity.skin)[:, None]
    face = on_head * ramp(x, 0.80, 0.55)
    red, pale = skin * torch.tensor([1.05, 0.50, 0.50])[:, None], 0.25 + 0.62 * skin
    colour = _blend(colour, red, 0.75 * torch.relu(rig.flush) * face)
    colour = _blend(colour, pale, 0.7 * torch.relu(-rig.flush) * face)
    rows = torch.exp(-((torch.sin((p.y - 0.62) * 33.0) / 0.25) ** 2)) * bump(x, p.y, 0.0, 0.66, 0.34, 0.12)
    frown = torch.exp(-(((x - 0.055) / 0.018) ** 2)) * bump(x, p.y, 0.05, 0.45, 0.2, 0.10)
    return colour * (1.0 - 0.55 * rig.furrow * (rows + frown).clamp(max=1.0) * on_head)


def _lip_mask(p: Points, identity: Identity) -> Tensor:
    """1 on the red of the lips, soft at its border."""
    x, v = torch.abs(p.x), p.y - lip_line(p.x)
    t = (x / 0.250).clamp(max=1.0)
    bow = 0.086 * (1 - t**1.7) * (1.0 - 0.16 * torch.exp(-((x / 0.028) ** 2))) * (0.5 + 0.5 * identity.lip_fullness)
    base = 0.108 * (1 - t**3.4) * (0.5 + 0.5 * identity.lip_fullness)
    return ramp(bow - v, -0.006, 0.010) * ramp(v + base, -0.008, 0.014) * (x < 0.252)


def _lips(colour: Tensor, p: Points, identity: Identity, on_head: Tensor) -> Tensor:
    mask = _lip_mask(p, identity) * on_head
    lines = 1.0 + 0.06 * torch.sin(p.x * 130.0 + 6.0 * torch.sin(p.x * 17.0))
    v = p.y - lip_line(p.x)
    colour = _blend(colour, torch.tensor(identity.lip)[:, None] * lines, 0.88 * mask)
    seam = torch.exp(-((v / 0.011) ** 2)) * ramp(torch.abs(p.x), 0.262, 0.205) * on_head
    return colour * (1.0 - 0.66 * seam)


def _brow(colour: Tensor, p: Points, identity: Identity, on_head: Tensor) -> Tensor:
    x = torch.abs(p.x)
    t = ((x - 0.11) / 0.43).clamp(-0.2, 1.2)
    centre = 0.452 + identity.brow_height + 0.075 * torch.sin(2.3 * t.clamp(0, 1.2)) - 0.055 * t**3
    half = 0.036 * identity.brow_thickness * (1.0 - 0.72 * t.clamp(0, 1) ** 1.6)
    hairs = 0.5 + 0.5 * torch.sin((x * 0.9 - p.y * (1.5 - t)) * 210.0 + 3.0 * torch.sin(p.y * 60.0))
    edge = ramp(half * (1.05 + 0.25 * hairs) - torch.abs(p.y - centre), -0.010, 0.016)
    mask = edge * ramp(t, -0.06, 0.12) * ramp(t, 1.08, 0.90) * on_head * (0.66 + 0.26 * hairs)
    dark = tuple(c * 0.62 for c in identity.hair)
    return _blend(colour, torch.tensor(dark)[:, None], mask)


def _lashes(colour: Tensor, q: Points, h: Head, identity: Identity, on_head: Tensor) -> Tensor:
    """Lash lines, the upper lid's crease and the pink of the lids' rims."""
    t = h.lids.across
    near = ramp(q.z, 0.20, 0.28) * on_head
    span = ramp(torch.abs(t), 1.06, 0.90)
    above = q.y - h.lids.upper
    thick = 0.017 + 0.010 * ramp(t, -0.4, 0.9)
    upper = ramp(thick - torch.abs(above - 0.004), -0.006, 0.006) * span
    wing = bump(t, q.y - h.lids.upper, 1.04, 0.010, 0.10, 0.016)
    below = h.lids.lower - q.y
    lower = ramp(0.010 - torch.abs(below - 0.003), -0.006, 0.006) * span * ramp(t, -0.9, 0.2)
    open_share = ((h.lids.upper - h.lids.lower) / 0.10).clamp(0, 1)
    crease_height = 0.040 + 0.012 * (1 - open_share)
    crease = torch.exp(-(((above - crease_height) / 0.008) ** 2)) * ramp(torch.abs(t), 1.15, 0.7)
    colour = colour * (1.0 - 0.34 * crease * near)
    colour = _blend(colour, (0.42, 0.17, 0.14), 0.55 * near * span * ramp(h.depth, 0.004, 0.014))
    lash = (0.95 * upper.maximum(0.8 * wing) + 0.55 * lower).clamp(max=0.95) * near
    return _blend(colour, (0.012, 0.008, 0.007), lash)


def _eye(s: Surface, rig: Rig, identity: Identity) -> Paint:
    q, lids = s.head_point, s.head.lids
    is_left = (q.x > 0).to(q.x.dtype)
    side = 2.0 * is_left - 1.0
    n = [(q.x - side * EYE[0]) / EYE_RADIUS, (q.y - EYE[1]) / EYE_RADIUS, (q.z - EYE[2]) / EYE_RADIUS]
    yaw = mix(rig.gaze_yaw_right, rig.gaze_yaw_left, is_left)
    pitch = mix(rig.gaze_pitch_right, rig.gaze_pitch_left, is_left)
    # The gaze's frame: right, up and forward axes of the turned eye.
    cy, sy, cp, sp = torch.cos(yaw), torch.sin(yaw), torch.cos(pitch), torch.sin(pitch)
    u = n[0] * cy - n[2] * sy
    front = n[0] * sy + n[2] * cy
    v, w = n[1] * cp + front * sp, front * cp - n[1] * sp
    r = torch.sqrt(u * u + v * v + 1e-9) / IRIS
    angle = torch.atan2(v, u)
    sclera = _flat((0.74, 0.70, 0.67), q.x)
    edge = ramp(torch.abs(lids.across), 0.55, 1.0)
    sclera = _blend(sclera, (0.60, 0.40, 0.36), 0.5 * edge)
    fibres = 0.5 + 0.5 * torch.sin(angle * 24.0 + 2.5 * torch.sin(angle * 7.0)) * ramp(r, 0.3, 0.6)
    iris = torch.tensor(identity.iris)[:, None] * (0.65 + 0.75 * fibres + 0.7 * ramp(v / IRIS, 0.5, -0.9))
    iris = _blend(iris, (0.20, 0.11, 0.04), 0.45 * ramp(r, 0.62, 0.40))
    iris = iris * (1.0 - 0.80 * ramp(r, 0.78, 0.98))
    colour = _blend(sclera, iris, ramp(r, 1.06, 0.95) * (w > 0))
    colour = _blend(colour, (0.006, 0.005, 0.005), ramp(r, 0.44, 0.37) * (w > 0))
    shade = ramp(lids.upper - q.y, 0.055, 0.0)
    colour = colour * (1.0 - 0.55 * shade) * (1.0 - 0.25 * edge)
    # Highlights are the lights' reflections: they stay near the middle of the visible ball wherever it looks.
    glint = bump(n[0], n[1], -0.14, 0.20, 0.070, 0.080) + 0.2 * bump(n[0], n[1], 0.17, -0.10, 0.045, 0.045)
    colour = _blend(colour, (1.6, 1.6, 1.6), (0.95 * glint).clamp(max=1.0) * (n[2] > 0))
    return Paint(colour, torch.full_like(q.x, 0.25), torch.full_like(q.x, 0.3))


def _teeth(s: Surface, rig: Rig, identity: Identity) -> Paint:
    q = s.head_point
    angle = torch.atan2(q.x, q.z - 0.10)
    gap = torch.exp(-((torch.sin(angle * 13.5) / 0.11) ** 2))
    colour = _flat((0.72, 0.67, 0.58), q.x) * (1.0 - 0.30 * gap)
    side = 1.0 - 0.55 * ramp(torch.abs(angle), 0.35, 1.1)
    upper_gum = ramp(q.y, -0.362, -0.345)
    low = q.y - rig.teeth_y
    lower_gum = ramp(low, -0.505, -0.53) * ramp(low, -0.36, -0.42)
    colour = _blend(colour, (0.42, 0.13, 0.12), torch.maximum(upper_gum, lower_gum * (q.y < -0.455)))
    shade = ramp(s.head.mouth.upper - q.y, -0.01, 0.05)
    return Paint(colour * side * (0.55 + 0.45 * shade), torch.full_like(q.x, 0.35), torch.full_like(q.x, 0.3))


def _tongue(s: Surface, rig: Rig, identity: Identity) -> Paint:
    q = s.head_point
    colour = _flat((0.50, 0.155, 0.15), q.x) * (1.0 + 0.05 * waves(q.x * 60, q.y * 60, q.z * 60))
    colour = colour * (1.0 - 0.25 * torch.exp(-((q.x / 0.016) ** 2)))
    return Paint(colour * (0.35 + 0.65 * ramp(q.z, 0.22, 0.50)), 0.3 * ramp(q.z, 0.25, 0.55), torch.full_like(q.x, 0.7))


def _hair(s: Surface, rig: Rig, identity: Identity) -> Paint:
    k = s.hair.strand
    q = s.head_point
    strand = 0.5 * torch.sin(k * 5.3 + 2.0 * torch.sin(k * 0.9)) + 0.5 * torch.sin(k * 1.9 + 1.3 * torch.sin(q.y * 3.0))
    colour = torch.tensor(identity.hair)[:, None] * (1.0 + 0.42 * strand)
    warm = torch.tensor([1.5, 1.25, 1.05])[:, None]
    colour = colour * mix(1.0, warm, ramp(waves(k * 0.5, q.y, q.z), 0.1, 0.8) * 0.5)
    return Paint(colour, 0.22 + 0.14 * strand, torch.zeros_like(k))


def _cloth(s: Surface, rig: Rig, identity: Identity) -> Paint:
    weave = knit(s.torso_point)
    colour = torch.tensor(identity.cloth)[:, None] * (1.0 + 0.16 * weave)
    return Paint(colour, torch.full_like(weave, 0.02), torch.zeros_like(weave))
