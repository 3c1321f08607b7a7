"""An invisible mark in every frame, so that what Mien makes can be told from what a camera saw.

A picture is divided into 64 × 64 cells; each is made a little lighter or darker as a fixed pseudo-random sign says
(additive spread spectrum, Cox et al. 1997). The reader averages the frames of two seconds, takes from each cell the
mean of its surroundings and weighs what is left by one over the energy around it, as a matched filter does: the quiet
parts of a picture speak louder than its edges. The correlation of these values g with the signs s is the score,
``Σ s·g / √Σ g²``.

For a picture that knows nothing of the signs, Hoeffding's inequality bounds the chance of a score above t by
``exp(-t²/2)``, whatever the picture shows: 5.3 for less than one in a million.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.media.pixels import Pixels

CELLS = 64
STRENGTH = 1.25
"""Levels of 255 by which a cell's middle is moved."""
CALM = 0.1
"""Levels that are added to the deviation around a cell; what is calmer than this is as good as still."""
EDGE, HEAVIEST = 4.0, 6.0
"""Levels beyond which a cell counts as an edge, and the largest weighed value that a cell may have."""
SEED = 0x4D69656E
THRESHOLD = 5.3
"""A score above this is a mark."""
SECONDS = 2.0
"""Length of the stretch that the threshold is meant for."""


@lru_cache(maxsize=1)
def signs() -> NDArray[np.float32]:
    """[64, 64] of -1 and 1."""
    return np.random.default_rng(SEED).choice(np.array([-1, 1], np.float32), (CELLS, CELLS))


@lru_cache(maxsize=8)
def _steps(height: int, width: int) -> tuple[Pixels, Pixels]:
    """What to add to and what to take from a plane of that size, [H, W] each."""
    moved = np.rint(STRENGTH * cv2.resize(signs(), (width, height), interpolation=cv2.INTER_LINEAR))
    return np.maximum(moved, 0).astype(np.uint8), np.maximum(-moved, 0).astype(np.uint8)


@lru_cache(maxsize=8)
def _colour_steps(height: int, width: int, channels: int) -> tuple[Pixels, Pixels]:
    """The same for the first three channels of a picture, [H, W, channels] each."""
    lighter, darker = (np.repeat(step[..., None], channels, 2) for step in _steps(height, width))
    lighter[..., 3:] = darker[..., 3:] = 0
    return lighter, darker


def mark(plane: Pixels) -> None:
    """Marks a luma plane [H, W] in place."""
    lighter, darker = _steps(*plane.shape)
    cv2.add(plane, lighter, dst=plane)
    cv2.subtract(plane, darker, dst=plane)


def mark_colour(picture: Pixels, where: Pixels | None = None) -> None:
    """Marks a picture [H, W, 3 or 4] in place, its first three channels alike, all over or where `where` [H, W] is not
    zero."""
    for change, steps in zip((cv2.add, cv2.subtract), _colour_steps(*picture.shape), strict=True):
        change(picture, steps, dst=picture, mask=where)


def mark_rgba(rgba: Pixels) -> None:
    """Marks a premultiplied picture [H, W, 4] in place where it is opaque; elsewhere its colours have no room."""
    mark_colour(rgba, np.where(rgba[..., 3] == 255, np.uint8(1), np.uint8(0)))


def cells(plane: Pixels) -> NDArray[np.float64]:
    """What the reader keeps of a luma plane [H, W] of any size: the means of its cells, [64, 64]."""
    return np.asarray(cv2.resize(plane, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float64)


def score(mean: NDArray[np.floating]) -> float:
    """How much the mean of some frames' `cells` speaks for the mark; 0 for a blank one."""
    left = mean - cv2.blur(mean, (3, 3), borderType=cv2.BORDER_REFLECT)
    energy = cv2.blur(np.square(left.clip(-EDGE, EDGE)), (5, 5), borderType=cv2.BORDER_REFLECT)
    weighed = (left / (np.sqrt(energy.clip(0)) + CALM) ** 2).clip(-HEAVIEST, HEAVIEST)
    return float((weighed * signs()).sum() / max(np.sqrt(np.square(weighed).sum()), 1e-9))


def scores(frames: Iterable[tuple[float, Pixels]]) -> Iterator[float]:
    """The scores of a film's stretches of `SECONDS`, each beginning half a stretch after the one before; a film that is
    shorter is one stretch. Frames are times in seconds, rising, with luma planes [H, W]."""
    half = SECONDS / 2
    halves: list[tuple[NDArray[np.float64], int]] = []
    current, scored = 0, False
    for seconds, plane in frames:
        number = int(seconds / half)
        if not halves or number > current:
            if len(halves) == 2:
                scored = True
                yield _score(halves)
            follows = number == current + 1
            halves = [*(halves[-1:] if follows else []), (np.zeros((CELLS, CELLS)), 0)]
            current = number
        total, count = halves[-1]
        halves[-1] = (total + cells(plane), count + 1)
    if halves and not scored:
        yield _score(halves)


def _score(halves: list[tuple[NDArray[np.float64], int]]) -> float:
    return score(np.sum([total for total, _ in halves], 0) / max(sum(count for _, count in halves), 1))
