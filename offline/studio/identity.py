"""Who the synthetic subject is: shape and colour as a few dozen numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Colour = tuple[float, float, float]
"""Linear-light RGB, 0..1."""


class Shape(NamedTuple):
    """What of an identity bends the distance field, as 0-d tensors: a compiled field is then the same for everyone."""

    nose_width: Tensor
    lip_fullness: Tensor
    eye_tilt: Tensor
    neck_width: Tensor
    shoulder_width: Tensor
    hair_volume: Tensor
    hair_length: Tensor


@dataclass(frozen=True)
class Identity:
    """Shape and colour of a subject; the defaults are a neutral adult. Shape factors are around 1, offsets in dm."""

    name: str = "Neutral"
    face_width: float = 1.0
    jaw_width: float = 1.0
    chin_length: float = 0.0
    cheekbone: float = 0.0
    nose_width: float = 1.0
    nose_length: float = 0.0
    nose_bridge: float = 0.0
    lip_fullness: float = 1.0
    mouth_width: float = 1.0
    eye_open: float = 1.0
    eye_tilt: float = 0.0
    brow_height: float = 0.0
    brow_thickness: float = 1.0
    neck_width: float = 1.0
    shoulder_width: float = 1.0
    hair_volume: float = 1.0
    hair_length: float = 0.5
    """0 above the ears, 1 to the shoulders."""
    skin: Colour = (0.66, 0.40, 0.29)
    lip: Colour = (0.48, 0.145, 0.135)
    iris: Colour = (0.12, 0.20, 0.16)
    hair: Colour = (0.13, 0.063, 0.030)
    cloth: Colour = (0.10, 0.22, 0.30)

    @cached_property
    def shape(self) -> Shape:
        """The part that the distance field reads."""
        return Shape(**{name: torch.tensor(float(getattr(self, name))) for name in Shape._fields})

    @classmethod
    def from_seed(cls, seed: int) -> Identity:
        """A plausible subject for every seed; the same seed always gives the same one."""
        rng = np.random.default_rng([seed, 0x1DE])
        spread = {
            "face_width": 0.035, "jaw_width": 0.05, "chin_length": 0.03, "cheekbone": 0.015, "nose_width": 0.09,
            "nose_length": 0.025, "nose_bridge": 0.02, "lip_fullness": 0.16, "mouth_width": 0.05, "eye_open": 0.08,
            "eye_tilt": 0.012, "brow_height": 0.012, "brow_thickness": 0.18, "neck_width": 0.06,
            "shoulder_width": 0.05, "hair_volume": 0.15,
        }  # fmt: skip
        plain = cls()
        shape = {k: getattr(plain, k) + s * float(np.clip(rng.normal(), -2, 2)) for k, s in spread.items()}
        tone = float(rng.uniform())
        skin = _mixed(_SKIN, tone)
        return cls(
            name=f"Subject {seed}",
            hair_length=float(rng.uniform(0.0, 1.0)),
            skin=skin,
            lip=(skin[0] * 0.70, skin[1] * 0.36, skin[2] * 0.46),
            iris=_IRIS[int(rng.integers(len(_IRIS) if tone < 0.5 else 2))],
            hair=_HAIR[int(rng.integers(len(_HAIR) if tone < 0.5 else 2))],
            cloth=_CLOTH[int(rng.integers(len(_CLOTH)))],
            **shape,
        )


_SKIN: tuple[Colour, ...] = ((0.74, 0.48, 0.37), (0.64, 0.38, 0.26), (0.46, 0.25, 0.15), (0.25, 0.12, 0.07))
_IRIS: tuple[Colour, ...] = ((0.10, 0.05, 0.025), (0.17, 0.09, 0.04), (0.10, 0.19, 0.15), (0.13, 0.24, 0.36))
_HAIR: tuple[Colour, ...] = (
    (0.022, 0.016, 0.013), (0.06, 0.032, 0.018), (0.16, 0.08, 0.035), (0.34, 0.21, 0.09), (0.20, 0.06, 0.02),
)  # fmt: skip
_CLOTH: tuple[Colour, ...] = (
    (0.08, 0.18, 0.26), (0.30, 0.10, 0.09), (0.12, 0.20, 0.12), (0.42, 0.36, 0.28), (0.10, 0.10, 0.13),
    (0.40, 0.24, 0.08),
)  # fmt: skip


def _mixed(colours: tuple[Colour, ...], t: float) -> Colour:
    """Colour at `t` 0..1 along a chain of colours."""
    i = min(int(t * (len(colours) - 1)), len(colours) - 2)
    f = t * (len(colours) - 1) - i
    r, g, b = ((1 - f) * u + f * v for u, v in zip(colours[i], colours[i + 1], strict=True))
    return r, g, b


DEMO = replace(
    Identity(),
    name="Mira",
    jaw_width=0.95,
    nose_width=0.92,
    lip_fullness=1.08,
    eye_open=1.16,
    hair_length=0.75,
)
"""The demo avatar's subject, tuned by hand."""
