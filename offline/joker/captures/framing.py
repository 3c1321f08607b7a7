"""From a picture of a head to the picture that `head_camera` would take of it.

The camera is turned on the spot until it looks at the head's middle with the head upright, and zoomed until the head is
as large as `head_camera` shows it. Turning and zooming move pixels by a homography, whatever the scene's depth, so this
is exact; only the camera's distance stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.joker.captures.layout import Picture
from offline.joker.captures.views import CENTRE, SHARE, head_camera
from runtime.contract.axes import PORTRAIT_DISTANCE, PORTRAIT_FOCAL, Camera
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import Observation, Solution

FIXED = np.diag([1.0, -1.0, -1.0])
"""World axes at a camera to camera space."""
OVERSAMPLED = 4
"""Most samples along each side of a pixel where the picture is made smaller."""


@dataclass(frozen=True)
class Lens:
    """A pinhole camera's inside."""

    focal: float
    """Focal length over the picture's width."""
    centre: tuple[float, float] = (0.5, 0.5)
    """Where the optical axis meets the picture, (u, v)."""

    def observation(self, landmarks: NDArray[np.floating], width: int, height: int) -> Observation:
        """Landmarks [478, 3] of a picture of this size, as the fit takes them."""
        return Observation.of(landmarks - [*(np.array(self.centre) - 0.5), 0.0], width, height, self.focal)

    def matrix(self, width: int, height: int) -> Floats:
        """Camera space to pixels, [3, 3]; the first pixel's centre is 0."""
        focal, (u, v) = self.focal * width, self.centre
        return np.array([[focal, 0, u * width - 0.5], [0, focal, v * height - 0.5], [0, 0, 1]])


@dataclass(frozen=True)
class Framing:
    """How a head that was fitted in a picture is shown."""

    yaw: float
    pitch: float
    """Radians, as `head_camera` takes them."""
    camera: Camera
    """Sees the head at rest as the framed picture shows it; its rotation is `head_camera`'s."""
    turn: Floats
    """[3, 3], from the picture's camera space to that of `camera`."""

    @classmethod
    def of(cls, solution: Solution) -> Framing:
        """Of a head's pose relative to its camera."""
        place = solution.place(np.array([CENTRE]))[0]
        distance = float(np.linalg.norm(place))
        x, y, z = -solution.rotation.T @ place / distance  # from the head to the camera, head space
        yaw, pitch = float(np.arctan2(x, z)), float(np.arcsin(np.clip(y, -1, 1)))
        rotation = head_camera(yaw, pitch).extrinsics[:, :3].astype(np.float64)
        translation = np.array([0, 0, distance]) - rotation @ np.array(CENTRE)
        focal = PORTRAIT_FOCAL / SHARE / PORTRAIT_DISTANCE * distance
        camera = Camera(
            np.array([focal, focal, 0.5, 0.5], np.float32),
            np.column_stack([rotation, translation]).astype(np.float32),
        )
        return cls(yaw, pitch, camera, rotation @ (FIXED @ solution.rotation).T)

    def side(self, lens: Lens, width: int) -> float:
        """Width of the framed square in pixels of a picture that is `width` wide, at its middle."""
        return lens.focal * width / float(self.camera.intrinsics[0])

    def cut(self, rgb: Picture, lens: Lens, size: int, margin: int = 0) -> tuple[Picture, NDArray[np.bool_]]:
        """The framed square and `margin` pixels around it: [P, P, 3], and which pixels the picture has, [P, P].

        P is ``size + 2 · margin``; what the picture has not is its border's colour, drawn out.
        """
        there = np.full(rgb.shape[:2], 255, np.uint8)
        picture = self._warped(rgb, lens, size, margin, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
        seen = self._warped(there, lens, size, margin, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
        return np.asarray(picture, np.uint8), seen == 255

    def cut_premultiplied(self, picture: NDArray[np.float32], lens: Lens, size: int) -> NDArray[np.float32]:
        """The framed square [size, size, C] of a picture [H, W, C] beyond which there are zeros."""
        shrink = 2 * OVERSAMPLED * size / self.side(lens, picture.shape[1])
        if shrink < 1:  # a warp looks at four pixels only, so shrink by areas first
            picture = np.asarray(cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
        return np.asarray(self._warped(picture, lens, size, 0, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT), np.float32)

    def _warped(
        self, picture: NDArray[Any], lens: Lens, size: int, margin: int, flags: int, border: int
    ) -> NDArray[Any]:
        """Turned and zoomed with several samples a pixel, then averaged down to ``size + 2 · margin``."""
        height, width = picture.shape[:2]
        whole = size + 2 * margin
        times = int(np.clip(np.ceil(self.side(lens, width) / size), 1, OVERSAMPLED))
        out = Lens(float(self.camera.intrinsics[0]) * size / whole).matrix(whole * times, whole * times)
        move = out @ self.turn @ np.linalg.inv(lens.matrix(width, height))
        large = cv2.warpPerspective(picture, move, (whole * times, whole * times), flags=flags, borderMode=border)
        return np.asarray(cv2.resize(large, (whole, whole), interpolation=cv2.INTER_AREA))
