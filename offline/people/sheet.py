"""Contact sheets of studio people, and whether MediaPipe finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.people.dataset import BACKGROUND
from offline.people.model import prepared
from offline.people.performance import EXPRESSIONS_OF_PEOPLE
from offline.people.person import Person
from offline.people.render import render
from runtime.contract.axes import portrait_camera, quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import DriveState, coefficients
from runtime.tracking.mesh import FaceMesh

LOOKS: tuple[tuple[float, float, Mapping[str, float]], ...] = (
    (0, 0, {}),
    (
        20,
        0,
        {
            "mouthSmileLeft": 0.9,
            "mouthSmileRight": 0.9,
            "mouthUpperUpLeft": 0.4,
            "mouthUpperUpRight": 0.4,
            "cheekSquintLeft": 0.6,
            "cheekSquintRight": 0.6,
            "mouthLowerDownLeft": 0.3,
            "mouthLowerDownRight": 0.3,
        },
    ),
    (
        -20,
        5,
        {
            "browInnerUp": 0.9,
            "browOuterUpLeft": 0.9,
            "browOuterUpRight": 0.9,
            "jawOpen": 0.7,
            "eyeWideLeft": 0.7,
            "eyeWideRight": 0.7,
        },
    ),
    (
        0,
        -5,
        {
            "browDownLeft": 1,
            "browDownRight": 1,
            "noseSneerLeft": 0.7,
            "noseSneerRight": 0.7,
            "mouthFrownLeft": 0.6,
            "mouthFrownRight": 0.6,
        },
    ),
    (35, 0, {"eyeBlinkLeft": 1, "mouthPucker": 0.8}),
    (-35, 8, {"eyeLookOutLeft": 0.9, "eyeLookInRight": 0.9, "jawOpen": 0.4, "tongueOut": 0.9}),
)
"""Yaw and pitch in degrees, and coefficients of a sheet's columns."""


def posed(yaw: float, pitch: float, roll: float, values: Mapping[str, float]) -> DriveState:
    """A moment of angles in degrees and coefficients by name."""
    rotation = rotation_from_angles(*np.radians([yaw, pitch, roll]))
    return DriveState(coefficients(values), rotation=quaternion_from_rotation(rotation))


def contact_sheet(people: Sequence[Person], size: int) -> NDArray[np.uint8]:
    """RGB picture: a row for each person, a column for each of `LOOKS`."""
    rows = []
    for person in tqdm(people, unit="person"):
        model = prepared(person)
        pictures = [render(model, posed(y, p, 0, v), portrait_camera(), size).over(BACKGROUND) for y, p, v in LOOKS]
        rows.append(np.concatenate(pictures, 1))
    return np.concatenate(rows, 0)


class Found(NamedTuple):
    """A view, and whether MediaPipe saw a face in it."""

    seed: int
    yaw: float
    pitch: float
    found: bool


def look_for_faces(seeds: Sequence[int], views: int, size: int, yaw: float = 45.0) -> list[Found]:
    """`views` random views of the person of each seed, within ±`yaw` degrees, each as MediaPipe sees a first frame."""
    found = []
    with FaceMesh() as mesh:
        for seed in tqdm(seeds, unit="person"):
            model = prepared(Person.from_seed(seed))
            rng = np.random.default_rng([seed, 0xF0])
            for _ in range(views):
                turn, nod, lean = rng.uniform(-yaw, yaw), rng.uniform(-15, 15), rng.uniform(-10, 10)
                values = EXPRESSIONS_OF_PEOPLE[int(rng.integers(len(EXPRESSIONS_OF_PEOPLE)))]
                picture = render(model, posed(turn, nod, lean, values), portrait_camera(), size)
                mesh.reset()
                found.append(Found(seed, turn, nod, mesh.detect(picture.over(BACKGROUND), 0.0) is not None))
    return found
