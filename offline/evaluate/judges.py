"""What looks at the pictures: the face mesh, and LPIPS and face recognition where their weights are here."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray

from offline.evaluate.identity import FaceIdentity
from offline.evaluate.pictures import Picture, eight_bit
from offline.landmarks import still_landmarks
from offline.perceptual import Lpips
from offline.tri2plane.checkpoint import CPU
from runtime.errors import Unavailable
from runtime.tracking.mesh import FaceMesh

Landmarks = NDArray[np.float32]


class Judges:
    """Opened once for an evaluation. `absent` maps the metrics that cannot be had to the reason."""

    def __init__(self, lpips: Path | None = None, device: torch.device = CPU) -> None:
        """`lpips` is the folder of LPIPS' weights; it runs on `device`. Raises BadInput where they are not there."""
        self.absent: dict[str, str] = {}
        self._lpips = Lpips.load(lpips).to(device) if lpips is not None else None
        if self._lpips is None:
            self.absent["lpips"] = "no weights given; --lpips FOLDER, see offline/perceptual.py for how to make one"
        try:
            self._identity: FaceIdentity | None = FaceIdentity()
        except Unavailable as error:
            self._identity, self.absent["identity_distance"] = None, str(error)
        self._mesh = FaceMesh()

    def __enter__(self) -> Judges:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mesh.close()

    def landmarks(self, picture: Picture) -> Landmarks | None:
        """[478, 3] of the face (`still_landmarks`); None where none is found."""
        return still_landmarks(self._mesh, eight_bit(picture))

    @torch.no_grad()
    def lpips(self, prediction: Picture, truth: Picture) -> float | None:
        """LPIPS of VGG16 v0.1; None without its weights."""
        if self._lpips is None:
            return None
        place = self._lpips.shift.device
        a, b = (torch.from_numpy(p).permute(2, 0, 1)[None].to(place) for p in (prediction, truth))
        return float(self._lpips(a, b)[0])

    def describe(self, picture: Picture, landmarks: Landmarks | None) -> NDArray[np.float64] | None:
        """Identity descriptor; None without a face or without the network."""
        if self._identity is None or landmarks is None:
            return None
        return self._identity.describe(picture, landmarks)


def distance(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> float | None:
    """Euclidean distance of two descriptors; None where one is."""
    return None if a is None or b is None else float(np.linalg.norm(a - b))
