"""The views that a head is distilled in: a camera that orbits the head, a grid of angles, a plain background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from runtime.contract.axes import PORTRAIT_DISTANCE, PORTRAIT_FOCAL, Camera, rotation_from_angles

BACKGROUND = 0.5
"""Display value of the plain grey that every picture of the 2D prior's world is composed over."""
CENTRE = (0.0, 0.05, -0.1)
"""What the camera orbits and looks at, the middle of the head, dm."""
SHARE = 0.75
"""Width of the head's picture as a share of the portrait's: 3.07 dm instead of 4.09 at the orbit's centre.

The distance is the portrait's, so a ray of `SHARE` · n rays has the footprint of one of the portrait's n rays, and an
avatar's super-resolution sees what it was trained on."""
AZIMUTH = np.radians(45.0)
ELEVATION = np.radians(20.0)
"""Largest angles of the grid (Joker: ±45° and ±20°)."""


@dataclass(frozen=True)
class View:
    """Where the camera is on its orbit; signs as `portrait_camera` has them."""

    yaw: float
    """Radians, positive to the picture's right."""
    pitch: float
    """Radians, positive upwards."""

    @property
    def camera(self) -> Camera:
        return head_camera(self.yaw, self.pitch)


def head_camera(yaw: float = 0.0, pitch: float = 0.0) -> Camera:
    """The camera that frames the head alone, walked around it by `yaw` and `pitch` (radians)."""
    orbit = rotation_from_angles(yaw, -pitch, 0.0).astype(np.float64)
    rotation = np.diag([1.0, -1.0, -1.0]) @ orbit.T
    translation = np.array([0.0, 0.0, PORTRAIT_DISTANCE]) - rotation @ np.array(CENTRE)
    focal = PORTRAIT_FOCAL / SHARE
    return Camera(
        np.array([focal, focal, 0.5, 0.5], np.float32),
        np.concatenate([rotation, translation[:, None]], 1).astype(np.float32),
    )


def grid(azimuths: int, elevations: int) -> list[View]:
    """Views evenly over ±45° × ±20°, row by row: azimuth rises within a row, elevation from row to row.

    A count of 1 stands for the middle.
    """
    yaws, pitches = _even(AZIMUTH, azimuths), _even(ELEVATION, elevations)
    return [View(float(yaw), float(pitch)) for pitch in pitches for yaw in yaws]


def between(azimuths: int, elevations: int) -> list[View]:
    """The middles of the cells of `grid(azimuths, elevations)`: the views farthest from those."""
    yaws, pitches = (_even(reach, n) for reach, n in ((AZIMUTH, azimuths), (ELEVATION, elevations)))
    yaws, pitches = ((a[1:] + a[:-1]) / 2 if len(a) > 1 else a for a in (yaws, pitches))
    return [View(float(yaw), float(pitch)) for pitch in pitches for yaw in yaws]


def _even(reach: float, count: int) -> np.ndarray:
    if count < 1:
        raise ValueError(f"a grid has at least one view along each side, not {count}")
    return np.linspace(-reach, reach, count) if count > 1 else np.zeros(1)


def camera_tensors(views: Sequence[View], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Intrinsics [V, 4] and extrinsics [V, 3, 4] of the views."""
    cameras = [view.camera for view in views]
    arrays = np.stack([c.intrinsics for c in cameras]), np.stack([c.extrinsics for c in cameras])
    intrinsics, extrinsics = (torch.from_numpy(a).to(device) for a in arrays)
    return intrinsics, extrinsics
