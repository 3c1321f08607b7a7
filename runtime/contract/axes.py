"""Every axis, unit and order that Mien uses, in one place.

Units
    Lengths are decimetres (1.0 = 10 cm), angles are radians, times are seconds.

World and head space (right-handed)
    +x  to the right of the picture, which is the subject's left hand
    +y  up
    +z  out of the face, towards the camera
    The head's origin is that of MediaPipe's canonical face: on the midline, about 2 cm under the eyes and 5 cm
    behind the lips. A *head pose* is a 3×4 matrix ``[R | T]`` that takes head space to world space,
    ``x_world = R @ x_head + T``; the rest pose is ``[I | 0]``.

Angles
    ``R = Ry(yaw) @ Rx(pitch) @ Rz(roll)``. Positive yaw turns the face to the picture's right, positive pitch lowers
    the chin, positive roll leans the crown to the picture's left.

Quaternions
    ``(x, y, z, w)``, unit length, as scipy, VMC and glTF order them.

Camera (OpenCV's)
    Camera space has +x right, +y down, +z into the scene. Extrinsics are a 3×4 matrix from world to camera space.
    Intrinsics are ``(fx, fy, cx, cy)`` as fractions of the picture's width (fx, cx) and height (fy, cy), so they do
    not depend on its size.

Pixels
    ``u`` runs right and ``v`` down, 0..1 over the picture; the centre of pixel ``i`` of ``n`` is ``(i + 0.5) / n``.

Planes
    Plane 0 holds (x, y), plane 1 holds (x, z), plane 2 holds (z, y). The first named axis runs along the width of the
    plane, the second along its height, both from the low to the high end of the box. Each is a different pair: the test
    of this file projects one point and reads the three pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PLANE_AXES: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (2, 1))
"""Which head-space axes (0=x, 1=y, 2=z) each plane's width and height hold."""


def rotation_from_angles(yaw: float, pitch: float, roll: float) -> Array:
    """``Ry(yaw) @ Rx(pitch) @ Rz(roll)``, [3, 3], angles in radians."""
    cy, sy = np.cos(yaw), np.sin(yaw)
    cp, sp = np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rx = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    rz = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (ry @ rx @ rz).astype(np.float32)


def angles_from_rotation(rotation: NDArray[np.floating]) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in radians of a rotation matrix [3, 3]; pitch within ±π/2."""
    yaw = np.arctan2(rotation[0, 2], rotation[2, 2])
    pitch = np.arcsin(np.clip(-rotation[1, 2], -1.0, 1.0))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return float(yaw), float(pitch), float(roll)


def rotation_from_quaternion(quaternion: NDArray[np.floating]) -> Array:
    """Rotation matrix [3, 3] of ``(x, y, z, w)``; need not be normalised, must not be zero."""
    x, y, z, w = np.asarray(quaternion, np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )


def quaternion_from_rotation(rotation: NDArray[np.floating]) -> Array:
    """``(x, y, z, w)`` with ``w >= 0`` of a rotation matrix [3, 3] (Shepperd's method)."""
    m = np.asarray(rotation, np.float64)
    squares = np.array([m[0, 0], m[1, 1], m[2, 2], m.trace()])
    i = int(squares.argmax())
    q = np.empty(4)
    if i == 3:
        q[:] = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + m.trace()
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        q[i] = 1 + m[i, i] - m[j, j] - m[k, k]
        q[j], q[k], q[3] = m[i, j] + m[j, i], m[i, k] + m[k, i], m[k, j] - m[j, k]
    q *= np.sign(q[3]) or 1.0
    return (q / np.linalg.norm(q)).astype(np.float32)


def pose_matrix(quaternion: NDArray[np.floating], translation: NDArray[np.floating]) -> Array:
    """Head pose ``[R | T]`` [3, 4], head space to world space."""
    return np.concatenate([rotation_from_quaternion(quaternion), np.reshape(translation, (3, 1))], 1).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; see the module's docstring for the axes."""

    intrinsics: Array
    """``(fx, fy, cx, cy)``, fractions of the picture's width and height."""
    extrinsics: Array
    """[3, 4], world space to camera space."""

    def project(self, points: NDArray[np.floating]) -> Array:
        """World points [..., 3] to picture positions ``(u, v)`` [..., 2], 0..1 inside the picture."""
        camera = points @ self.extrinsics[:, :3].T + self.extrinsics[:, 3]
        return (camera[..., :2] / camera[..., 2:] * self.intrinsics[:2] + self.intrinsics[2:]).astype(np.float32)

    def rays(self, size: int) -> tuple[Array, Array]:
        """World-space origin [3] and directions [size, size, 3] through the pixel centres of a square picture.

        Directions have unit length along the camera's +z, so a ray's parameter is depth.
        """
        centres = (np.arange(size) + 0.5) / size
        u, v = np.meshgrid(centres, centres)
        fx, fy, cx, cy = self.intrinsics
        camera = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], -1)
        rotation, translation = self.extrinsics[:, :3], self.extrinsics[:, 3]
        return (-rotation.T @ translation).astype(np.float32), (camera @ rotation).astype(np.float32)


