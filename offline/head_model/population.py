"""People by chance: MakeHuman's shape changes with weights as faces have them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from offline.head_model.anatomy import Anatomy
from offline.head_model.makehuman import MakeHuman
from offline.head_model.traits import AGES, ANCESTRIES, age_weights, drawn_ancestry
from runtime.tracking.bounded import Floats

SPREADS = {
    "asym": 0.15, "cheek": 0.25, "chin": 0.25, "ears": 0.3, "eyebrows": 0.25, "eyes": 0.22, "forehead": 0.22,
    "head": 0.12, "mouth": 0.22, "neck": 0.15, "nose": 0.25,
}  # fmt: skip
"""Standard deviation of the local changes' weights, by folder."""
OWN_SIDE = 0.15
"""How much of a paired change each side has of its own."""
LARGEST = 2.2
"""Standard deviations at which weights are clipped."""
OPPOSITE = {
    "decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex", "compress": "uncompress",
}  # fmt: skip
SEXES = ("female", "male")
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")


@dataclass(frozen=True)
class Knob:
    """One local change: what a positive and what a negative weight add, by name; sided ones have {side}."""

    plus: str
    minus: str | None
    spread: float
    sided: bool


class Population:
    """Samples heads."""

    def __init__(self, source: MakeHuman, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        names = [name for folder in SPREADS for name in source.shapes(folder) if "asymm" not in name]
        self._knobs = knobs(names)
        macro = [f"{a}-{s}-{g}" for g in AGES for s in SEXES for a in ANCESTRIES]
        macro += [f"universal-{s}-{g}-{m}-{w}" for g in AGES for s in SEXES for m in MUSCLES for w in WEIGHTS]
        names += [f"macrodetails/{name}" for name in macro]
        self._index = {name: i for i, name in enumerate(names)}
        self._macro = len(macro)
        self._fields = np.stack([source.shape(name)[anatomy.needed].astype(np.float32) for name in names])
        self._base = source.base[anatomy.needed]

    def sample(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """A head's vertices [V, 3] as MakeHuman stands, and its traits vector, as `traits.traits_vector` has it."""
        age, male, shares = float(rng.uniform(*_span())), rng.random(), drawn_ancestry(rng)
        muscle, weight = np.clip(rng.normal(0.5, 0.22), 0, 1), rng.uniform(0.05, 0.95)
        weights = np.zeros(len(self._fields))
        ages, sexes = age_weights(age), [1 - male, male]
        muscles, heft = _three(muscle), _three(weight)
        weights[-self._macro :] = np.concatenate(
            [
                np.einsum("a,s,r->asr", ages, sexes, shares).ravel(),
                np.einsum("a,s,m,w->asmw", ages, sexes, muscles, heft).ravel(),
            ]
        )
        self._local(rng, weights)
        rest = np.concatenate([shares, [max(2 * weight - 1, 0), max(1 - 2 * weight, 0)]])
        traits = np.einsum("a,s,r->asr", ages, sexes, rest).ravel()
        used = np.flatnonzero(weights)
        return self._anatomy.head(self._base + np.tensordot(weights[used], self._fields[used], 1)), traits

    def _local(self, rng: np.random.Generator, weights: Floats) -> None:
        for knob in self._knobs:
            shared = rng.normal()
            for side in ("l", "r") if knob.sided else ("",):
                own = OWN_SIDE * rng.normal() if knob.sided else 0.0
                value = knob.spread * float(np.clip(shared + own, -LARGEST, LARGEST))
                name = knob.plus if value > 0 else knob.minus
                if name:
                    weights[self._index[name.format(side=side)]] += abs(value)


def knobs(names: list[str]) -> list[Knob]:
    """The names of shape changes, with opposites and sides put together."""
    known = set(names)
    found = []
    for name in sorted({re.sub("/[lr]-", "/{side}-", name) for name in names}):
        stem, _, end = name.rpartition("-")
        asymmetry = name.startswith("asym")
        positive = f"{stem}-{OPPOSITE.get(end)}"
        if positive.format(side="l") in known or (asymmetry and end == "r"):
            continue
        opposites = [f"{stem}-{low}" for low, high in OPPOSITE.items() if high == end]
        if asymmetry:
            opposites = [f"{stem}-r"]
        minus = next((o for o in opposites if o.format(side="l") in known), None)
        found.append(Knob(name, minus, SPREADS[name.partition("/")[0]], "{side}" in name))
    return found


def _three(value: float) -> Floats:
    return np.array([max(1 - 2 * value, 0), 1 - abs(2 * value - 1), max(2 * value - 1, 0)])


def _span() -> tuple[float, float]:
    years = sorted(AGES.values())
    return years[0], years[-1]
