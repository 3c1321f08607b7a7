"""The little words of a prompt: how much, how fast, how long, how often, and those that mean nothing here."""

from __future__ import annotations

STRENGTHS: dict[str, float] = {
    "barely": 0.15, "hardly": 0.15, "faintly": 0.2, "subtly": 0.25, "tiny": 0.25, "slightly": 0.3, "slight": 0.3,
    "faint": 0.2, "subtle": 0.25, "gently": 0.35, "gentle": 0.35, "bit": 0.4, "little": 0.4, "small": 0.4, "lightly": 0.35,
    "softly": 0.35, "somewhat": 0.5, "half": 0.5, "halfway": 0.5, "partly": 0.5, "partially": 0.5, "moderately": 0.6,
    "fairly": 0.7, "medium": 0.6, "quite": 0.85, "pretty": 0.85, "rather": 0.7, "mostly": 0.85, "really": 0.95, "very": 0.95,
    "lot": 0.95, "much": 0.95, "strongly": 0.95, "strong": 0.95, "big": 0.95, "broad": 0.95, "broadly": 0.95, "wide": 1.0,
    "widely": 1.0, "deeply": 0.95, "huge": 1.0, "full": 1.0, "fully": 1.0, "completely": 1.0, "totally": 1.0,
    "extremely": 1.0, "super": 1.0, "entirely": 1.0, "hard": 1.0, "maximum": 1.0, "max": 1.0, "far": 1.0,
    "absolutely": 1.0, "incredibly": 1.0, "tightly": 1.0, "hugely": 1.0, "massive": 1.0, "possible": 1.0, "quarter": 0.25,
}  # fmt: skip
"""Share of full strength."""

SPEEDS: dict[str, float] = {
    "slowly": 0.4, "slow": 0.4, "gradually": 0.35, "lazily": 0.4, "quickly": 1.8, "quick": 1.8, "fast": 1.8, "rapidly": 2.0,
    "suddenly": 2.5, "sudden": 2.5, "instantly": 3.0, "abruptly": 2.5, "immediately": 2.5, "hastily": 1.8, "swiftly": 1.8,
}  # fmt: skip
"""How many times faster than usual."""

DURATIONS: dict[str, float] = {"briefly": 0.5, "moment": 1.0, "while": 4.0, "instant": 0.3, "long": 5.0}
"""Seconds."""

UNITS: dict[str, float] = {
    "ms": 0.001, "millisecond": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0,
}  # fmt: skip

NUMBERS: dict[str, float] = {
    "zero": 0, "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "couple": 2, "few": 3, "several": 4,
}  # fmt: skip

TIMES: dict[str, int] = {"once": 1, "twice": 2, "thrice": 3, "repeatedly": 4}

KEEP = {"keep", "stay", "remain", "forever", "continuously", "constantly", "continue", "hold"}
THEN = {"then", "next", "afterward", "later", "finally", "before", "lastly", "followed", "subsequently", "first"}
AND = {"and", "while", "with", "plus", "whilst", "simultaneously", "also", "but", "as"}
NOT = {"not", "don", "dont", "no", "never", "without", "stop", "quit"}
SIDES: dict[str, str] = {"left": "left", "right": "right", "both": "both"}

FILLERS = frozenset(
    "please can could you would will a an the your my his her their its it be act get go to do expression pretend like "
    "if now just i want let us try seem appear feel in of on at for by is are was have that this there s ll m re d ve some "
    "kind sort we he she they him them person avatar hey hi hello ok okay thanks thank again same time start begin bring "
    "use from into about more one facial corner during over perform express emotion feeling mood off lets only those "
    "these together way youre something someone".split()
)
"""Words that never carry a phrase."""

NOUNS = frozenset("me side eye head face lip mouth brow make give put show turn look move pull out up".split())
"""Words of phrases that are passed over where they stand alone, as in "wink with your left eye"."""

IRREGULAR: dict[str, str] = {
    "eyebrow": "brow", "eyebrows": "brow", "eyelid": "eye", "eyelids": "eye", "lids": "eye", "lid": "eye",
    "shut": "close", "shuts": "close", "shutting": "close", "glance": "look", "gaze": "look", "stare": "look",
    "teeth": "teeth", "tooth": "teeth", "upwards": "up", "upward": "up", "downwards": "down", "downward": "down",
    "leftwards": "left", "rightwards": "right", "leftward": "left", "rightward": "right", "sides": "side",
    "shook": "shake", "stuck": "stick", "shown": "show", "spoken": "speak", "bent": "bend", "bit": "bit", "lying": "lie",
    "afterwards": "afterward", "secs": "sec", "mins": "min", "x": "times", "time": "times", "pct": "percent",
    "degrees": "degree", "deg": "degree", "cant": "can", "cheeky": "smirk", "center": "center", "centre": "center",
    "wonderful": "happy", "raised": "raise", "closed": "close",
}  # fmt: skip
"""Words whose dictionary form the regular endings do not give, and plain synonyms."""
