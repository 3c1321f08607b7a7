"""From a drive state to a picture through the three graphs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.avatar.bank import BankPlanes, BankSession
from runtime.contract.axes import Array, Camera, portrait_camera
from runtime.contract.bundle import GRAPHS, Bundle
from runtime.contract.drive import DriveState
from runtime.engines import Engine, Graph


@dataclass(frozen=True)
class RenderedPicture:
    """One rendered frame; its arrays are valid until the same chain renders the next."""

    rgba: NDArray[np.uint8]
    """[P, P, 4], premultiplied by alpha."""
    alpha: NDArray[np.float32]
    """[R, R], opacity at the rendering's own size, 0..1."""
    depth: NDArray[np.float32]
    """[R, R], dm along the camera's axis, 0 where nothing is."""
    seconds: dict[str, float]
    """Time in the graphs, by name where they run apart."""


OUTPUTS = ("rgba", "alpha", "depth")


def joined(engine: Engine, bundle: Bundle) -> Graph:
    """The bundle's three graphs as one, ready on `engine`."""
    graphs = {name: (bundle.files[f"{name}.onnx"], bundle.manifest.graphs[name]) for name in GRAPHS}
    return engine.load_joined(graphs, OUTPUTS)


class Performer:
    """A session of the joined graphs. Use it from one thread at a time."""

    def __init__(self, graph: Graph, latent: int, bank: BankPlanes | None = None) -> None:
        """`latent` is the length of γ, which inference sets to zero; `bank` that of a bundle with one."""
        self._session = graph.new_session()
        self._inputs = Inputs(latent, bank)

    def render(self, state: DriveState, camera: Camera | None = None) -> RenderedPicture:
        """The avatar doing `state`, seen from `camera` (by default the portrait camera)."""
        begun = time.perf_counter()
        made = self._session.run(self._inputs.drive(state) | self._inputs.view(state, camera))
        return _picture(made, {"graphs": time.perf_counter() - begun})


class Chain:
    """The three graphs one after the other, each timed. Use it from one thread at a time."""

    def __init__(self, graphs: Mapping[str, Graph], latent: int, bank: BankPlanes | None = None) -> None:
        """`graphs` by name (generator, renderer, sr); the rest as for `Performer`."""
        self._generator, self._renderer, self._sr = (graphs[name].new_session() for name in GRAPHS)
        self._inputs = Inputs(latent, bank)

    def render(self, state: DriveState, camera: Camera | None = None) -> RenderedPicture:
        """As `Performer.render`."""
        marks = [time.perf_counter()]
        planes = self._generator.run(self._inputs.drive(state))
        marks.append(time.perf_counter())
        view = self._inputs.view(state, camera)
        rendered = self._renderer.run({**planes, **view})
        marks.append(time.perf_counter())
        picture = self._sr.run({"features": rendered["features"], "alpha": rendered["alpha"]})
        marks.append(time.perf_counter())
        return _picture({**rendered, **picture}, dict(zip(GRAPHS, np.diff(marks).tolist(), strict=True)))


class Inputs:
    """A drive state and a camera as batches of 1."""

    def __init__(self, latent: int, bank: BankPlanes | None = None) -> None:
        self._latent = np.zeros((1, latent), np.float32)
        self._camera = portrait_camera()
        self._bank = BankSession(bank) if bank else None

    def drive(self, state: DriveState) -> dict[str, NDArray[Any]]:
        live = {"expression": state.expression[None], "detail": state.detail[None], "latent": self._latent}
        return live | self._bank.inputs(state) if self._bank else live

    def view(self, state: DriveState, camera: Camera | None) -> dict[str, Array]:
        camera = camera or self._camera
        return {"pose": state.pose[None], "intrinsics": camera.intrinsics[None], "extrinsics": camera.extrinsics[None]}


def _picture(made: Mapping[str, NDArray[Any]], seconds: dict[str, float]) -> RenderedPicture:
    return RenderedPicture(made["rgba"][0], made["alpha"][0, 0], made["depth"][0, 0], seconds)
