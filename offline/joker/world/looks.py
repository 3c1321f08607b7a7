"""The studio's world: many people, expressions that the 52 coefficients cannot tell apart, and captions that can.

A *family* is one set of coefficients with several *looks*: an open mouth with the tongue in, out, to the left, … The
head model's normals are the same for all looks of a family, so only the caption can say which is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from offline.studio.identity import Identity
from offline.studio.manner import PLAIN, Manner
from runtime.contract.drive import coefficients


def _both(name: str, value: float) -> dict[str, float]:
    return {f"{name}Left": value, f"{name}Right": value}


@dataclass(frozen=True)
class Look:
    """One expression of the world."""

    name: str
    phrases: tuple[str, ...]
    """What captions call it."""
    coefficients: Mapping[str, float]
    manner: Manner = PLAIN


def _family(values: Mapping[str, float], looks: Mapping[str, tuple[Manner, tuple[str, ...]]]) -> tuple[Look, ...]:
    return tuple(Look(name, phrases, values, manner) for name, (manner, phrases) in looks.items())


_OPEN = {"jawOpen": 0.55, "mouthFunnel": 0.1}
_BARED = {"jawOpen": 0.28, **_both("mouthStretch", 0.5), **_both("mouthUpperUp", 0.6), **_both("mouthLowerDown", 0.7)}
_PUFFED = {"cheekPuff": 1.0, **_both("mouthPress", 0.3)}
_FROWNING = {**_both("browDown", 0.8), **_both("eyeSquint", 0.3), **_both("mouthFrown", 0.3)}
_PRESSED = {**_both("mouthPress", 0.5), **_both("eyeSquint", 0.3)}

FAMILIES: dict[str, tuple[Look, ...]] = {
    "open mouth": _family(_OPEN, {
        "mouth open": (PLAIN, ("with the mouth wide open", "gaping", "saying ah with an open mouth")),
        "tongue out": (Manner(tongue=1.0), ("sticking the tongue straight out", "with the tongue out",
                                            "showing the tongue")),
        "tongue left": (Manner(tongue=1.0, tongue_side=1.0), ("sticking the tongue out to the left",
                                                              "with the tongue out on the left side")),
        "tongue right": (Manner(tongue=1.0, tongue_side=-1.0), ("sticking the tongue out to the right",
                                                                "with the tongue out on the right side")),
        "tongue up": (Manner(tongue=0.8, tongue_up=1.0), ("curling the tongue up to the lip",
                                                          "licking the upper lip")),
    }),
    "bared teeth": _family(_BARED, {
        "snarl": (PLAIN, ("snarling with parted teeth", "baring the teeth in a snarl")),
        "clenched teeth": (Manner(clench=1.0), ("clenching the teeth", "gritting the teeth together")),
        "tongue between teeth": (Manner(tongue=0.6), ("with the tongue between the teeth", "biting the tongue")),
    }),
    "puffed cheeks": _family(_PUFFED, {
        "both cheeks": (PLAIN, ("puffing both cheeks", "with both cheeks blown up")),
        "left cheek": (Manner(puff_side=1.0), ("puffing the left cheek", "with only the left cheek blown up")),
        "right cheek": (Manner(puff_side=-1.0), ("puffing the right cheek", "with only the right cheek blown up")),
    }),
    "frown": _family(_FROWNING, {
        "stern": (PLAIN, ("frowning sternly", "looking stern")),
        "furious": (Manner(flush=1.0, furrow=1.0), ("furious and red with rage", "red in the face with fury")),
        "dread": (Manner(flush=-1.0, furrow=0.5), ("pale with dread", "white with fear")),
    }),
    "grimace": _family(_PRESSED, {
        "pressed lips": (PLAIN, ("pressing the lips together", "with pressed lips")),
        "grimace left": (Manner(twist=1.0), ("twisting the mouth to the left", "with a grimace to the left")),
        "grimace right": (Manner(twist=-1.0), ("twisting the mouth to the right", "with a grimace to the right")),
    }),
}  # fmt: skip
"""Looks that only their captions tell apart, by family."""

EVERYDAY: tuple[Look, ...] = (
    Look("neutral", ("with a neutral face", "looking calm"), {}),
    Look("smile", ("smiling", "with a smile"), {**_both("mouthSmile", 0.9), **_both("cheekSquint", 0.4)}),
    Look("laugh", ("laughing", "with a broad laugh"),
         {**_both("mouthSmile", 0.9), "jawOpen": 0.4, **_both("cheekSquint", 0.5), **_both("eyeSquint", 0.4)}),
    Look("eyes closed", ("with closed eyes", "with both eyes shut"), _both("eyeBlink", 1.0)),
    Look("surprise", ("looking surprised", "with raised brows"),
         {"browInnerUp": 0.9, **_both("browOuterUp", 0.9), **_both("eyeWide", 0.8), "jawOpen": 0.15}),
    Look("kiss", ("puckering the lips", "with a kiss"), {"mouthPucker": 0.95}),
    Look("sad", ("looking sad", "with a sad mouth"), {**_both("mouthFrown", 0.9), "browInnerUp": 0.7}),
    Look("mouth ajar", ("with parted lips", "with a slightly open mouth"), {"jawOpen": 0.2}),
    Look("funnel", ("saying oh", "with a round mouth"), {"mouthFunnel": 0.9, "jawOpen": 0.25}),
    Look("look left", ("looking to the left",), {"eyeLookOutLeft": 0.9, "eyeLookInRight": 0.9}),
    Look("look right", ("looking to the right",), {"eyeLookInLeft": 0.9, "eyeLookOutRight": 0.9}),
    Look("look up", ("looking up",), _both("eyeLookUp", 0.9)),
    Look("look down", ("looking down",), _both("eyeLookDown", 0.9)),
)  # fmt: skip
"""Looks that the coefficients say in full."""

WHO = ("a person", "someone", "a portrait of a person", "a face")


def caption(look: Look, rng: np.random.Generator) -> str:
    """One of the sentences that describe a look."""
    return f"{WHO[rng.integers(len(WHO))]} {look.phrases[rng.integers(len(look.phrases))]}"


def weakened(look: Look, strength: float) -> Look:
    """The look at `strength` 0..1 of its coefficients and manner."""
    manner = Manner(**{f.name: getattr(look.manner, f.name) * strength for f in fields(Manner)})
    return replace(look, coefficients={k: v * strength for k, v in look.coefficients.items()}, manner=manner)


def expression(look: Look) -> np.ndarray:
    """Its coefficients as a vector [52]."""
    return coefficients(look.coefficients)


def person(seed: int) -> Identity:
    """Somebody of the world: as `Identity.from_seed`, with colours of hair and clothes drawn more freely."""
    rng = np.random.default_rng([seed, 0x3017])
    base = Identity.from_seed(seed)

    def varied(colour: tuple[float, float, float], spread: float) -> tuple[float, float, float]:
        r, g, b = (float(c * np.exp(spread * rng.normal())) for c in colour)
        return r, g, b

    cloth = tuple(float(v) for v in rng.uniform(0.03, 0.5, 3))
    return replace(base, skin=varied(base.skin, 0.06), hair=varied(base.hair, 0.25), cloth=cloth)  # type: ignore[arg-type]


def words() -> list[str]:
    """Every word that captions use, sorted."""
    looks = [*EVERYDAY, *(look for family in FAMILIES.values() for look in family)]
    sentences = [*WHO, *(phrase for look in looks for phrase in look.phrases)]
    return sorted({word for sentence in sentences for word in sentence.split()})
