"""Who a studio person is: what is known of them, as plain numbers, drawn by seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
"""Linear-light RGB, 0..1."""
Shares = tuple[float, float, float]

_SKIN: tuple[Colour, ...] = (
    (0.72, 0.475, 0.375), (0.62, 0.385, 0.285), (0.52, 0.300, 0.205), (0.38, 0.200, 0.125), (0.23, 0.110, 0.065),
    (0.115, 0.053, 0.032),
)  # fmt: skip
"""From fair to dark."""
_HAIR: dict[str, Colour] = {
    "black": (0.012, 0.010, 0.010),
    "dark brown": (0.032, 0.019, 0.012),
    "brown": (0.075, 0.040, 0.021),
    "chestnut": (0.11, 0.045, 0.021),
    "dark blond": (0.20, 0.125, 0.062),
    "blond": (0.40, 0.275, 0.145),
    "red": (0.22, 0.062, 0.020),
}
_IRIS: dict[str, Colour] = {
    "dark brown": (0.035, 0.016, 0.008), "brown": (0.085, 0.040, 0.016), "hazel": (0.12, 0.085, 0.030),
    "green": (0.095, 0.135, 0.070), "grey": (0.15, 0.18, 0.19), "blue": (0.085, 0.16, 0.27),
}  # fmt: skip
_CLOTH: tuple[Colour, ...] = (
    (0.055, 0.11, 0.19),
    (0.25, 0.06, 0.06),
    (0.07, 0.13, 0.085),
    (0.45, 0.40, 0.33),
    (0.045, 0.045, 0.052),
    (0.62, 0.62, 0.62),
    (0.33, 0.19, 0.07),
    (0.16, 0.07, 0.17),
    (0.18, 0.25, 0.32),
    (0.38, 0.22, 0.21),
    (0.10, 0.10, 0.11),
    (0.30, 0.36, 0.26),
)
GARMENTS = ("tee", "v-neck", "shirt", "turtleneck", "hoodie")
STYLES = (
    "bald",
    "shaved",
    "crop",
    "side part",
    "swept back",
    "curly",
    "afro",
    "bob",
    "long",
    "long wavy",
    "fringe",
    "ponytail",
    "bun",
)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Person:
    """Everything that is known of a studio person; lengths are dm, shares 0..1."""

    name: str = "Person"
    seed: int = 0
    """Of all that is random beyond these numbers: strands, freckles, moles, single teeth."""
    age: float = 30.0
    male: float = 0.0
    weight: float = 0.0
    ancestry: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Shares of `offline.head_model.traits.ANCESTRIES`."""
    skin: Colour = (0.66, 0.42, 0.31)
    ruddy: float = 0.5
    freckles: float = 0.0
    wrinkled: float = 0.0
    oil: float = 0.6
    lip: Colour = (0.50, 0.20, 0.18)
    hair_style: str = "long"
    hair: Colour = (0.06, 0.032, 0.018)
    grey: float = 0.0
    hairline: float = 0.0
    """How far it has moved back, dm."""
    brow: float = 1.0
    """Density of the brows."""
    lashes: float = 1.0
    beard: str = "none"
    iris: Colour = (0.085, 0.16, 0.27)
    pupil: float = 0.36
    """Its radius as a share of the iris'."""
    garment: str = "tee"
    cloth: Colour = (0.055, 0.11, 0.19)
    trim: Colour = (0.62, 0.62, 0.62)
    pattern: float = 0.0
    glasses: str = "none"
    """"none", "round", "square" or "thin"."""
    frame: Colour = (0.02, 0.018, 0.016)
    lighting: str = "studio"
    distinct: float = 1.0
    """How far the face is from the average of its age, sex, weight and ancestry; 1 as people are."""

    @classmethod
    def from_seed(cls, seed: int) -> Person:
        """A plausible person for every seed; the same seed always gives the same one."""
        rng = np.random.default_rng([seed, 0x9E0])
        age = float(rng.choice([rng.uniform(8, 16), rng.uniform(17, 45), rng.uniform(45, 80)], p=[0.12, 0.55, 0.33]))
        male = float(rng.random() < 0.5)
        shares = np.eye(3)[int(rng.choice(3, p=[0.28, 0.30, 0.42]))]
        if rng.random() < 0.2:
            shares = shares + (np.eye(3)[int(rng.integers(3))] - shares) * rng.uniform(0.2, 0.5)
        african, asian, caucasian = (float(s) for s in shares)
        ancestry = (african, asian, caucasian)
        return cls(
            name=f"Person {seed}",
            seed=seed,
            age=age,
            male=male,
            weight=float(np.clip(rng.normal(0, 0.45), -1, 1)),
            distinct=float(rng.uniform(0.6, 1.05)),
            ancestry=ancestry,
            **_face(rng, age, male, ancestry),
            **_hair(rng, age, male, ancestry),
            **_dress(rng, age),
        )

    def with_(self, **changes: Any) -> Person:
        """The same person but for what is named."""
        return replace(self, **changes)


