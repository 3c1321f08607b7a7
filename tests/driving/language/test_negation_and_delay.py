"""What is not to be, what is to come later, and what alone is meant: as people type it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from runtime.driving.channels import CHANNEL, CHANNELS
from runtime.driving.language.phrases import FORBIDDABLE
from runtime.driving.language.prompts import parse
from runtime.errors import BadInput

CAMERA = 0.5
"""What the camera shows on every channel below the prompt: one that rests is 0, one that is left alone is this."""
SMILE, FROWN, JAW, BLINK, BROWS = "mouthSmileLeft", "mouthFrownLeft", "jawOpen", "eyeBlinkLeft", "browOuterUpLeft"
TEETH, PITCH, YAW, LEFT, RIGHT = "mouthUpperUpLeft", "headPitch", "headYaw", "eyeLookOutLeft", "eyeLookOutRight"

Shown = list[tuple[float, str, float]]
"""Seconds, channel and value there."""

FORBIDDEN: list[tuple[str, Shown, list[str]]] = [
    ("smile without opening your mouth", [(1, SMILE, 0.75), (1, JAW, 0)], []),
    ("smile but don't show your teeth", [(1, SMILE, 0.75), (1, TEETH, 0), (1, JAW, 0)], []),
    ("smile, but don't show your teeth", [(1, SMILE, 0.75), (1, TEETH, 0), (4, SMILE, CAMERA)], []),
    ("smile with no teeth", [(1, SMILE, 0.75), (1, TEETH, 0)], []),
    ("look surprised but don't open your mouth", [(1, BROWS, 0.75), (1, JAW, 0)], []),
    ("Look surprised. Don't open your mouth.", [(1, BROWS, 0.75), (1, JAW, 0), (4, JAW, CAMERA)], []),
    ("look surprised without raising your eyebrows", [(1, BROWS, 0), (1, "eyeWideLeft", 0.75)], []),
    ("laugh without opening your mouth", [(0.4, SMILE, 0.85), (0.4, JAW, 0)], []),
    ("smile without blinking", [(1, SMILE, 0.75), (1, BLINK, 0)], []),
    ("smile and don't blink", [(1, SMILE, 0.75), (1, BLINK, 0)], []),
    ("smile without blinking for 5 seconds", [(4.5, SMILE, 0.75), (4.5, BLINK, 0), (5.6, BLINK, CAMERA)], []),
    ("smile without blinking and frowning", [(1, SMILE, 0.75), (1, BLINK, 0), (1, FROWN, 0)], []),
    ("smile without moving your head", [(1, SMILE, 0.75), (1, YAW, 0), (1, PITCH, 0)], []),
    ("look left without turning your head", [(1, LEFT, 0.8), (1, YAW, 0)], []),
    ("turn your head left without moving your eyes", [(1, LEFT, 0), (1, "eyeLookUpLeft", 0)], []),
    ("raise your eyebrows without blinking or moving your head", [(1, BROWS, 0.8), (1, BLINK, 0), (1, YAW, 0)], []),
    ("without blinking, look left", [(1, LEFT, 0.8), (1, BLINK, 0)], []),
    ("look up without blinking, then smile", [(1, BLINK, 0), (3, BLINK, CAMERA), (3, SMILE, 0.75)], []),
    ("don't blink", [(1, BLINK, 0), (4, BLINK, 0), (1, SMILE, CAMERA), (6, BLINK, CAMERA)], []),
    ("don't blink for 10 seconds", [(9, BLINK, 0), (10.6, BLINK, CAMERA)], []),
    ("stop blinking", [(1, BLINK, 0), (1, SMILE, CAMERA)], []),
    ("no blinking please", [(1, BLINK, 0)], []),
    ("never blink", [(1, BLINK, 0)], []),
    ("avoid blinking", [(1, BLINK, 0)], []),
    ("don't move", [(1, YAW, 0), (1, LEFT, 0), (1, BROWS, 0), (1, BLINK, CAMERA)], []),
    ("don't look away", [(1, LEFT, 0), (1, "eyeLookUpLeft", 0)], []),
    ("look up but don't move your brows", [(1, "eyeLookUpLeft", 0.8), (1, BROWS, 0)], []),
    ("no smile", [(1, SMILE, CAMERA)], []),
    ("stop smiling", [(1, SMILE, CAMERA)], []),
    ("do not smile", [(1, SMILE, CAMERA)], []),
    ("you shouldn't smile", [(1, SMILE, CAMERA)], []),
    ("try not to smile", [(1, SMILE, CAMERA)], []),
    ("neither smile nor frown", [(1, SMILE, CAMERA), (1, FROWN, CAMERA)], []),
    ("don't smile or frown", [(1, SMILE, CAMERA), (1, FROWN, CAMERA)], []),
    ("don't smile, frown", [(1, FROWN, 0.675), (1, SMILE, 0)], []),
    ("no frowning, just smile", [(1, SMILE, 0.75), (1, FROWN, 0)], []),
    ("smile, then stop smiling", [(1, SMILE, 0.75), (2.4, SMILE, CAMERA)], []),
    ("don't stop smiling", [(15, SMILE, 0.75)], []),
    ("don't smile too much", [(1, SMILE, 0.4)], []),
    ("smile, but not too much", [(1, SMILE, 0.4), (4, SMILE, CAMERA)], []),
    ("open your mouth, not too wide", [(1, JAW, 0.4)], []),
    ("don't forget to smile", [(1, SMILE, 0.75)], []),
    ("why don't you smile?", [(1, SMILE, 0.75)], []),
    ("smile if you don't mind", [(1, SMILE, 0.75)], []),
    ("shake your head no", [(0.28, SMILE, CAMERA), (0.28, YAW, 0.7 * 0.7 * 0.5585)], []),
    ("I don't know", [(0.4, "mouthShrugLower", 0.68)], []),
    ("show no emotion", [(1, SMILE, CAMERA)], []),
    ("smile without wiggling your ears", [(1, SMILE, 0.75)], ["without wiggling your ears"]),
    ("don't wiggle your ears", [], ["dont wiggle your ears"]),
    ("smile without your eyes", [(1, SMILE, 0.75)], ["without your eyes"]),
]

LATER: list[tuple[str, Shown, list[str]]] = [
    ("smile after 3 seconds", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75), (6, SMILE, CAMERA)], []),
    ("after 3 seconds smile", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75)], []),
    ("after 3 seconds, smile", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75)], []),
    ("in two seconds smile", [(1.9, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("smile in two seconds", [(1.9, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("in a moment smile", [(0.9, SMILE, CAMERA), (2, SMILE, 0.75)], []),
    ("smile in a bit", [(1.9, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("smile after a while", [(3.9, SMILE, CAMERA), (5, SMILE, 0.75)], []),
    ("wait a second, then smile", [(0.9, SMILE, CAMERA), (2, SMILE, 0.75)], []),
    ("wait 3 seconds and smile", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75)], []),
    ("wait for 2 seconds before smiling", [(1.9, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("3 seconds later smile", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75)], []),
    ("smile 3 seconds later", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75)], []),
    ("smile, 3 seconds later frown", [(1, SMILE, 0.75), (4, FROWN, CAMERA), (5.5, FROWN, 0.675)], []),
    ("smile and after 2 seconds frown", [(1, SMILE, 0.75), (3, FROWN, CAMERA), (4.5, FROWN, 0.675)], []),
    ("smile and wink after 2 seconds", [(1.9, SMILE, CAMERA), (2.25, BLINK, 1.0), (3, SMILE, 0.75)], []),
    ("smile for 2 seconds after 3 seconds", [(2.9, SMILE, CAMERA), (4.9, SMILE, 0.75), (5.5, SMILE, CAMERA)], []),
    ("after a 3 second pause, smile", [(2.9, SMILE, CAMERA), (4, SMILE, 0.75)], []),
    ("smile with a delay of 2 seconds", [(1.9, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("smile 2 seconds after blinking", [(0.15, BLINK, 1.0), (2.1, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("two seconds from now smile", [(1.9, SMILE, CAMERA), (3, SMILE, 0.75)], []),
    ("say hello after 2 seconds", [(1.9, JAW, CAMERA), (2.13, JAW, 0.18)], []),
    ("smile at 3 seconds", [(1, SMILE, 0.75)], ["at 3 seconds"]),
    ("blink every 2 seconds", [], ["every"]),
]

ALONE: list[tuple[str, Shown, list[str]]] = [
    ("close only your left eye", [(1, BLINK, 1.0), (1, "eyeBlinkRight", 0)], []),
    ("only your left eye should blink", [(0.15, BLINK, 1.0), (0.15, "eyeBlinkRight", 0)], []),
    ("wink, only your right eye", [(0.2, BLINK, 0), (0.2, "eyeBlinkRight", 1.0)], []),
    ("close your eyes but not the left one", [(1, BLINK, 0), (1, "eyeBlinkRight", 1.0)], []),
    ("raise both eyebrows but not the right", [(1, BROWS, 0.8), (1, "browOuterUpRight", 0)], []),
    ("be sad not happy", [(1, "mouthFrownLeft", 0.7125), (1, SMILE, 0)], []),
    ("be happy, not sad", [(1, SMILE, 0.675), (1, FROWN, 0), (4, FROWN, CAMERA)], []),
    ("smile instead of frowning", [(1, SMILE, 0.75), (1, FROWN, 0)], []),
    ("instead of frowning, smile", [(1, SMILE, 0.75), (4, FROWN, CAMERA)], []),
    ("look left, not right", [(1, LEFT, 0.8), (1, RIGHT, 0), (4, RIGHT, CAMERA)], []),
    ("nothing but a smile", [(1, SMILE, 0.75)], []),
    ("do anything but smile", [(1, SMILE, CAMERA)], ["anything"]),
    ("smile with everything but your eyes", [(1, SMILE, 0.75)], ["everything", "but your eyes"]),
]


@pytest.mark.parametrize(
    ("text", "shown", "unknown"), FORBIDDEN + LATER + ALONE, ids=lambda v: v if isinstance(v, str) else ""
)
def test_is_done_or_named(text: str, shown: Shown, unknown: list[str]) -> None:
    prompt = parse(text)
    assert [u.phrase for u in prompt.unknown] == unknown
    assert all(u.nearest for u in prompt.unknown)
    for seconds, channel, value in shown:
        overlay = prompt.timeline.sample(seconds)
        at = CHANNEL[channel]
        found = overlay.values[at] + (1 - overlay.weights[at]) * CAMERA
        assert found == pytest.approx(value, abs=0.03), f"{channel} at {seconds} s"


def test_what_may_be_forbidden_names_channels() -> None:
    assert all(entry.held() and entry.held() <= set(CHANNELS) for entry in FORBIDDABLE)


def test_any_order_of_these_words_is_read() -> None:
    rng = random.Random(4)
    words = " ".join(text for text, _, _ in FORBIDDEN + LATER + ALONE).split()
    for _ in range(1500):
        text = " ".join(rng.choice(words) for _ in range(rng.randint(1, 16)))
        try:
            timeline = parse(text).timeline
        except BadInput:
            continue
        sampled = timeline.sample(1.0)
        assert np.isfinite(sampled.values).all() and 0 <= sampled.weights.min() <= sampled.weights.max() <= 1, text
