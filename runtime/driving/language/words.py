"""The little words of a prompt: how much, how fast, how long, how often, and those that mean nothing here."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _by_word(groups: Mapping[float, str]) -> dict[str, float]:
    return {word: value for value, words in groups.items() for word in words.split()}


STRENGTHS: dict[str, float] = _by_word(
    {
        0.15: "barely hardly",
        0.2: "faintly faint",
        0.25: "subtly subtle tiny quarter",
        0.3: "slightly slight",
        0.35: "gently gentle lightly softly",
        0.4: "bit little small less",
        0.5: "half halfway somewhat partly partially",
        0.6: "moderately medium",
        0.7: "fairly rather",
        0.85: "quite pretty mostly",
        0.95: "very really lot much strongly strong big broad broadly deeply more",
        1.0: "wide widely huge hugely full fully completely totally extremely super entirely hard maximum max far "
        "absolutely incredibly tightly massive possible",
    }
)
"""Share of full strength."""

SPEEDS: dict[str, float] = _by_word(
    {
        0.35: "gradually",
        0.4: "slowly slow lazily",
        1.8: "quickly quick fast hastily swiftly",
        2.0: "rapidly",
        2.5: "suddenly sudden abruptly immediately",
        3.0: "instantly",
    }
)
"""How many times faster than usual."""

DURATIONS: dict[str, float] = {"instant": 0.3, "briefly": 0.5, "moment": 1.0, "while": 4.0, "long": 5.0}
UNITS: dict[str, float] = _by_word({0.001: "ms millisecond", 1.0: "s sec second", 60.0: "min minute"})
"""Seconds."""

NUMBERS: dict[str, float] = _by_word(
    {
        0: "zero", 1: "a an one", 2: "two couple", 3: "three few", 4: "four several", 5: "five", 6: "six", 7: "seven",
        8: "eight", 9: "nine", 10: "ten", 12: "twelve", 15: "fifteen", 20: "twenty", 30: "thirty",
    }
)  # fmt: skip

TIMES: dict[str, int] = {"once": 1, "twice": 2, "thrice": 3, "repeatedly": 4}

KEEP = _words("keep stay remain forever continuously constantly continue hold")
THEN = _words("then next afterward later finally before lastly followed subsequently first")
AND = _words("and while with plus whilst simultaneously also but as")
NOT = _words(
    "not don dont doesnt didnt no never without stop quit cease avoid refrain cant cannot wont shouldnt mustnt isnt "
    "arent neither nor except excluding"
)
STOPS = _words("stop quit cease")
"""These of them end what goes on; without a word after them they are a phrase of their own."""
COMMANDING = _words("do does must should can will would try to could")
"""Before "not" they forbid, as in "do not smile"; else "not" tells apart, as in "sad, not happy"."""
TOO = _words("too so that overly")
"""With a strength they soften what is forbidden: "don't smile too much"."""
MODESTLY = 0.4
"""The strength that is left of it."""
PAUSES = _words("pause delay wait break")
IN_A = {"bit": 2.0, "sec": 1.0}
"""Seconds of what only "in a …" and "after a …" make a time."""
SIDES: dict[str, str] = {"left": "left", "right": "right", "both": "both", "one": "left"}
DIRECTIONS = _words("left right up down")

FILLERS = _words(
    "please can could you would will a an the your my his her their its it be act get go to do expression pretend "
    "like if now just i want let us try seem appear feel in of on at for by is are was have that this there s ll "
    "m re d ve some kind sort we he she they him them person avatar hey hi hello ok okay thanks thank pls plz u "
    "ur again same time start begin bring use from into about facial corner during over perform express emotion "
    "feeling mood off lets only those these way youre something someone instead anymore longer should must"
)
"""Words that never carry a phrase."""

NOUNS = _words("me side eye head face lip mouth brow make give put show turn look move pull out up together")
"""Words of phrases that are passed over where they stand alone, as in "wink with your left eye"."""

IRREGULAR: dict[str, str] = {
    **dict.fromkeys(("eyebrow", "eyebrows"), "brow"),
    **dict.fromkeys(("eyelid", "eyelids", "lid", "lids"), "eye"),
    **dict.fromkeys(("shut", "shuts", "shutting", "closed"), "close"),
    **dict.fromkeys(("glance", "gaze", "stare"), "look"),
    **dict.fromkeys(("upwards", "upward"), "up"),
    **dict.fromkeys(("downwards", "downward"), "down"),
    **dict.fromkeys(("leftwards", "leftward"), "left"),
    **dict.fromkeys(("rightwards", "rightward"), "right"),
    **dict.fromkeys(("degrees", "deg"), "degree"),
    "tooth": "teeth",
    "stuck": "stick",
    "shook": "shake",
    "raised": "raise",
    "afterwards": "afterward",
    "time": "times",
    "x": "times",
    "pct": "percent",
    "centre": "center",
}
"""Words whose dictionary form the regular endings do not give, and plain synonyms."""
