"""The face's motion as an inverse warp: a point of the moved face is taken back to the neutral one.

Everything but lids, eyes, teeth and tongue moves this way, so colours painted on the neutral face move with the skin.
The mouth is the one place where the warp tears: above the upper lip's edge a point belongs to the upper lip, below the
lower lip's edge to the jaw, and in between lies the mouth's opening.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from offline.studio.fields import Points, bump, mix, ramp
from offline.studio.rig import Rig
from offline.warp.neck import head_share
from runtime.contract.axes import Neck

MOUTH_Y = -0.428
CORNER_X = 0.246


class Mouth(NamedTuple):
    """The mouth's opening over each point: heights of the lips' edges in head space and 0..1 across (1 at a corner)."""

    upper: Tensor
    lower: Tensor
    across: Tensor


def to_head(p: Points, pose: Tensor, neck: Neck) -> tuple[Points, Points]:
    """World points to (head-space points, torso-space points) under the pose [3, 4]; `Neck.to_head` in torch."""
    r, t = pose[:, :3], pose[:, 3]
    shift = r @ torch.from_numpy(neck.pivot) + t - torch.from_numpy(neck.pivot)
    torso = Points(p.x - shift[0], p.y - shift[1], p.z - shift[2])
    x, y, z = p.x - t[0], p.y - t[1], p.z - t[2]
    w = head_share(neck, torso.y, torso.z)
    head = (r[0, i] * x + r[1, i] * y + r[2, i] * z for i in range(3))
    return Points(*(mix(a, b, w) for a, b in zip(torso, head, strict=True))), torso


def lip_line(x: Tensor) -> Tensor:
    """Height of the closed mouth's line on the neutral face."""
    return MOUTH_Y - 0.10 * x * x - 0.008 * torch.exp(-((x / 0.05) ** 2)) + 0.004 * torch.exp(-((x / 0.14) ** 2))


def to_neutral(q: Points, rig: Rig) -> tuple[Points, Mouth]:
    """Head-space points of the moved face to the neutral face, and the mouth over them."""
    front = ramp(q.z, -0.30, 0.15)
    left = ramp(q.x, -0.12, 0.12)
    p = _brows(_cheeks(q, rig, front), rig, front, left)
    return _mouth(q, p, rig, front, left)


def _brows(p: Points, rig: Rig, front: Tensor, left: Tensor) -> Points:
    inner = bump(p.x, p.y, 0.0, 0.52, 0.20, 0.16)
    outer = bump(torch.abs(p.x), p.y, 0.43, 0.55, 0.15, 0.16)
    frown = bump(torch.abs(p.x), p.y, 0.20, 0.46, 0.17, 0.13)
    outer_up = mix(rig.brow_outer_right, rig.brow_outer_left, left)
    down = mix(rig.brow_down_right, rig.brow_down_left, left)
    up = 0.085 * rig.brow_inner * inner + 0.085 * outer_up * outer - 0.075 * down * frown
    inward = 0.03 * down * frown * torch.sign(p.x) * ramp(torch.abs(p.x), 0.0, 0.12)
    return p.moved(inward * front, -up * front, (-0.012 * down * frown) * front)


def _cheeks(q: Points, rig: Rig, front: Tensor) -> Points:
    x, side = torch.abs(q.x), torch.sign(q.x)
    is_left = (q.x > 0).to(q.x.dtype)
    cheek = mix(rig.cheek_right, rig.cheek_left, is_left) * bump(x, q.y, 0.40, 0.02, 0.15, 0.15) * front
    puff = mix(rig.puff_right, rig.puff_left, is_left) * bump(x, q.y, 0.40, -0.40, 0.17, 0.20) * front
    sneer = mix(rig.sneer_right, rig.sneer_left, is_left) * front
    ala = sneer * bump(x, q.y, 0.15, -0.10, 0.08, 0.10)
    root = sneer * bump(x, q.y, 0.10, 0.22, 0.10, 0.12)
    return q.moved(
        -side * (0.02 * cheek + 0.10 * puff + 0.012 * ala),
        -(0.045 * cheek + 0.045 * ala - 0.018 * root),
        -(0.035 * cheek + 0.085 * puff + 0.012 * root),
    )


