"""From a photo of one person to the picture that the 2D prior knows them by.

The face is found, cut out, and laid where `head_camera()` would show it: upright, at its size, over the plain
background.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offline.joker.captures.fitting import fit_pictures
from offline.joker.captures.framing import Framing, Lens
from offline.joker.captures.layout import Picture
from offline.joker.captures.views import BACKGROUND
from offline.landmarks import still_landmarks
from offline.pictures import read_picture
from offline.track.matte import Matting
from runtime.contract.axes import Array, angles_from_rotation
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.tracking.fit import Solution
from runtime.tracking.mesh import FaceMesh
from runtime.tracking.tracker import FOCAL

SIZE = 512
"""Width and height of the reference picture, pixels."""
SMALLEST = 64
"""Pixels that a face must be high."""
OTHER = 0.5
"""Height of another face, relative to the largest, from which it is not clear who is meant."""
PROFILE = np.radians(55.0)
"""Yaw from which half of the face is hidden."""

LENS = Lens(FOCAL)
"""Of a photo's camera, which does not say its own."""


@dataclass(frozen=True)
class Reference:
    """What a prior knows a person by."""

    picture: Picture
    """RGB [512, 512, 3], as `head_camera()` frames them, over `BACKGROUND`."""
    identity: Array | None
    """[K], of the head model, whose normals a prior sees; None for the mean head."""


def photo_reference(photo: Path) -> Reference:
    """The person in a photo, and the identity that fits them.

    Raises BadInput where the file is not a picture, or shows no face, several faces, a profile or a tiny face.
    """
    rgb = read_picture(photo, round(BACKGROUND * 255))
    solution, identity = _one_face(photo, rgb)
    yaw = angles_from_rotation(solution.rotation)[0]
    if abs(yaw) > PROFILE:
        raise BadInput(
            f"'{photo}' shows the face from the side ({abs(np.degrees(yaw)):.0f}°); take a picture that sees both eyes"
        )
    with Matting() as matting:
        cut_out = matting.cut_out(rgb)
    return Reference(framed(cut_out, solution), identity)


def _one_face(photo: Path, rgb: Picture) -> tuple[Solution, Array]:
    """The head model fitted to the only face, and its identity [K]."""
    height, width = rgb.shape[:2]
    with FaceMesh() as mesh:
        landmarks = still_landmarks(mesh, rgb)
        heights = sorted((float(face[2]) for face in mesh.faces(rgb)), reverse=True)
    if len(heights) > 1 and heights[1] > OTHER * heights[0]:
        raise BadInput(f"'{photo}' shows several faces; cut it so that only one person is in it")
    if landmarks is None:
        raise BadInput(f"'{photo}' shows no face; take a picture of one person who looks into the camera")
    own = float(np.ptp(landmarks[:, 1])) * height
    if own < SMALLEST:
        raise BadInput(
            f"the face in '{photo}' is {own:.0f} pixels high and {SMALLEST} are the least; "
            "take a picture from nearer by"
        )
    fitted = fit_pictures([LENS.observation(landmarks, width, height)], HeadModel.load())
    solution = fitted.solutions[0]
    if solution is None:
        raise BadInput(f"no head fits the face in '{photo}'; take a picture from the front")
    return solution, fitted.identity.astype(np.float32)


def framed(cut_out: Picture, solution: Solution) -> Picture:
    """RGBA [H, W, 4] of a photo → RGB [512, 512, 3], framed as captures are, over the background."""
    rgba = cut_out.astype(np.float32) / 255
    rgba[..., :3] = (rgba[..., :3] - BACKGROUND) * rgba[..., 3:]  # beyond the photo there is nothing: zeros
    square = Framing.of(solution).cut_premultiplied(rgba, LENS, SIZE)
    return np.round((square[..., :3] + BACKGROUND).clip(0, 1) * 255).astype(np.uint8)
