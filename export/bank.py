"""A distilled bank on its way into a bundle: checked against what it goes into, as differences of planes, in 8 bits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from offline.joker.bank.folder import BankInfo, Planes, read_head, read_info
from runtime.avatar.bank import LEVELS
from runtime.contract.bank import BankExpression, checked_bank
from runtime.errors import BadInput

STEPS = 127
"""Largest number of steps either way."""


@dataclass(frozen=True)
class Differences:
    """What K expressions add to the planes."""

    expressions: tuple[BankExpression, ...]
    coarse: Tensor
    """[K, 3, C, h, w]"""
    fine: Tensor
    """[K, 3, C, H, W]"""

    def mixed(self, weights: Tensor) -> list[Tensor]:
        """Σ wₖ Δₖ for weights [B, K]: [B, 3, C, H, W] of either level."""
        return [torch.tensordot(weights, level, 1) for level in (self.coarse, self.fine)]


def read_bank(folder: Path, kind: str) -> BankInfo:
    """What a folder that `mien distill` wrote says of itself. Raises BadInput where it is none of this kind."""
    info = read_info(folder)
    if info.kind != kind:
        how = "has no avatar; bake it by itself: mien bake" if info.kind == "alone" else "belongs to an avatar: --bank"
        raise BadInput(f"the bank '{folder}' {how} {folder}")
    if not info.played:
        raise BadInput(f"the bank '{folder}' holds nothing but a neutral face; distil at least one expression")
    return info


def expressions_of(info: BankInfo) -> tuple[BankExpression, ...]:
    """As the manifest lists them. Raises BadInput where a bundle has no room for them.

    In a bank alone, an expression whose drive is one of its own coefficients (`jawOpen` of "mouth open") follows the
    whole face and needs no drive; one that the coefficients say nothing of (`tongueOut` of "tongue out") keeps it.
    """
    follows = info.kind == "alone"
    listed = [e.as_dict() | ({"drive": None} if follows and e.drive in e.coefficients else {}) for e in info.played]
    try:
        return checked_bank(listed)
    except ValueError as error:
        raise BadInput(f"this bank cannot be baked: {error}") from error


def differences(folder: Path, info: BankInfo, bases: Sequence[Planes]) -> Differences:
    """The heads of a bank less what they are added to: one base for each expression.

    Raises BadInput where a head is missing or its planes are of other sizes than the avatar's.
    """
    found: list[Planes] = []
    for expression, base in zip(tqdm(info.played, desc="bank", unit="head", leave=False), bases, strict=True):
        head = read_head(folder, expression)
        if [t.shape for t in head] != [t.shape for t in base]:
            sizes = " and ".join(str(tuple(t.shape)) for t in head)
            raise BadInput(
                f"'{expression.name}' of the bank '{folder}' has planes {sizes}, which do not fit this avatar; "
                "distil the bank for the avatar that it is baked into"
            )
        found.append(Planes(*(h - b for h, b in zip(head, base, strict=True))))
    coarse, fine = (torch.stack(level) for level in zip(*found, strict=True))
    return Differences(expressions_of(info), coarse, fine)


def packed(made: Differences) -> bytes:
    """`bank.npz`, as `runtime.avatar.bank` describes it: each channel of each plane of each expression in steps of its
    own, 1/127 of its largest value."""
    arrays: dict[str, np.ndarray] = {}
    for name in LEVELS:
        steps, scale = _stepped(getattr(made, name))
        wide = scale.expand(-1, -1, -1, -1, steps.shape[4])
        arrays |= {name: _rows(steps), f"{name}_scale": _rows(wide)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def stored(made: Differences) -> Differences:
    """What `packed` keeps of the differences."""
    coarse, fine = (steps * scale for steps, scale in (_stepped(made.coarse), _stepped(made.fine)))
    return Differences(made.expressions, coarse, fine)


def _stepped(level: Tensor) -> tuple[Tensor, Tensor]:
    """[K, 3, C, H, W] → int8 of the same shape, and the worth of a step [K, 3, C, 1, 1]."""
    scale = level.abs().amax((3, 4), keepdim=True) / STEPS
    steps = (level / scale.clamp(min=torch.finfo(scale.dtype).tiny)).round()
    return steps.to(torch.int8), scale


def _rows(level: Tensor) -> np.ndarray:
    """[K, 3, C, H, W] → [K, 3, H, W·C]."""
    return np.ascontiguousarray(level.permute(0, 1, 3, 4, 2).flatten(3).numpy())
