"""From a photo of one person to the picture that the 2D prior knows them by.

The face is found, cut out, and laid where `head_camera()` would show it: upright, at its size, over the plain
background.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.joker.captures.views import BACKGROUND, CENTRE, SHARE
from offline.pictures import read_picture
from offline.track.matte import Matting
from runtime.contract.axes import PORTRAIT_DISTANCE, PORTRAIT_FOCAL, angles_from_rotation
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.tracking.fit import Observation, Solution
from runtime.tracking.identity import IdentityEstimator
from runtime.tracking.mesh import FaceMesh
from runtime.tracking.person import Person
from runtime.tracking.tracker import FOCAL, INTRODUCTION

SIZE = 512
"""Width and height of the reference picture, pixels."""
SMALLEST = 64
"""Pixels that a face must be high."""
OTHER = 0.5
"""Height of another face, relative to the largest, from which it is not clear who is meant."""
PROFILE = np.radians(55.0)
"""Yaw from which half of the face is hidden."""

Picture = NDArray[np.uint8]


def reference_picture(photo: Path) -> Picture:
    """The person in a photo as `head_camera()` frames them, over `BACKGROUND`, RGB [512, 512, 3].

    Raises BadInput where the file is not a picture, or shows no face, several faces, a profile or a tiny face.
    """
    rgb = read_picture(photo, round(BACKGROUND * 255))
    solution = _one_face(photo, rgb)
    yaw, _, roll = angles_from_rotation(solution.rotation)
    if abs(yaw) > PROFILE:
        raise BadInput(
            f"'{photo}' shows the face from the side ({abs(np.degrees(yaw)):.0f}°); take a picture that sees both eyes"
        )
    with Matting() as matting:
        cut_out = matting.cut_out(rgb)
    return _framed(cut_out, solution, roll)


def _one_face(photo: Path, rgb: Picture) -> Solution:
    """The head model fitted to the only face."""
    height, width = rgb.shape[:2]
    with FaceMesh() as mesh:
        landmarks = mesh.detect(rgb, 0.0)
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
    solution = _fitted(Observation.of(landmarks, width, height, FOCAL))
    if solution is None:
        raise BadInput(f"no head fits the face in '{photo}'; take a picture from the front")
    return solution


def _fitted(observation: Observation) -> Solution | None:
    """The fit of a single picture, with the identity learnt from it."""
    model = HeadModel.load()
    person, identity = Person(model), IdentityEstimator(len(model.identity))
    solution = person.follow(observation, 0.0)
    for _ in range(INTRODUCTION):
        if solution is None:
            return None
        identity.add(person.face, observation, solution)
        person.face.set_identity(identity.estimate())
        solution = person.follow(observation, 0.0)
    return solution


def _framed(cut_out: Picture, solution: Solution, roll: float) -> Picture:
    """RGBA [H, W, 4] → what a square around the head shows, turned upright by `roll` radians."""
    height, width = cut_out.shape[:2]
    x, y, z = solution.rotation @ np.array(CENTRE) + solution.translation
    dm = FOCAL * width / -z  # pixels
    centre = np.array([width / 2 + x * dm, height / 2 - y * dm])
    side = PORTRAIT_DISTANCE / PORTRAIT_FOCAL * SHARE * dm
    rgba: NDArray[Any] = cut_out.astype(np.float32) / 255
    rgba[..., :3] = (rgba[..., :3] - BACKGROUND) * rgba[..., 3:]  # beyond the photo there is nothing: zeros
    if side > 2 * SIZE:  # a warp looks at four pixels only, so shrink by areas first
        shrink = 2 * SIZE / side
        rgba = cv2.resize(rgba, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        centre, side = centre * shrink, side * shrink
    scale = SIZE / side
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.full(2, SIZE / 2 - 0.5) - turn @ (centre - 0.5)
    warped = cv2.warpAffine(rgba, np.column_stack([turn, shift]), (SIZE, SIZE), flags=cv2.INTER_LINEAR)
    return np.round((warped[..., :3] + BACKGROUND).clip(0, 1) * 255).astype(np.uint8)
