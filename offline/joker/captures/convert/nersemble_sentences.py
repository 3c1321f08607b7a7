"""What people do in NeRSemble's scripted sequences, as captions (those of SEN- read out phrases)."""

from __future__ import annotations

from collections.abc import Mapping

from offline.joker.captures.convert.captions import ANYONE

NOBODY = ("BACKGROUND",)
"""Sequences of the empty room."""

SENTENCES: Mapping[str, str] = {
    "GLASSES": "a person wearing glasses",
    "EXP-1-head": "a person turning the head with a calm face",
    "EXP-2-eyes": "a person opening the eyes wide, squinting and moving the brows",
    "EXP-3-cheeks+nose": "a person puffing the cheeks and wrinkling the nose",
    "EXP-4-lips": "a person puckering, pressing and rolling the lips",
    "EXP-5-mouth": "a person stretching the mouth open and pulling its corners",
    "EXP-6-tongue-1": "a person sticking the tongue out",
    "EXP-7-tongue-2": "a person moving the tongue in and around the mouth",
    "EXP-8-jaw-1": "a person opening the jaw and moving it to the side",
    "EXP-9-jaw-2": "a person pushing the jaw forward and baring the teeth",
    "HAIR": "a person shaking the head and the hair",
    "FREE": "a person making a wild grimace",
    "EMO-1-shout+laugh": "a person shouting and laughing with the mouth open",
    "EMO-2-surprise+fear": "a person looking surprised and afraid",
    "EMO-3-angry+sad": "a person looking angry and sad",
    "EMO-4-disgust+happy": "a person looking disgusted and happy",
    "SEN-01-cramp_small_danger": "a person speaking of a cramp that is no small danger",
    "SEN-02-same_phrase_thirty_times": "a person speaking of the same phrase said thirty times",
    "SEN-03-pluck_bright_rose": "a person speaking of plucking a bright rose",
    "SEN-04-two_plus_seven": "a person speaking of two plus seven",
    "SEN-05-glow_eyes_sweet_girl": "a person speaking of the glow in the eyes of a sweet girl",
    "SEN-06-problems_wise_chief": "a person speaking of problems and a wise chief",
    "SEN-07-fond_note_fried": "a person speaking of a fond note to a friend",
    "SEN-08-clothes_and_lodging": "a person speaking of clothes and lodging",
    "SEN-09-frown_events_bad": "a person speaking of a frown at bad events",
    "SEN-10-port_strong_smokey": "a person speaking of a strong smoky port",
}

EXPRESSIVE = (
    "EMO-1-shout+laugh", "EMO-3-angry+sad", "EMO-4-disgust+happy", "EXP-2-eyes", "EXP-3-cheeks+nose", "EXP-4-lips",
    "EXP-5-mouth", "EXP-6-tongue-1", "EXP-7-tongue-2", "EXP-8-jaw-1", "EXP-9-jaw-2", "FREE",
)  # fmt: skip
"""The sequences that Joker's authors trained on."""


def sentence(sequence: str) -> str:
    """The caption of a sequence by its published name; version 1 numbers the phrases otherwise."""
    if sequence in SENTENCES:
        return SENTENCES[sequence]
    parts = sequence.split("-", 2)
    same = [caption for name, caption in SENTENCES.items() if parts[0] == "SEN" and name.split("-", 2)[2:] == parts[2:]]
    return same[0] if same else ANYONE
