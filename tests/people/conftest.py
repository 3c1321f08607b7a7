"""Shared helpers: people made ready once, named states, a camera close to the face."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from offline.people import Model, Person, prepared
from runtime.contract.axes import Camera, portrait_camera, quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import DriveState, coefficients

State = Callable[..., DriveState]


@cache
def model(hair_style: str = "bald", seed: int = 1) -> Model:
    return prepared(Person(seed=seed, hair_style=hair_style, garment="tee"))


@pytest.fixture
def bald() -> Model:
    """A person without hair on the scalp."""
    return model()


@pytest.fixture
def state() -> State:
    """`state(yaw=20, jawOpen=1)`: degrees and coefficients by name."""

    def make(yaw: float = 0, pitch: float = 0, roll: float = 0, **values: float) -> DriveState:
        turn = rotation_from_angles(*np.radians([yaw, pitch, roll]))
        return DriveState(coefficients(values), rotation=quaternion_from_rotation(turn))

    return make


@pytest.fixture
def face_camera() -> Camera:
    """The portrait camera with a lens that shows the face alone: 2 dm high, its middle at y = -0.1."""
    focal = 4.5
    shift = focal * (-0.1 + 0.3) / 9.0
    return Camera(np.array([focal, focal, 0.5, 0.5 + shift], np.float32), portrait_camera().extrinsics)