def _mouth(q: Points, p: Points, rig: Rig, front: Tensor, left: Tensor) -> tuple[Points, Mouth]:
    corner_x = mix(rig.corner_x_right, rig.corner_x_left, left)
    corner_y = mix(rig.corner_y_right, rig.corner_y_left, left)
    corner_z = mix(rig.corner_z_right, rig.corner_z_left, left)
    near = bump(q.x, q.y, 0.0, MOUTH_Y + 0.5 * rig.jaw_y, 0.30, 0.26)
    jaw = _jaw_weight(q, rig) * front
    # Sideways: the whole mouth, the corners, the jaw below it.
    shift = (rig.mouth_x + 0.5 * rig.jaw_x) * near
    lower_shift = rig.jaw_x * jaw * (1.0 - 0.5 * near)
    reach = bump(torch.abs(q.x), q.y, CORNER_X, MOUTH_Y + corner_y, 0.17, 0.18)
    outward = corner_x * reach * torch.tanh(q.x / 0.10)
    x = p.x - (shift + lower_shift + outward) * front
    # Up and down: each column of the face, torn at the lips.
    line = lip_line(x)
    across = (torch.abs(x) / CORNER_X).clamp(max=1.0)
    arch = 1.0 - across**2
    arch = arch * mix(1.0, 0.72 + 0.28 * across**2, 1.0 - rig.round)
    beyond = torch.relu(torch.abs(x) - CORNER_X)
    cheek = rig.jaw_y * jaw * ramp(beyond, 0.0, 0.18)
    corner = mix(cheek, corner_y * (1.0 - arch), torch.exp(-((beyond / 0.16) ** 2)))
    upper = mix(rig.upper_right, rig.upper_left, left) * arch + corner
    lower = mix(rig.lower_right, rig.lower_left, left) * arch + corner
    u, v = line + upper, line + lower
    above = mix(cheek, upper, ramp(q.y - u, 0.34, 0.0))
    chin = rig.jaw_y * jaw + 0.04 * rig.chin_up * bump(q.x, q.y, 0.0, -0.74, 0.2, 0.14)
    # The lower lip rides on the jaw; at the corners, which drop half as far, the cheek needs room to stretch.
    below = mix(chin, lower, ramp((v - q.y) / (0.30 + 0.55 * across), 1.0, 0.0))
    gap = (u - v).clamp(min=1e-4)
    within = mix(lower, upper, ((q.y - v) / gap).clamp(0.0, 1.0))
    dy = torch.where(q.y > u, above, torch.where(q.y < v, below, within))
    y = p.y - dy * front
    # Forward: lips pursed or rolled in, the jaw swinging back.
    lips = bump(x, y, 0.0, MOUTH_Y, 0.17, 0.13)
    rolled = rig.roll_upper * bump(x, y, 0.0, -0.385, 0.2, 0.035) + rig.roll_lower * bump(x, y, 0.0, -0.49, 0.2, 0.045)
    pressed = mix(rig.press_right, rig.press_left, left) * bump(torch.abs(x), y, 0.14, MOUTH_Y, 0.12, 0.06)
    dz = rig.lips_forward * lips - 0.06 * rolled - 0.022 * pressed + corner_z * reach
    below_lips = ramp((v - q.y) / (0.12 + 0.55 * across), -0.15 - 0.5 * across, 1.0)
    dz = dz + rig.jaw_z * mix(_jaw_weight(q, rig), 1.0, bump(q.x, q.y, 0.0, -0.6, 0.2, 0.2)) * below_lips
    dz = dz + 0.03 * rig.chin_up * bump(q.x, q.y, 0.0, -0.60, 0.16, 0.10)
    return Points(x, y, p.z - dz * front), Mouth(u, v, across)


def _jaw_weight(q: Points, rig: Rig) -> Tensor:
    """How far a point goes with the jaw: 1 at the chin, 0 at the cheekbones, the hinge and the throat."""
    top = ramp(q.y - 0.5 * rig.jaw_y, 0.25, -0.80)
    throat = ramp(q.y - rig.jaw_y, -1.50, -0.98)
    return top * throat * ramp(q.z, -0.35, 0.30)
