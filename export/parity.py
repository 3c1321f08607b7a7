"""Whether a bundle's graphs do what the torch modules do, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from offline.tri2plane.checkpoint import Run
from runtime.contract.axes import portrait_camera, quaternion_from_rotation, rotation_from_angles
from runtime.contract.bundle import GRAPHS, GraphInfo
from runtime.contract.drive import DriveState, coefficients
from runtime.engines.chain import OUTPUTS, Performer
from runtime.engines.choose import installed
from runtime.errors import Unavailable

FLOAT32_DB = 60.0
"""Least PSNR of an exact engine's picture: rounding to 8 bits alone gives 58.9 dB where every pixel is off by half a
step, and float32 graphs are off by far less than a step."""
HALF_DB = 36.0
"""Least PSNR of a half-precision engine's: bfloat16 keeps 8 bits of mantissa, 1/256 of a feature; a picture is a sum
of some hundred of them. Below this the geometry, not the rounding, is wrong."""


@dataclass(frozen=True)
class Parity:
    """One engine's pictures against the torch module's."""

    engine: str
    psnr: float
    """Over RGBA of all trial pictures, dB; the peak is 255."""
    worst: int
    """Largest difference of a channel, 0..255."""
    required: float

    @property
    def passed(self) -> bool:
        return self.psnr >= self.required

    def __str__(self) -> str:
        return f"{self.engine}: {self.psnr:.1f} dB (at least {self.required:.0f}), worst channel {self.worst}/255"


def trial_states() -> list[DriveState]:
    """A few moments that use every part of a face and both sides of the head."""
    mouth = coefficients({"jawOpen": 0.7, "mouthFunnel": 0.4, "browInnerUp": 0.8})
    wink = coefficients({"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.6})
    turned = quaternion_from_rotation(rotation_from_angles(0.45, 0.15, -0.1))
    away = quaternion_from_rotation(rotation_from_angles(-0.5, -0.15, 0.12))
    return [
        DriveState(),
        DriveState(expression=mouth, rotation=turned),
        DriveState(expression=wink, rotation=away, translation=np.array([0.2, -0.1, 0.3], np.float32)),
    ]


def check_parity(run: Run, onnx: dict[str, bytes], infos: dict[str, GraphInfo]) -> list[Parity]:
    """Parity of every installed engine, the exact ones first."""
    states = trial_states()
    expected = [_reference(run, state) for state in states]
    results = []
    for engine in installed().values():
        if isinstance(engine, Unavailable):
            continue
        required = FLOAT32_DB if engine.exact else HALF_DB
        graph = engine.load_joined({name: (onnx[name], infos[name]) for name in GRAPHS}, OUTPUTS)
        performer = Performer(graph, run.model.preset.latent)
        got = [performer.render(state).rgba.copy() for state in states]
        error = np.stack(got).astype(np.float64) - np.stack(expected)
        mse = max(float((error**2).mean()), 1e-6)
        results.append(Parity(engine.description, 10 * np.log10(255**2 / mse), int(np.abs(error).max()), required))
    return results


@torch.no_grad()
def _reference(run: Run, state: DriveState) -> np.ndarray:
    camera = portrait_camera()
    arrays = (state.expression, state.detail, np.zeros(run.model.preset.latent, np.float32), state.pose)
    expression, detail, latent, pose = (torch.from_numpy(a)[None] for a in arrays)
    maps = run.maps(expression, detail)
    intrinsics, extrinsics = (torch.from_numpy(a)[None] for a in (camera.intrinsics, camera.extrinsics))
    picture = run.averaged(maps, expression, detail, latent, pose, intrinsics, extrinsics)[0]
    return (picture * 255 + 0.5).permute(1, 2, 0).to(torch.uint8).numpy()
