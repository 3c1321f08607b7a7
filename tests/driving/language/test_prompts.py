"""How people write, and what comes of it."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from runtime.driving.channels import CHANNEL, CHANNELS
from runtime.driving.language.choreography import MAX_COUNT, MAX_SECONDS, MAX_SEGMENTS
from runtime.driving.language.phrases import PITCH, ROLL, VOCABULARY, YAW, LexiconEntry
from runtime.driving.language.prompts import MAX_LETTERS, parse
from runtime.driving.language.words import NOUNS, SIDES
from runtime.errors import BadInput

UNDERSTOOD = [
    ("smile", ["smile"]),
    ("SMILE, please!", ["smile"]),
    ("can you smile for me?", ["smile"]),
    ("give me a big smile", ["smile (95%)"]),
    ("smile a little bit", ["smile (40%)"]),
    ("30% smile", ["smile (30%)"]),
    ("smile at 30 percent", ["smile (30%)"]),
    ("smile 0.5", ["smile (50%)"]),
    ("raise your brows and open your mouth", ["raise your brows", "open your mouth"]),
    ("lift your right eyebrow slightly", ["raise your brows (right, 30%)"]),
    ("left eyebrow up", ["raise your brows (left)"]),
    ("wink left", ["wink (left)"]),
    ("wink with your right eye", ["wink (right)"]),
    ("wink twice with your left eye", ["wink (left, 2 times)"]),
    ("look surprised for 2 seconds, then smile", ["surprised (2 s)", "smile"]),
    ("make a very angry face", ["angry (95%)"]),
    ("look very slightly annoyed", ["angry (30%)"]),
    ("act scared", ["afraid"]),
    ("try to look a bit less sad", ["sad (40%)"]),
    ("look genuinely terrified for a couple of seconds", ["afraid (2 s)"]),
    ("look happy and surprised", ["happy", "surprised"]),
    ("look like you are thinking", ["thoughtful"]),
    ("pull a face", ["grimace"]),
    ("blow a kiss", ["kiss"]),
    ("puff out your cheeks while raising your eyebrows", ["puff your cheeks", "raise your brows"]),
    ("stick out your tongue", ["stick your tongue out"]),
    ("open your mouth as wide as possible", ["open your mouth (100%)"]),
    ("open your mouth and eyes", ["open your mouth", "open your eyes"]),
    ("open and close your mouth", ["open your mouth", "close your mouth"]),
    ("raise and lower your eyebrows", ["raise your brows", "lower your brows"]),
    ("slowly close your eyes and then open them", ["close your eyes (slower)", "open your eyes"]),
    ("half close your eyes", ["close your eyes (50%)"]),
    ("shut your eyes for two and a half seconds", ["close your eyes (2.5 s)"]),
    ("close the right eye and raise the left brow", ["close your eyes (right)", "raise your brows (left)"]),
    ("eyes wide open", ["wide eyes (100%)"]),
    ("smile with your mouth open", ["smile", "open your mouth"]),
    ("glance up", ["look up"]),
    ("look up and to the left", ["look up", "look left"]),
    ("look up left", ["look up", "look left"]),
    ("look left and right", ["look left", "look right"]),
    ("look left, right, up and down", ["look left", "look right", "look up", "look down"]),
    ("eyes left", ["look left"]),
    ("look at the camera", ["look ahead"]),
    ("turn your head 20 degrees to the left slowly", ["turn left (20 degrees, slower)"]),
    ("tilt your head slightly to the right and smile", ["tilt right (30%)", "smile"]),
    ("nod three times", ["nod (3 times)"]),
    ("nod yes", ["nod"]),
    ("shake your head no", ["shake your head"]),
    ("keep smiling", ["smile (kept)"]),
    ("smile and hold it for 3 seconds", ["smile (3 s)"]),
    ("smile, slowly", ["smile (slower)"]),
    ("smile after you blink", ["blink", "smile"]),
    ("after smiling, wink", ["smile", "wink"]),
    ("after 2 seconds smile", ["wait (2 s)", "smile"]),
    ("wait half a second, then smile", ["wait (0.5 s)", "smile"]),
    ("first smile, next blink, finally nod", ["smile", "blink", "nod"]),
    ("while smiling, wink", ["smile", "wink"]),
    ("smile for 3s & wink", ["smile (3 s)", "wink"]),
    ("smile for 1/2 second → wink", ["smile (0.5 s)", "wink"]),
    ("smile for ½ s; frown", ["smile (0.5 s)", "frown"]),
    ("say o", ["say o"]),
    ("say hello world slowly, then smile", ["say hello world (slower)", "smile"]),
    ("don't smile", ["relax"]),
    ("stop smiling", ["relax"]),
    ("smile but don't open your mouth", ["smile (without: open your mouth)"]),
    ("neutral face", ["relax"]),
    ("stop", ["relax"]),
    ("smiel", ["smile"]),
    ("msile", ["smile"]),
    ("loook lefft", ["look left"]),
    ("suprised", ["surprised"]),
    ("dissgusted", ["disgusted"]),
    ("clsoe your eyes", ["close your eyes"]),
    ("eyebrwos up", ["raise your brows"]),
    ("tounge out", ["stick your tongue out"]),
    ("wink for 2 secnds", ["wink (2 s)"]),
]


@pytest.mark.parametrize(("text", "actions"), UNDERSTOOD)
def test_is_understood(text: str, actions: list[str]) -> None:
    prompt = parse(text)
    assert list(prompt.understood) == actions
    assert not prompt.unknown


SHOWN = [
    ("smile", 1.0, {"mouthSmileLeft": 0.75, "mouthSmileRight": 0.75}),
    ("smile fully", 1.0, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}),
    ("smile 30% on the left side", 1.0, {"mouthSmileLeft": 0.3, "mouthSmileRight": 0.0}),
    ("close your eyes", 1.0, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    ("wink left", 0.25, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.0}),
    ("wink right", 0.25, {"eyeBlinkLeft": 0.0, "eyeBlinkRight": 1.0}),
    ("look left", 1.0, {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8, "eyeLookInLeft": 0.0}),
    ("turn left", 1.0, {"headYaw": 0.75 * YAW}),
    ("turn right 10 degrees", 1.0, {"headYaw": -math.radians(10)}),
    ("lift your chin", 1.0, {"headPitch": -0.75 * PITCH}),
    ("tilt your head to the left", 1.0, {"headRoll": -0.75 * ROLL}),
    ("nod slightly", 0.28, {"headPitch": 0.3 * 0.75 * PITCH}),
    ("raise your left brow", 1.0, {"browOuterUpLeft": 0.8, "browOuterUpRight": 0.0}),
    ("look surprised for 2 seconds, then smile", 1.9, {"browInnerUp": 0.75, "mouthSmileLeft": 0.0}),
    ("look surprised for 2 seconds, then smile", 2.5, {"browInnerUp": 0.0, "mouthSmileLeft": 0.75}),
    ("smile and open your mouth", 1.0, {"mouthSmileLeft": 0.75, "jawOpen": 0.7}),
    ("wait 3 seconds, then smile", 2.9, {"mouthSmileLeft": 0.0}),
    ("wait 3 seconds, then smile", 4.0, {"mouthSmileLeft": 0.75}),
    ("slowly smile", 0.45, {"mouthSmileLeft": 0.75 * (lambda x: x * x * (3 - 2 * x))(0.45 * 0.4 / 0.35)}),
    ("smile for 10 seconds", 9.9, {"mouthSmileLeft": 0.75}),
    ("smile for 10 seconds", 10.6, {"mouthSmileLeft": 0.0}),
    ("say mo", 0.13 + 0.13, {"jawOpen": 0.45 * 0.9, "mouthFunnel": 0.8 * 0.9}),
]


@pytest.mark.parametrize(("text", "at", "values"), SHOWN)
def test_shows_at_the_time(text: str, at: float, values: dict[str, float]) -> None:
    sampled = parse(text).timeline.sample(at)
    for name, value in values.items():
        assert sampled.values[CHANNEL[name]] == pytest.approx(value, abs=0.01), name
        assert sampled.weights[CHANNEL[name]] > 0 or at in (2.9, 2.5, 1.9, 10.6)


def test_repeats_come_one_after_the_other() -> None:
    timeline = parse("blink 3 times").timeline
    lids = np.array(
        [timeline.sample(t).values[CHANNEL["eyeBlinkLeft"]] for t in np.arange(0, timeline.duration, 0.005)]
    )
    assert np.count_nonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5)) == 3
    assert lids.max() == pytest.approx(1.0) and lids.min() == 0


def test_stop_ends_the_performance() -> None:
    assert parse("stop").timeline.duration == 0


@pytest.mark.parametrize(
    ("text", "phrase", "near"),
    [
        ("smile and do a backflip", "backflip", None),
        ("raise your ears", "raise your ears", "raise your brows"),
        ("flibber", "flibber", None),
        ("wiggle your nose", "wiggle your nose", "sneer"),
    ],
)
def test_what_is_not_understood_is_named_with_its_nearest(text: str, phrase: str, near: str | None) -> None:
    unknown = parse(text).unknown
    assert [u.phrase for u in unknown] == [phrase]
    names = {e.name for e in VOCABULARY}
    assert 1 <= len(unknown[0].nearest) <= 3 and set(unknown[0].nearest) <= names
    assert near is None or near in unknown[0].nearest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("a" * (MAX_LETTERS + 1), f"at most {MAX_LETTERS}"),
        ("blink 1000 times", f"at most {MAX_COUNT} times"),
        ("smile for 10 minutes", f"at most {MAX_SECONDS:g} seconds"),
        ("smile for 99999999999999999999999999 seconds", f"at most {MAX_SECONDS:g} seconds"),
        ("smile for a minute, " * 3, f"more than {MAX_SECONDS:g} seconds"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse(text)


@pytest.mark.parametrize("expression", VOCABULARY, ids=lambda e: e.name)
def test_every_phrase_of_the_vocabulary_finds_its_expression(expression: LexiconEntry) -> None:
    for phrase in expression.phrases:
        prompt = parse(phrase)
        assert prompt.understood[0].split(" (")[0] == expression.name, phrase
        assert len(prompt.understood) == 1 and not prompt.unknown, phrase


@pytest.mark.parametrize("expression", VOCABULARY, ids=lambda e: e.name)
def test_the_vocabulary_is_in_range(expression: LexiconEntry) -> None:
    for beat in expression.beats:
        assert set(beat.targets) <= set(CHANNELS)
        assert all(0 <= value <= 1 for name, value in beat.targets.items() if not name.startswith("head"))


@pytest.mark.parametrize("word", sorted(NOUNS | set(SIDES)))
def test_a_word_that_says_nothing_alone_does_nothing(word: str) -> None:
    assert not parse(word).timeline.segments


def test_never_raises_anything_but_bad_input() -> None:
    rng = random.Random(11)
    words = " ".join(text for text, _ in UNDERSTOOD).split()
    odd = [
        "½",
        "1/0",
        "%",
        "½%",
        "→",
        "ß",
        "Ⅷ",
        "٣ seconds",
        "\x00",
        "😀",
        "1e9",
        "-5",
        "é",
        "''",
        "0",
        "९",
        "²",
        "1,5",
        "\u200b",
    ]
    for _ in range(1500):
        pieces = [rng.choice(words if rng.random() < 0.8 else odd) for _ in range(rng.randint(1, 14))]
        text = rng.choice([" ", "", ", "]).join(pieces)
        try:
            timeline = parse(text).timeline
        except BadInput:
            continue
        assert timeline.duration <= MAX_SECONDS + 5 and len(timeline.segments) <= 2 * MAX_SEGMENTS
        for t in (0.3, 1.0, 5.0):
            sampled = timeline.sample(t)
            assert np.isfinite(sampled.values).all() and 0 <= sampled.weights.min() <= sampled.weights.max() <= 1
