"""CelebV-Text: clips of one speaking head each, and text files that describe them.

    SRC/**/CLIP.mp4                  as its download script cuts them; whole videos in a folder "raw" are left alone
    SRC/**/*emotion*/CLIP.txt        the descriptions as released, several lines to a file, in folders by kind:
    SRC/**/*action*/CLIP.txt         emotion, action_dur, face40_details_new (those of the light are not used)
    SRC/**/*face*/CLIP.txt
    SRC/**/CLIP.txt                  or one beside the clip

A clip's name begins with the eleven characters of the video that it comes from.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from offline.joker.captures.convert.captioner import captioner
from offline.joker.captures.convert.captions import one_of_each
from offline.joker.captures.convert.heads import chosen, fit_heads
from offline.joker.captures.convert.people import Settings, Shot
from offline.joker.captures.convert.stills import UNREADABLE, Finder
from offline.training.devices import choose_device
from runtime.errors import BadInput
from runtime.media.reading import VideoReader

KINDS = ("emotion", "action", "face")
"""Of descriptions, in the order in which they are said: what comes last may be cut off."""
SOURCE = 11
"""Characters of a clip's name that say which video it is from."""


@dataclass(frozen=True)
class Clip:
    """One clip, which counts as one person."""

    path: Path
    texts: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    def shots(self, finder: Finder, settings: Settings, tally: Counter[str]) -> Iterator[Shot]:
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        describe = captioner(settings.caption_model, choose_device(settings.device)) if settings.caption_model else None
        shares = np.arange(1, settings.looked + 1) / (settings.looked + 1)
        stills = []
        try:
            with VideoReader(self.path) as reader:
                for _, rgb in reader.at(shares.tolist()):
                    caption = describe(rgb) if describe else one_of_each(self.texts, rng)
                    still = finder.find(rgb, caption, tally)
                    stills += [still] if still else []
        except BadInput:
            tally[UNREADABLE] += 1
        heads = fit_heads(stills, settings.size, tally) if stills else None
        if heads is not None:
            shots = [shot for _, shot in heads.shots]
            yield from (shots[n] for n in chosen(shots, settings.pictures))


def clips(source: Path, count: int | None = None) -> list[Clip]:
    """At most `count` clips below a folder, from as many videos as possible. Raises BadInput where there is none."""
    found: dict[str, Path] = {}
    kinds: dict[str, list[Path]] = defaultdict(list)
    for place, folders, files in os.walk(source):
        folders[:] = sorted(f for f in folders if f != "raw" and not f.startswith("."))
        here = Path(place)
        for kind in (k for k in KINDS if k in here.name.lower()):
            kinds[kind].append(here)
        for name in sorted(files):
            if name.lower().endswith(".mp4") and not name.startswith("."):
                found.setdefault(Path(name).stem, here / name)
    if not found:
        raise BadInput(f"'{source}' holds no clips; give the folder with CelebV-Text's .mp4 files and descriptions")
    videos: dict[str, list[Path]] = defaultdict(list)
    for name in sorted(found):
        videos[name[:SOURCE]].append(found[name])
    balanced = [path for turn in zip_longest(*videos.values()) for path in turn if path]
    folders_in_order = [folder for kind in KINDS for folder in kinds[kind]]
    return [Clip(path, _texts(path, folders_in_order)) for path in balanced[:count]]


def _texts(clip: Path, folders: list[Path]) -> tuple[Path, ...]:
    name = f"{clip.stem}.txt"
    return tuple(path for path in dict.fromkeys((clip.parent / name, *(f / name for f in folders))) if path.is_file())