def _mixed(colours: tuple[Colour, ...], t: float) -> NDArray[np.float64]:
    """Colour at `t` 0..1 along a chain of colours."""
    stops = np.linspace(0, 1, len(colours))
    return np.array([np.interp(t, stops, [c[k] for c in colours]) for k in range(3)])


def _colour(values: NDArray[np.float64]) -> Colour:
    r, g, b = (float(v) for v in np.clip(values, 0.004, 0.95))
    return r, g, b


def _face(rng: np.random.Generator, age: float, male: float, ancestry: Shares) -> dict[str, Any]:
    african, asian, caucasian = ancestry
    tone = african * rng.uniform(0.60, 1.0) + asian * rng.uniform(0.12, 0.60) + caucasian * rng.uniform(0.0, 0.38)
    skin = _mixed(_SKIN, tone) * np.exp(rng.normal(0, 0.03)) * np.exp(rng.normal(0, [0.01, 0.02, 0.035]))
    fair = max(0.0, 1 - tone / 0.3)
    red_lip = rng.uniform(0.0, 1.0) if not male and age > 15 and rng.random() < 0.35 else 0.0
    pale = min(float(skin[0]) / 0.55, 1.0)
    lip = skin * (np.array([0.80, 0.54, 0.56]) * pale + np.array([0.92, 0.70, 0.74]) * (1 - pale)) + np.array(
        [0.03, 0.0, 0.008]
    )
    paint = np.array([[0.40, 0.035, 0.045], [0.42, 0.12, 0.13], [0.30, 0.08, 0.07]][int(rng.integers(3))])
    lip = lip * (1 - 0.7 * red_lip) + 0.7 * red_lip * paint
    pale_eyes = caucasian > 0.7 and rng.random() < 0.62
    names = ("hazel", "green", "grey", "blue", "blue") if pale_eyes else ("dark brown", "dark brown", "brown")
    iris = np.array(_IRIS[str(rng.choice(names))]) * np.exp(rng.normal(0, 0.15, 3))
    return {
        "skin": _colour(skin),
        "ruddy": float(rng.uniform(0.2, 0.9)),
        "freckles": float(rng.uniform(0.3, 1.0)) if fair > 0 and rng.random() < 0.35 else 0.0,
        "wrinkled": float(np.clip((age - 28) / 45 + rng.normal(0, 0.08), 0, 1)),
        "oil": float(rng.uniform(0.35, 0.95)),
        "lip": _colour(lip),
        "iris": _colour(iris),
        "pupil": float(rng.uniform(0.30, 0.46)),
    }


