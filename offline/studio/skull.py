"""The bare head as a radius over directions: a smooth surface through a few hundred control points.

The face's points are MediaPipe's canonical face, moved by the identity; the rest is an ellipsoid. A thin-plate spline
over unit directions passes through them and is sampled once on a grid of longitude and latitude, finer than a pixel of
a 512² portrait, so that one linear look-up is smooth however detailed the surface is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter, minimum_filter, zoom
from torch import Tensor
from torch.nn.functional import grid_sample

from offline.studio.fields import Points, length
from offline.studio.identity import Identity

CENTRE = (0.0, 0.12, -0.10)
_LATITUDES, _LONGITUDES = 160, 320
_FINER = 4
_SKULL_CENTRE = np.array([0.0, 0.30, -0.24])
_SKULL_RADII = np.array([0.79, 0.86, 0.84])
_UNDER = np.array([[0, -0.93, 0.25], [0, -0.90, 0.10], [0, -0.86, -0.1], [0.25, -0.82, 0.08], [0.42, -0.68, -0.08],
                   [0.3, -0.75, -0.2], [0.5, -0.5, -0.4], [0, -0.7, -0.4]])  # fmt: skip
"""Control points under the jaw, where the neck takes over (dm, one side)."""


@dataclass(frozen=True)
class Skull:
    """Radius table [2, lat, lon]: radius (dm) and the factor that turns radial excess into a safe distance."""

    table: Tensor

    def distance(self, p: Points) -> Tensor:
        """Distance to the bare head in neutral head space, negative inside, never over-estimated by much."""
        x, y, z = p.x - CENTRE[0], p.y - CENTRE[1], p.z - CENTRE[2]
        r = length(x, y, z)
        longitude = torch.atan2(x, z) / torch.pi
        latitude = torch.asin((y / r).clamp(-1.0, 1.0)) * (2.0 / torch.pi)
        grid = torch.stack([longitude, latitude], -1).reshape(1, 1, -1, 2)
        radius, safe = grid_sample(self.table[None], grid, "bilinear", "border", align_corners=False)[0, :, 0]
        return (r - radius) * safe


@lru_cache(maxsize=4)
def build_skull(identity: Identity) -> Skull:
    """The head of an identity (about a second; the last few are kept)."""
    points = np.concatenate([_face_points(identity), _cranium(identity)]) - CENTRE
    radii = np.linalg.norm(points, axis=1)
    surface = RBFInterpolator(points / radii[:, None], radii, kernel="thin_plate_spline", smoothing=2e-4)
    lat = ((np.arange(_LATITUDES) + 0.5) / _LATITUDES - 0.5) * np.pi
    lon = ((np.arange(_LONGITUDES) + 0.5) / _LONGITUDES - 0.5) * 2 * np.pi
    la, lo = np.meshgrid(lat, lon, indexing="ij")
    directions = np.stack([np.cos(la) * np.sin(lo), np.sin(la), np.cos(la) * np.cos(lo)], -1)
    table = surface(directions.reshape(-1, 3)).reshape(la.shape)
    both = np.stack([table, _safety(table, la)])
    return Skull(torch.from_numpy(zoom(both, (1, _FINER, _FINER), order=3, mode="nearest", grid_mode=True)).float())


def _safety(radius: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / sqrt(1 + |∇r|² / r²), the slope of the surface against the radius, at its worst in the neighbourhood."""
    d_lat, d_lon = np.gradient(radius, np.pi / _LATITUDES, 2 * np.pi / _LONGITUDES)
    slope = np.hypot(d_lat, d_lon / np.maximum(np.cos(latitude), 0.2)) / radius
    return np.asarray(gaussian_filter(minimum_filter(1 / np.sqrt(1 + slope**2), 7), 2))


def _face_points(identity: Identity) -> NDArray[np.float64]:
    text = files("offline.studio").joinpath("face_points.csv").read_text().splitlines()
    half = np.loadtxt(text, delimiter=",")
    x, y, z = half.T.copy()
    front = np.exp(-(((x) / 0.22) ** 2) - ((y + 0.05) / 0.2) ** 2)
    jaw = np.clip((-0.2 - y) / 0.5, 0, 1)
    x = x * (1 + (identity.nose_width - 1) * front) * (1 + (identity.jaw_width - 1) * jaw) * identity.face_width
    z = z + identity.nose_length * np.exp(-((x / 0.12) ** 2) - ((y + 0.1) / 0.12) ** 2)
    z = z + identity.nose_bridge * np.exp(-((x / 0.1) ** 2) - ((y - 0.2) / 0.15) ** 2)
    x = x - identity.cheekbone * np.exp(-(((x + 0.55) / 0.2) ** 2) - ((y - 0.02) / 0.2) ** 2)
    y = y - identity.chin_length * np.clip((-0.55 - y) / 0.35, 0, 1)
    half = np.stack([x, y, z], 1)
    other = half[half[:, 0] < -1e-3] * [-1, 1, 1]
    return np.concatenate([half, other])


def _cranium(identity: Identity) -> NDArray[np.float64]:
    """Points of the skull's ellipsoid outside the face, evenly spread (a Fibonacci sphere), and under the jaw."""
    n = 420
    i = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * i / n), np.pi * (1 + 5**0.5) * i
    unit = np.stack([np.cos(azimuth) * np.sin(polar), np.cos(polar), np.sin(azimuth) * np.sin(polar)], 1)
    points = _SKULL_CENTRE + unit * _SKULL_RADII * [identity.face_width, 1, 1]
    outside = (points[:, 1] > 0.93) | (points[:, 2] < -0.36)
    mirrored = _UNDER[_UNDER[:, 0] > 0] * [-1, 1, 1]
    return np.concatenate([points[outside & (points[:, 1] > -0.45)], _UNDER, mirrored])
