"""Live coefficients → weights of an avatar that is nothing but a bank: how much of each head makes this face.

An expression that has a `drive` (a tongue: `tongueOut` over an open jaw) is played by that or by a prompt alone. The
others follow the face: with the rows of C their coefficients, and r what is left of the live ones x once the weights b
that are played already are taken off, r = max(x - Cᵀb, 0), theirs is

    min over w in 0..1 of  |r - Cᵀw|² + RIDGE |w|²,

least squares without negative parts. The ridge makes the solution unique, so w moves as smoothly as x. A mouth half
open that smiles is half of "mouth open" and the whole of "smile", and none of the tongue that an open jaw goes with.

Of expressions that the coefficients cannot tell apart (their vectors point the same way) the strongest follows, and
those that say nearly nothing do not follow: they are there for prompts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime.contract.axes import Array
from runtime.contract.bank import BankExpression
from runtime.contract.drive import DriveState, coefficients

RIDGE = 0.02
"""Against unit coefficients: a single one at 1 gives 0.98."""
ALIKE = 0.98
"""Cosine from which two vectors of coefficients are one."""
LEAST = 0.3
"""Length of the shortest vector of coefficients that follows."""
SWEEPS, PRECISION = 200, 1e-6
"""Most rounds of coordinate descent, and the change of a weight at which it ends."""


class Follow:
    """The map for one bank, prepared. Immutable; safe to share between threads."""

    def __init__(self, bank: Sequence[BankExpression]) -> None:
        self.count = len(bank)
        axes = np.stack([coefficients(e.given) for e in bank])
        self.followers = _followers(bank, axes)
        """Numbers of the expressions that follow the face, in order."""
        self._all = axes.astype(np.float64)
        self._axes = axes[self.followers].astype(np.float64)
        self._square = self._axes @ self._axes.T + RIDGE * np.eye(len(self.followers))

    def weights(self, state: DriveState) -> Array:
        """[K], 0..1: what `state.bank` plays, and what follows its coefficients."""
        played = state.bank[: self.count].astype(np.float64)
        left = np.maximum(state.expression - played @ self._all, 0.0)
        weights = played.copy()
        weights[self.followers] += self._solved(self._axes @ left)
        return np.minimum(weights, 1.0).astype(np.float32)

    def _solved(self, wanted: np.ndarray) -> np.ndarray:
        """Coordinate descent, which for a strictly convex function in a box ends at its least value."""
        w = np.zeros(len(wanted))
        for _ in range(SWEEPS):
            moved = 0.0
            for k, row in enumerate(self._square):
                value = min(max(w[k] + (wanted[k] - row @ w) / row[k], 0.0), 1.0)
                moved, w[k] = max(moved, abs(value - w[k])), value
            if moved < PRECISION:
                break
        return w


def _followers(bank: Sequence[BankExpression], axes: Array) -> list[int]:
    """Numbers of the expressions that live coefficients can ask for, each of a kind once."""
    lengths = np.linalg.norm(axes, axis=1)
    kept: list[int] = []
    for k in np.argsort(-lengths, kind="stable").tolist():
        if bank[k].drive is not None or lengths[k] < LEAST:
            continue
        if all(axes[k] @ axes[other] < ALIKE * lengths[k] * lengths[other] for other in kept):
            kept.append(k)
    return sorted(kept)
