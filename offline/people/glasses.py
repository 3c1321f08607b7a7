"""Glasses that sit on a person's nose and ears."""

from __future__ import annotations

import numpy as np

from offline.people.mesh import Indices, joined, tube
from offline.people.surface import Surface
from runtime.contract.axes import Array

SHAPES = {"round": (0.225, 0.205, 2.2, 0.017), "square": (0.255, 0.19, 4.0, 0.022), "thin": (0.245, 0.175, 3.0, 0.010)}
"""Half a rim's width and height (dm), the power of its superellipse, and the wire's radius."""
BRIDGE, TEMPLES = 168, (234, 454)
"""MediaPipe's landmarks: the nose between the eyes, the sides of the face (right, left)."""
OUT = 0.05
"""dm that a rim's middle is further out than the eye's."""
CLEAR = 0.16
"""dm between the eyeball's front and the rims."""


def glasses(name: str, face: Surface, skin: Array, normals: Array) -> tuple[Array, Indices]:
    """Vertices in head space and triangles for the person with this fine skin; nothing for "none"."""
    if name == "none":
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    wide, high, power, wire = SHAPES[name]
    corners = [skin[np.linalg.norm(face.paint - face.landmarks[i], axis=1).argmin()] for i in (33, 133, 263, 362)]
    eyes = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
    bridge = skin[np.linalg.norm(face.paint - face.landmarks[BRIDGE], axis=1).argmin()]
    front = max(eyes[0][2], eyes[1][2]) + CLEAR
    level = (eyes[0][1] + eyes[1][1]) / 2 - 0.03
    ears = face.regions["ears"] > 0.5
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    pieces = []
    for side, eye in zip((-1, 1), eyes, strict=True):
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power) * wide
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power) * high
        middle = eye[0] + side * OUT
        # Rims bow back to the sides and lean forward at the top.
        depth = front - 0.10 * ((x * side + 0.0) / wide + 1) ** 2 * 0.25 + 0.06 * y / high * 0.4
        pieces.append(tube(np.stack([middle + x, level + y, depth], 1), wire, closed=True))
        hinge = np.array([middle + side * wide, level + 0.45 * high, front - 0.10])
        own = ears & (np.sign(skin[:, 0]) == side)
        ear = skin[own]
        top = ear[ear[:, 1] > ear[:, 1].max() - 0.12].mean(0)
        rest = np.array([np.abs(skin[own, 0]).min() * side + side * 0.02, top[1] - 0.02, top[2]])
        wide_at = np.array(
            [side * (max(abs(hinge[0]), abs(rest[0])) + 0.02), (hinge[1] + rest[1]) / 2, (hinge[2] + rest[2]) / 2]
        )
        steps = np.linspace(0, 1, 14)[:, None]
        path = (1 - steps) ** 2 * hinge + 2 * steps * (1 - steps) * wide_at + steps**2 * rest
        hook = rest + np.linspace(0.2, 1, 5)[:, None] * np.array([-side * 0.03, -0.16, -0.10])
        pieces.append(tube(np.concatenate([path, hook]), wire * 1.1, closed=False))
    inner = [eyes[0][0] - OUT + wide, eyes[1][0] + OUT - wide]
    t = np.linspace(0, 1, 9)
    arch = np.stack(
        [inner[0] + t * (inner[1] - inner[0]), level + 0.25 * high + 0.035 * np.sin(np.pi * t), np.full(9, front)], 1
    )
    arch[:, 2] = np.maximum(front - 0.02 + 0.03 * np.sin(np.pi * t), bridge[2] + 0.03)
    pieces.append(tube(arch, wire, closed=False))
    return joined(pieces)
