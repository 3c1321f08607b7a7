"""Why a frame of a video is not used."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """A reason in words, and what to film instead."""

    REPEAT = ("repeats the frame before", "film at your camera's own frame rate")
    NO_FACE = ("no face", "keep your face in the picture, lit from the front")
    TINY = ("face too small", "come closer, so that head and shoulders fill the picture")
    LEAVES = ("face leaves the picture", "keep your whole face in the picture, with some space around it")
    BLURRED = ("too blurred", "use more light and move more slowly")
    COVERED = ("something before the face", "keep hands and other things away from your face")
    OTHER_FACE = ("another face beside it", "film yourself alone")
    OTHER_PERSON = ("another person", "film yourself alone")
    OTHER_FRAMING = ("much nearer or farther than usual", "film in one piece, without moving the camera or zooming")
    OTHER_SHAPE = ("another shape of picture", "do not turn the camera while filming")
    SCRAP = ("a moment between two breaks", "film in one piece, without cuts")
    NO_FIT = ("no head fits", "show your whole face")

    def __init__(self, words: str, advice: str) -> None:
        self.words = words
        self.advice = advice


Verdicts = list[Reason | None]
"""For each decoded frame the reason for which it is dropped, None where it is kept."""
