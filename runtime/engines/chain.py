"""The three graphs run one after the other for one picture."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Camera, portrait_camera
from runtime.contract.drive import DriveState
from runtime.engines import Graph


@dataclass(frozen=True)
class Picture:
    """One rendered frame; its arrays are valid until the same chain renders the next."""

    rgba: NDArray[np.uint8]
    """[P, P, 4], premultiplied by alpha."""
    alpha: NDArray[np.float32]
    """[R, R], opacity at the rendering's own size, 0..1."""
    depth: NDArray[np.float32]
    """[R, R], dm along the camera's axis, 0 where nothing is."""
    seconds: dict[str, float]
    """Time in the generator, the renderer and the super-resolution."""


class Chain:
    """Sessions of the three graphs. Use it from one thread at a time."""

    def __init__(self, graphs: Mapping[str, Graph], latent: int) -> None:
        """`graphs` by name (generator, renderer, sr); `latent` is the length of γ, which inference sets to zero."""
        self._generator, self._renderer, self._sr = (graphs[n].new_session() for n in ("generator", "renderer", "sr"))
        self._latent = np.zeros((1, latent), np.float32)
        self._camera = portrait_camera()

    def render(self, state: DriveState, camera: Camera | None = None) -> Picture:
        """The avatar doing `state`, seen from `camera` (by default the portrait camera)."""
        camera = camera or self._camera
        marks = [time.perf_counter()]
        drive = {"expression": state.expression[None], "detail": state.detail[None], "latent": self._latent}
        planes = self._generator.run(drive)
        marks.append(time.perf_counter())
        view = {"pose": state.pose[None], "intrinsics": camera.intrinsics[None], "extrinsics": camera.extrinsics[None]}
        rendered = self._renderer.run({"coarse": planes["coarse"], "fine": planes["fine"], **view})
        marks.append(time.perf_counter())
        picture = self._sr.run({"features": rendered["features"], "alpha": rendered["alpha"]})
        marks.append(time.perf_counter())
        seconds = dict(zip(("generator", "renderer", "sr"), np.diff(marks).tolist(), strict=True))
        return Picture(picture["rgba"][0], rendered["alpha"][0, 0], rendered["depth"][0, 0], seconds)
