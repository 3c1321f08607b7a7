"""What people are known by: age, sex, weight, ancestry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runtime.errors import BadInput
from runtime.tracking.bounded import Floats

ANCESTRIES = ("african", "asian", "caucasian")
AGES = {"child": 10.0, "young": 25.0, "old": 90.0}
"""Years between which shapes are interpolated."""
MIXED = 0.25
"""Share of people drawn with more than one ancestry."""


def age_weights(age: float) -> Floats:
    """[3], how much of each of `AGES` is in an age in years."""
    years = np.array(list(AGES.values()))
    return np.array([np.interp(age, years, row) for row in np.eye(3)])


def traits_vector(
    rng: np.random.Generator,
    age: float | None = None,
    male: float | None = None,
    weight: float | None = None,
    ancestry: Mapping[str, float] | None = None,
) -> Floats:
    """[30] products of age, sex, ancestry and weight in which shapes are linear; what is None is drawn."""
    age = float(rng.uniform(10, 80)) if age is None else age
    male = float(rng.integers(2)) if male is None else float(np.clip(male, 0, 1))
    weight = float(rng.uniform(-1, 1)) if weight is None else float(np.clip(weight, -1, 1))
    shares = drawn_ancestry(rng) if ancestry is None else _shares(ancestry)
    rest = np.concatenate([shares, [max(weight, 0), max(-weight, 0)]])
    return np.einsum("a,s,r->asr", age_weights(age), [1 - male, male], rest).ravel()


def drawn_ancestry(rng: np.random.Generator) -> Floats:
    """Shares [3] of `ANCESTRIES`: mostly one."""
    if rng.random() < MIXED:
        return rng.dirichlet(np.ones(3))
    return np.eye(3)[rng.integers(3)]


def _shares(ancestry: Mapping[str, float]) -> Floats:
    unknown = sorted(set(ancestry) - set(ANCESTRIES))
    if unknown:
        raise BadInput(f"'{unknown[0]}' is no ancestry that the head model knows; name {', '.join(ANCESTRIES)}.")
    shares = np.array([max(float(ancestry.get(name, 0)), 0) for name in ANCESTRIES])
    if not shares.sum():
        raise BadInput("the shares of ancestry are all zero; give one of them more.")
    return shares / shares.sum()