PORTRAIT_FOCAL = 2.2
PORTRAIT_DISTANCE = 9.0
PORTRAIT_CENTRE_Y = -0.3


def portrait_camera(yaw: float = 0.0, pitch: float = 0.0) -> Camera:
    """The camera that every avatar is framed by: head and shoulders, 4.1 dm high at the head's origin.

    `yaw` and `pitch` (radians) walk it around the point it looks at: positive yaw to the picture's right (it then sees
    more of the subject's left side), positive pitch upwards.
    """
    fixed = np.diag([1.0, -1.0, -1.0])
    orbit = rotation_from_angles(yaw, -pitch, 0.0).astype(np.float64)
    rotation = fixed @ orbit.T
    target = np.array([0.0, PORTRAIT_CENTRE_Y, 0.0])
    translation = np.array([0.0, 0.0, PORTRAIT_DISTANCE]) - rotation @ target
    return Camera(
        np.array([PORTRAIT_FOCAL, PORTRAIT_FOCAL, 0.5, 0.5], np.float32),
        np.concatenate([rotation, translation[:, None]], 1).astype(np.float32),
    )


@dataclass(frozen=True)
class Neck:
    """How the shoulders stay while the head turns.

    The head follows the head pose ``H``; the torso only keeps the neck's pivot, ``B(x) = x + H(p) - p``. A world
    point is taken back to head space by a mixture of both inverses,
    ``x_head = w · H⁻¹(x) + (1 - w) · B⁻¹(x)``, where ``w`` rises from 0 in the chest to 1 at the jaw. It is measured in
    torso space across a plane that leans forward, so that the chin belongs to the head and the throat does not.
    """

    pivot: Array = field(default_factory=lambda: np.array([0.0, -0.75, -0.35], np.float32))
    """Where head and neck meet, head space, dm."""
    low: float = -1.75
    high: float = -0.95
    """Between these values of ``y + lean · z`` (torso space, dm) the weight rises smoothly from 0 to 1."""
    lean: float = 0.45

    def weight(self, torso_points: NDArray[np.floating]) -> Array:
        """Share of the head pose at torso-space points [..., 3], 0..1, shape [...]."""
        s = np.clip((torso_points[..., 1] + self.lean * torso_points[..., 2] - self.low) / (self.high - self.low), 0, 1)
        return (s * s * (3 - 2 * s)).astype(np.float32)

    def to_head(self, points: NDArray[np.floating], pose: NDArray[np.floating]) -> Array:
        """World points [..., 3] to head space under the head pose [3, 4]."""
        rotation, translation = pose[:, :3], pose[:, 3]
        torso = points - (rotation @ self.pivot + translation - self.pivot)
        head = (points - translation) @ rotation
        w = self.weight(torso)[..., None]
        return (w * head + (1 - w) * torso).astype(np.float32)
