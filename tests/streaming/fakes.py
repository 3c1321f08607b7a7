"""The smallest avatar and tracker that the server can run: what is tested here is what lies between them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Camera
from runtime.contract.bank import BankExpression
from runtime.contract.drive import INDEX, DriveState, coefficients

SIZE = 128
BANK = (
    BankExpression("tongue out", "a person sticking the tongue out", {"jawOpen": 0.5}, "tongueOut"),
    BankExpression("mad and happy", "a person who is both", hold=1.0),
)


@dataclass
class FakePicture:
    rgba: NDArray[np.uint8]
    seconds: dict[str, float] = field(default_factory=dict)


class FakeAvatar:
    """A disc, red as far as the jaw is open; its right half is clear."""

    size = SIZE
    thumbnail = b"\x89PNG"
    engine = engine_name = "none"

    def __init__(self, cost: float = 0.0, name: str = "fake") -> None:
        self.cost = cost
        self.name = name
        self.fails = False
        self.gate = threading.Event()
        """While it is not set, no render comes back."""
        self.gate.set()
        self.bank = BANK

    def new_renderer(self) -> FakeSession:
        return FakeSession(self)


class FakeSession:
    def __init__(self, avatar: FakeAvatar) -> None:
        self.avatar = avatar

    def render(self, state: DriveState, camera: Camera | None = None) -> FakePicture:
        if self.avatar.fails:
            raise ArithmeticError("the fake was told to fail")
        self.avatar.gate.wait()
        time.sleep(self.avatar.cost)
        rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
        jaw = float(state.expression[INDEX["jawOpen"]])
        rgba[:, : SIZE // 2] = (round(255 * jaw), 60, 60, 255)
        return FakePicture(rgba, {"generator": self.avatar.cost})


@dataclass
class FakeFace:
    state: DriveState
    person: int = 0


class FakeTracker:
    """Finds a jaw as open as the picture is bright, and no face in a black one."""

    def __init__(self) -> None:
        self.closed = False
        self.resets = 0
        self.person = 0

    def track(self, rgb: NDArray[np.uint8], timestamp: float) -> FakeFace | None:
        brightness = float(rgb.mean()) / 255
        if brightness < 0.05:
            return None
        return FakeFace(DriveState(coefficients({"jawOpen": brightness}), timestamp=timestamp), self.person)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True