def _hair(rng: np.random.Generator, age: float, male: float, ancestry: Shares) -> dict[str, Any]:
    african, _, caucasian = ancestry
    if caucasian > 0.7:
        name = str(rng.choice(list(_HAIR), p=[0.08, 0.22, 0.24, 0.13, 0.15, 0.11, 0.07]))
    else:
        name = str(rng.choice(["black", "dark brown"], p=[0.7, 0.3]))
    grey = float(np.clip(rng.normal((age - 48) / 28, 0.25), 0, 1)) if age > 35 else 0.0
    if not male and grey and rng.random() < 0.45:
        grey = 0.0  # dyed
    hair = _colour(np.array(_HAIR[name]) * np.exp(rng.normal(0, 0.12)))
    if male:
        names = ["crop", "side part", "swept back", "curly", "shaved", "bald", "long", "fringe", "bun"]
        odds = np.array([0.27, 0.21, 0.14, 0.10, 0.10, 0.08, 0.04, 0.04, 0.02])
        if age > 45:
            odds = odds * [1, 1, 1, 0.6, 1.5, 2.2, 0.5, 0.3, 0.2]
        if age < 17:
            odds = odds * [1.2, 1.3, 0.4, 1.2, 0.4, 0.0, 0.6, 2.5, 0.3]
        if african > 0.5:
            names, odds = (
                ["shaved", "crop", "bald", "afro", "curly", "bun"],
                np.array([0.3, 0.25, 0.13 * (age > 17), 0.15, 0.12, 0.05]),
            )
    else:
        names = ["long", "long wavy", "bob", "ponytail", "bun", "fringe", "side part", "curly", "swept back", "crop"]
        odds = np.array([0.20, 0.20, 0.15, 0.13, 0.09, 0.07, 0.04, 0.06, 0.02, 0.04])
        if age > 55:
            odds = odds * [0.5, 0.5, 1.3, 0.6, 1.3, 0.5, 2.5, 1.5, 2, 3.0]
        if african > 0.5:
            names, odds = (
                ["afro", "curly", "bun", "ponytail", "crop", "bob", "long"],
                np.array([0.27, 0.22, 0.17, 0.12, 0.1, 0.06, 0.06]),
            )
    style = str(rng.choice(names, p=odds / odds.sum()))
    beards = {name: odds for name, odds in zip(BEARDS, [0.4, 0.26, 0.06, 0.10, 0.18], strict=True)}
    grown = male and age > 20
    return {
        "hair_style": style,
        "hair": hair,
        "grey": grey,
        "hairline": float(np.clip(rng.normal((age - 35) / 110, 0.10), 0, 0.34)) * male,
        "brow": float(np.clip(rng.normal(0.95 if male else 0.75, 0.2), 0.35, 1.4)),
        "lashes": float(rng.uniform(0.5, 0.9) if male else rng.uniform(0.8, 1.5)),
        "beard": str(rng.choice(list(beards), p=list(beards.values()))) if grown else "none",
    }


def _dress(rng: np.random.Generator, age: float) -> dict[str, Any]:
    cloth, trim = (_CLOTH[int(i)] for i in rng.choice(len(_CLOTH), 2, replace=False))
    odds = np.array([0.32, 0.16, 0.22, 0.12, 0.18 * (age < 50)])
    frames: tuple[Colour, ...] = (
        (0.015, 0.013, 0.012),
        (0.10, 0.04, 0.015),
        (0.28, 0.27, 0.26),
        (0.35, 0.24, 0.08),
        (0.03, 0.05, 0.12),
    )
    return {
        "garment": str(rng.choice(GARMENTS, p=odds / odds.sum())),
        "cloth": cloth,
        "trim": trim,
        "pattern": float(rng.choice([0.0, 1.0], p=[0.85, 0.15])),
        "glasses": str(rng.choice(["none", "round", "square", "thin"], p=[0.76, 0.08, 0.09, 0.07])),
        "frame": frames[int(rng.integers(len(frames)))],
        "lighting": str(rng.choice(["studio", "window", "overcast", "evening", "office", "lamp"])),
    }


DEMOS: dict[str, Person] = {
    "mira": Person(
        name="Mira",
        seed=117,
        age=24,
        weight=-0.3,
        ancestry=(0.0, 0.3, 0.7),
        distinct=0.9,
        skin=(0.62, 0.385, 0.285),
        ruddy=0.55,
        lip=(0.50, 0.18, 0.16),
        hair_style="long wavy",
        hair=(0.09, 0.046, 0.023),
        brow=0.75,
        lashes=1.1,
        iris=(0.12, 0.085, 0.030),
        garment="v-neck",
        cloth=(0.07, 0.13, 0.085),
    ),
    "amon": Person(
        name="Amon",
        seed=113,
        age=44,
        male=1.0,
        weight=0.0,
        ancestry=(0.75, 0.0, 0.25),
        distinct=0.9,
        skin=(0.30, 0.150, 0.092),
        ruddy=0.4,
        wrinkled=0.32,
        oil=0.7,
        lip=(0.27, 0.12, 0.10),
        hair_style="shaved",
        hair=(0.012, 0.010, 0.010),
        grey=0.2,
        hairline=0.06,
        brow=0.9,
        lashes=0.7,
        beard="stubble",
        iris=(0.035, 0.016, 0.008),
        garment="shirt",
        cloth=(0.35, 0.42, 0.50),
    ),
}
"""The demo avatars' subjects."""
