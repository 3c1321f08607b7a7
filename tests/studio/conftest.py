"""Shared helpers: named states, a camera close to the face, one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from runtime.contract.axes import Camera, portrait_camera, quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import DriveState, coefficients

State = Callable[..., DriveState]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def state() -> State:
    """`state(yaw=20, jawOpen=1)`: degrees and coefficients by name."""

    def make(yaw: float = 0, pitch: float = 0, roll: float = 0, **values: float) -> DriveState:
        turn = rotation_from_angles(*np.radians([yaw, pitch, roll]))
        return DriveState(coefficients(values), rotation=quaternion_from_rotation(turn))

    return make


@pytest.fixture
def face_camera() -> Camera:
    """The portrait camera with a lens that shows the face alone: 1.8 dm high, its middle at y = -0.1."""
    focal = 5.0
    shift = focal * (-0.1 + 0.3) / 9.0
    return Camera(np.array([focal, focal, 0.5, 0.5 + shift], np.float32), portrait_camera().extrinsics)
