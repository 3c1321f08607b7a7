"""The little quaternion algebra that mixing and smoothing need; ``(x, y, z, w)``, unit length, float32 [4]."""

from __future__ import annotations

import math

import numpy as np

from runtime.contract.axes import Array


def multiply(a: Array, b: Array) -> Array:
    """The rotation `b` followed by `a`."""
    ax, ay, az, aw = (float(v) for v in a)
    bx, by, bz, bw = (float(v) for v in b)
    product = np.array(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ]
    )
    return np.asarray(product / np.linalg.norm(product), np.float32)


def conjugate(q: Array) -> Array:
    """The inverse rotation."""
    return np.array([-q[0], -q[1], -q[2], q[3]], np.float32)


def angle_between(a: Array, b: Array) -> float:
    """The angle of the rotation that takes `a` to `b`, radians, 0..π."""
    x, y, z, w = (float(v) for v in multiply(b, conjugate(a)))
    return 2.0 * math.atan2(math.sqrt(x * x + y * y + z * z), abs(w))


def power(q: Array, share: float) -> Array:
    """The rotation about the same axis by `share` of the angle, the short way round."""
    x, y, z, w = (float(v) for v in (q if q[3] >= 0 else -q))
    sine = math.sqrt(x * x + y * y + z * z)
    half = math.atan2(sine, w)
    scale = math.sin(half * share) / sine if sine > 1e-9 else share
    return np.array([x * scale, y * scale, z * scale, math.cos(half * share)], np.float32)


def slerp(a: Array, b: Array, share: float) -> Array:
    """From `a` (share 0) to `b` (share 1) along the shortest arc."""
    return multiply(power(multiply(b, conjugate(a)), share), a)
