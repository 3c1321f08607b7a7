"""Whether pictures of a head from many sides are pictures of one head: depth, normals, agreement of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Camera

Depth = NDArray[np.floating]
"""[P, P], dm along the camera's axis, 0 where nothing is."""
HIDDEN = 0.15
"""Depth (dm) by which a point may lie behind what a neighbouring view sees there and still count as seen."""


def points_of(depth: Depth, camera: Camera) -> NDArray[np.float64]:
    """World points [P, P, 3] where pixels see something at `depth`."""
    origin, directions = camera.rays(depth.shape[0])
    return np.asarray(origin + directions * depth[..., None], np.float64)


def depth_error(found: Depth, true: Depth) -> float:
    """Mean of |found - true| in millimetres over the pixels where both see something."""
    both = (found > 0) & (true > 0)
    return float(np.abs(found - true)[both].mean() * 100) if both.any() else float("nan")


def surface_normals(depth: Depth, camera: Camera) -> NDArray[np.float64]:
    """World-space unit normals [P, P, 3] of a depth map by differences to the right and down; 0 at its border."""
    p = points_of(depth, camera)
    right, down = np.zeros_like(p), np.zeros_like(p)
    right[:, 1:-1], down[1:-1] = p[:, 2:] - p[:, :-2], p[2:] - p[:-2]
    normal = np.cross(down, right)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(depth > 0, 1), (3, 3)).all((2, 3))
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.where(around[..., None] & (length > 0), normal / np.maximum(length, 1e-12), 0.0)


def normal_error(found: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    """Mean angle in degrees between normals [P, P, 3] where both are known."""
    both = (np.abs(found).sum(-1) > 0) & (np.abs(true).sum(-1) > 0)
    if not both.any():
        return float("nan")
    cosine = (found * true).sum(-1)[both].clip(-1, 1)
    return float(np.degrees(np.arccos(cosine)).mean())


def warp_error(
    here: NDArray[np.floating], there: NDArray[np.floating], depths: tuple[Depth, Depth], cameras: tuple[Camera, Camera]
) -> float:
    """How much two views of one head disagree: mean |here - there| in 8-bit levels.

    Pictures are [P, P, 3] in 0..1. Every pixel `here` is followed along its true depth to where the other view sees
    it; points that the other view's true depth hides do not count.
    """
    size = depths[0].shape[0]
    at = cameras[1].project(points_of(depths[0], cameras[0])) * size - 0.5
    extrinsics = cameras[1].extrinsics
    reach = points_of(depths[0], cameras[0]) @ extrinsics[2, :3] + extrinsics[2, 3]
    seen = _looked_up(depths[1].astype(np.float32), at, cv2.INTER_NEAREST)
    inside = ((at >= 0) & (at <= size - 1)).all(-1)
    counts = (depths[0] > 0) & (seen > 0) & inside & (np.abs(reach - seen) < HIDDEN)
    if not counts.any():
        return float("nan")
    other = _looked_up(there.astype(np.float32), at, cv2.INTER_LINEAR)
    return float(np.abs(here - other)[counts].mean() * 255)


def _looked_up(picture: NDArray[np.float32], at: NDArray[np.floating], how: int) -> NDArray[np.float32]:
    place = at.astype(np.float32)
    return np.asarray(cv2.remap(picture, place[..., 0], place[..., 1], how, borderMode=cv2.BORDER_CONSTANT))


def neighbours(yaws: Sequence[float], pitches: Sequence[float]) -> list[tuple[int, int]]:
    """Pairs of views of one row of a grid that lie side by side."""
    order = sorted(range(len(yaws)), key=lambda n: (round(pitches[n], 6), yaws[n]))
    return [(a, b) for a, b in pairwise(order) if abs(pitches[a] - pitches[b]) < 1e-6]
