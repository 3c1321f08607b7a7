"""Landmarks of still pictures: what averaging takes away."""

from __future__ import annotations

import numpy as np

from offline.landmarks import still_landmarks
from offline.people import Person, prepared, render
from runtime.contract.axes import Array, portrait_camera
from runtime.contract.drive import DriveState, coefficients
from runtime.tracking.mesh import FaceMesh

SIZE, MOVED = 384, (2, 3)


def found(landmarks: Array | None) -> Array:
    assert landmarks is not None
    return landmarks


def test_a_picture_that_is_moved_moves_its_landmarks_and_nothing_else() -> None:
    """By whole pixels, down and to the right; one reading of each is off by several times as much."""
    state = DriveState(coefficients({"mouthSmileLeft": 0.5}))
    picture = render(prepared(Person.from_seed(8)), state, portrait_camera(), SIZE).over((1.0, 1.0, 1.0))
    moved = np.ascontiguousarray(np.roll(picture, MOVED, (0, 1)))
    with FaceMesh() as mesh:
        once, still = [], []
        for rgb in (picture, moved):
            mesh.reset()
            once.append(found(mesh.detect(rgb, 0.0)))
            still.append(found(still_landmarks(mesh, rgb)))
    apart = [np.linalg.norm((b - a)[:, :2] * SIZE - MOVED[::-1], axis=1).mean() for a, b in (once, still)]
    assert apart[1] < 0.2
    assert apart[0] > 2 * apart[1]


def test_no_face_is_none() -> None:
    with FaceMesh() as mesh:
        assert still_landmarks(mesh, np.full((128, 128, 3), 200, np.uint8)) is None
