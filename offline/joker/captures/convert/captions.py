"""Sentences for pictures: lower-cased, of bounded length, from text files beside the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.contract.bank import MAX_PROMPT

ANYONE = "a person"
"""The caption where nothing is said."""
MAX_BYTES = 64 * 1024


def tidy(sentence: str) -> str:
    """Lower case, single spaces, no full stop, at most as long as a prompt may be; "" of nothing."""
    words = sentence.lower().split()
    while len(" ".join(words)) > MAX_PROMPT:
        words.pop()
    return " ".join(words).rstrip(".")


def one_of_each(files: Sequence[Path], rng: np.random.Generator) -> str:
    """A random line of each file, tidied and joined; `ANYONE` where none has any."""
    captions = []
    for lines in map(_lines, files):
        if lines:
            captions.append(lines[rng.integers(len(lines))])
    return tidy(". ".join(captions)) or ANYONE


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return []
    return [tidied for line in text.splitlines() if (tidied := tidy(line))]
