"""One person's pictures from one kind of camera: heads fitted, those of use told apart, the most telling chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.joker.captures.convert.choosing import most_expressive
from offline.joker.captures.convert.people import Shot
from offline.joker.captures.convert.stills import Still, fault
from offline.joker.captures.fitting import Fitted, fit_pictures
from offline.joker.captures.framing import Framing, Lens
from offline.track.crop import portrait_focal
from offline.track.video import FIRST_FOCAL
from runtime.contract.drive import EXPRESSIONS
from runtime.contract.head_model import HeadModel
from runtime.tracking.fit import Solution

FEW = 6
"""Pictures that say how far off a head is."""


@dataclass(frozen=True)
class Heads:
    """The pictures of use, and the fit of all of them."""

    fitted: Fitted
    lens: Lens
    shots: list[tuple[int, Shot]]
    """Each with the number of its still."""


def fit_heads(stills: Sequence[Still], size: int, tally: Counter[str]) -> Heads | None:
    """One person's heads in pictures of cameras that are alike; None where no head fits any."""
    model = HeadModel.load()
    lens = next((still.lens for still in stills if still.lens), None) or _portrait_lens(stills, model)
    if lens is None:
        return None
    fitted = fit_pictures([still.observation(lens) for still in stills], model)
    shots = []
    for n, (still, solution, error) in enumerate(zip(stills, fitted.solutions, fitted.errors, strict=True)):
        shot = judged(still, lens, solution, error, fitted, size, tally)
        if shot is not None:
            shots.append((n, shot))
    return Heads(fitted, lens, shots)


def judged(
    still: Still,
    lens: Lens,
    solution: Solution | None,
    error: float,
    fitted: Fitted,
    size: int,
    tally: Counter[str],
) -> Shot | None:
    """A fitted picture, where it is of use; else the reason is counted."""
    framing = None if solution is None else Framing.of(solution)
    side = framing.side(lens, still.rgb.shape[1]) if framing else 0.0
    reason = fault(solution, error, framing, side, size)
    if reason is not None or solution is None or framing is None:
        tally[reason or ""] += 1
        return None
    return Shot(still, lens, solution, framing, fitted.identity)


def chosen(shots: Sequence[Shot], count: int) -> list[int]:
    """Which to keep, by `most_expressive`."""
    expressions = np.array([shot.solution.coefficients[: len(EXPRESSIONS)] for shot in shots])
    angles = np.array([[shot.framing.yaw, shot.framing.pitch] for shot in shots])
    return most_expressive(expressions, angles, [shot.still.caption for shot in shots], count)


def _portrait_lens(stills: Sequence[Still], model: HeadModel) -> Lens | None:
    """The lens with which the heads are at the portrait's distance, for videos that do not say theirs."""
    first = Lens(FIRST_FOCAL)
    some = stills[:: max(len(stills) // FEW, 1)]
    found = [s for s in fit_pictures([still.observation(first) for still in some], model).solutions if s is not None]
    return Lens(portrait_focal(found, FIRST_FOCAL)) if found else None
