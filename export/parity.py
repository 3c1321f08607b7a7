"""Whether a bundle's graphs do what the torch modules do, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from export.bank import Differences
from export.subject import Subject, bank_states, pictures
from runtime.avatar.bank import planes_of
from runtime.avatar.chain import Performer, joined
from runtime.avatar.choose import installed
from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.bundle import Bundle, Manifest
from runtime.contract.drive import DriveState, coefficients
from runtime.errors import Unavailable

FLOAT32_DB = 60.0
"""Least PSNR of an exact engine's picture: rounding to 8 bits alone gives 58.9 dB where every pixel is off by half a
step, and float32 graphs are off by far less than a step."""
HALF_DB = 36.0
"""Least PSNR of a half-precision engine's: bfloat16 keeps 8 bits of mantissa, 1/256 of a feature; a picture is a sum
of some hundred of them. Below this the geometry, not the rounding, is wrong."""

STORED_DB = 42.0
"""Least PSNR of a bank kept in 8 bits: 2/255 of a channel. Smooth differences give 60 dB and more; below this a few
values stand out so far that the steps of all others are too large."""

MIXED_DB = 50.0
"""Least PSNR of an exact engine's picture of an avatar with a bank: the sum of expressions that play at the same time
is rounded to 8 bits again, by half of a step that itself leaves `STORED_DB` and more."""


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


def all_states(subject: Subject) -> list[DriveState]:
    """The trial states, and those of a bank."""
    return trial_states() + (bank_states(len(subject.bank.expressions)) if subject.bank else [])


def check_parity(subject: Subject, manifest: Manifest, files: Mapping[str, bytes]) -> list[Parity]:
    """Parity of every installed engine that runs a bundle's members."""
    states = all_states(subject)
    expected = [_bytes(pictures(subject, [state])) for state in states]
    bundle = Bundle(manifest, files, "")
    exact = MIXED_DB if subject.bank else FLOAT32_DB
    results = []
    for engine in installed().values():
        if isinstance(engine, Unavailable):
            continue
        performer = Performer(joined(engine, bundle), manifest.latent, planes_of(bundle))
        got = [performer.render(state).rgba.copy() for state in states]
        results.append(_compared(engine.description, got, expected, exact if engine.exact else HALF_DB))
    return results


def check_storing(subject: Subject, bank: Differences) -> Parity:
    """Parity of the subject with its bank as it is stored, and as it was distilled, `bank`."""
    states = bank_states(len(bank.expressions))
    got = [_bytes(pictures(subject, [state])) for state in states]
    kept, subject.bank = subject.bank, bank
    expected = [_bytes(pictures(subject, [state])) for state in states]
    subject.bank = kept
    return _compared("the bank in 8 bits", got, expected, STORED_DB)


def _bytes(picture: torch.Tensor) -> NDArray[np.uint8]:
    """One picture [1, 4, P, P], 0..1, as the graphs put it out, [P, P, 4]."""
    return np.asarray((picture[0] * 255 + 0.5).permute(1, 2, 0).to(torch.uint8).numpy())


def _compared(
    what: str, got: Sequence[NDArray[np.uint8]], expected: Sequence[NDArray[np.uint8]], required: float
) -> Parity:
    error = np.stack(got).astype(np.float64) - np.stack(expected)
    mse = max(float((error**2).mean()), 1e-6)
    return Parity(what, 10 * np.log10(255**2 / mse), int(np.abs(error).max()), required)
