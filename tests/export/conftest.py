"""A trained run for all, and each graph traced once: tracing takes nearly all the time of a bake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import pytest
from torch import Tensor, nn

from export import bake
from export.onnx_export import NodeRule
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.train import Budget, train
from runtime.contract.bundle import GraphInfo
from tests.tri2plane.tiny import TINY_FACE, tiny_clip, tiny_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    clip = tiny_clip(folder / "clip")
    run = tiny_run(folder / "run", clip)
    train(run, clip, Budget(steps=20))
    return run


@pytest.fixture(scope="session")
def face_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One whose planes are in the face's own space."""
    folder = tmp_path_factory.mktemp("face-run")
    clip = tiny_clip(folder / "clip")
    run = tiny_run(folder / "run", clip, TINY_FACE)
    train(run, clip, Budget(steps=20))
    return run


@pytest.fixture(scope="session", autouse=True)
def _traced_once() -> Iterator[None]:
    """What was traced with the same weights, settings and inputs is taken again; `bake` still compares it all."""
    trace, traced = bake.export_graph, {}

    def once(
        module: nn.Module, inputs: Mapping[str, Tensor], outputs: tuple[str, ...], float32: NodeRule
    ) -> tuple[bytes, GraphInfo]:
        preset = getattr(getattr(module, "model", None), "preset", None)
        shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in inputs.items()}
        key = hashlib.sha256(repr((type(module), preset, shapes, outputs)).encode())
        for name, value in module.state_dict().items():
            key.update(name.encode() + value.numpy().tobytes())
        if key.digest() not in traced:
            traced[key.digest()] = trace(module, inputs, outputs, float32)
        return traced[key.digest()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bake, "export_graph", once)
        yield
