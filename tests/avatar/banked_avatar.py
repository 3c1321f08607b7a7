"""An avatar with another bank, made of its own planes, whose heads are so known exactly.

Its planes are not in the face's own space, so an expression of theirs moves the picture as a distilled head does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.avatar.bank import LEVELS, BankPlanes, BankSession, planes_of
from runtime.avatar.chain import Inputs
from runtime.contract.axes import Camera
from runtime.contract.bank import BankExpression
from runtime.contract.bundle import GRAPHS, read_bundle
from runtime.contract.drive import DriveState, coefficients
from runtime.engines.onnxruntime import OnnxRuntimeEngine

BANKED = Path(__file__).parent / "banked.mien"
"""A synthetic subject's avatar with fourteen distilled expressions."""
TONGUE = BankExpression("tongue out", "a tongue", {"jawOpen": 0.5}, "tongueOut")
SCREAM = BankExpression("scream", "a scream", {"browInnerUp": 0.5})
MADE = (
    (TONGUE, {"jawOpen": 0.5, "tongueOut": 1.0}),
    (SCREAM, {"jawOpen": 1.0, "browInnerUp": 0.5, "eyeWideLeft": 1.0}),
)
"""Expressions, and the coefficients whose planes stand for their distilled heads."""


class BankedAvatar:
    """Renders the avatar, with `bank` added where a bundle's generator adds it."""

    def __init__(self) -> None:
        bundle, engine = read_bundle(BANKED), OnnxRuntimeEngine()
        self._graphs = {
            name: engine.load(bundle.files[f"{name}.onnx"], bundle.manifest.graphs[name]) for name in GRAPHS
        }
        self._inputs = Inputs(bundle.manifest.latent)
        own = planes_of(bundle)
        self._idle = BankSession(own).inputs(DriveState()) if own else {}
        self.bank = packed([self._difference(expression, head) for expression, head in MADE])
        self._session = BankSession(self.bank)

    def planes(self, state: DriveState) -> dict[str, NDArray[np.float32]]:
        """Coarse and fine, [1, 3, H, W, C]."""
        made: Mapping[str, NDArray[Any]] = self._generated(state)
        added, planes = self._session.inputs(state), {}
        for name in LEVELS:
            planes[name] = made[name] + (added[f"bank_{name}"] * added[f"bank_{name}_scale"]).reshape(made[name].shape)
        return planes

    def render(self, state: DriveState, camera: Camera | None = None) -> NDArray[np.uint8]:
        """Premultiplied RGBA [P, P, 4]."""
        rendered = self._graphs["renderer"].run(self.planes(state) | self._inputs.view(state, camera))
        picture = self._graphs["sr"].run({name: rendered[name] for name in ("features", "alpha")})["rgba"][0]
        return np.asarray(picture, np.uint8)

    def _generated(self, state: DriveState) -> Mapping[str, NDArray[Any]]:
        """What the generator makes while none of the bundle's own expressions plays."""
        return self._graphs["generator"].run(self._inputs.drive(state) | self._idle)

    def _difference(self, expression: BankExpression, head: Mapping[str, float]) -> dict[str, NDArray[Any]]:
        wanted, base = (self._generated(DriveState(coefficients(values))) for values in (head, expression.given))
        return {name: wanted[name][0] - base[name][0] for name in LEVELS}


def packed(differences: list[dict[str, NDArray[Any]]]) -> BankPlanes:
    """Differences [3, H, W, C] by level in 8 bits."""
    steps, scales = {}, {}
    for name in LEVELS:
        level = np.stack([d[name] for d in differences])
        scale = np.broadcast_to(np.abs(level).max((2, 3), keepdims=True) / 127, (*level.shape[:2], 1, *level.shape[3:]))
        scales[name] = scale.reshape(*scale.shape[:3], -1).astype(np.float32)
        steps[name] = np.rint(level.reshape(*level.shape[:3], -1) / scales[name]).astype(np.int8)
    return BankPlanes(steps, scales, None)
