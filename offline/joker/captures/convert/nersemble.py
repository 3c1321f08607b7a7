"""NeRSemble: people who act scripted sequences before sixteen cameras.

SRC/017/sequences/EXP-6-tongue-1/images/cam_222200037.mp4      what `nersemble-data download` writes (version 2)
SRC/017/calibration/camera_params.json                         {"world_2_cam": …, "intrinsics": [3][3]}
SRC/017/EXP-6-tongue-1/cam_222200037.mp4                       version 1, as Joker's authors had it
SRC/017/camera_params.json
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offline.joker.captures.convert.captioner import captioner
from offline.joker.captures.convert.heads import Heads, chosen, fit_heads, judged
from offline.joker.captures.convert.nersemble_sentences import EXPRESSIVE, NOBODY, sentence
from offline.joker.captures.convert.people import Settings, Shot
from offline.joker.captures.convert.stills import UNREADABLE, Finder, Still
from offline.joker.captures.framing import Lens
from offline.joker.captures.layout import Picture
from offline.training.devices import choose_device
from runtime.errors import BadInput
from runtime.media.reading import VideoReader

FRONTAL = "222200037"
"""The camera before the face."""
WIDTH, HEIGHT = 2200, 3208
"""Pixels that the calibration's intrinsics are for."""


LAYOUT = "give the folder that nersemble-data downloads to, with PARTICIPANT/sequences/SEQUENCE/images/cam_SERIAL.mp4"


@dataclass(frozen=True)
class Take:
    """One sequence's videos by camera, the frontal one first."""

    name: str
    videos: tuple[Path, ...]


@dataclass(frozen=True)
class Moment:
    """A frame of a take as its first camera saw it."""

    take: Take
    share: float
    """Of the take's length, 0..1; its cameras ran together."""
    still: Still


@dataclass(frozen=True)
class Participant:
    """One person."""

    name: str
    takes: tuple[Take, ...]
    calibration: Path | None

    def shots(self, finder: Finder, settings: Settings, tally: Counter[str]) -> Iterator[Shot]:
        lens = calibrated(self.calibration)
        moments = [each for take in self.takes for each in _moments(take, lens, finder, settings, tally)]
        heads = fit_heads([moment.still for moment in moments], settings.size, tally) if moments else None
        if heads is None:
            return
        shots = [shot for _, shot in heads.shots]
        for n in chosen(shots, settings.pictures):
            yield shots[n]
            yield from _other_views(moments[heads.shots[n][0]], shots[n], heads, finder, settings, tally)


def participants(source: Path, count: int | None = None, names: Collection[str] = EXPRESSIVE) -> list[Participant]:
    """At most `count` people below a folder who have any of the sequences `names`; of all but the empty room where
    `names` is empty. Raises BadInput where there is nobody."""
    if not source.is_dir():
        raise BadInput(f"'{source}' is no folder; {LAYOUT}")
    found = []
    for home in sorted(path for path in source.iterdir() if path.is_dir() and path.name.isdigit()):
        takes = tuple(_takes(home, names))
        if takes:
            paths = (home / "calibration/camera_params.json", home / "camera_params.json")
            found.append(Participant(home.name, takes, next((path for path in paths if path.is_file()), None)))
    if not found:
        raise BadInput(f"'{source}' holds no participant with one of the sequences; {LAYOUT}")
    return found[:count]


def calibrated(path: Path | None) -> Lens | None:
    """The lens that all sixteen cameras share. Raises BadInput where the file is none."""
    if path is None:
        return None
    try:
        values = np.array(json.loads(path.read_text())["intrinsics"], np.float64)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"'{path}' holds no intrinsics ({error}); download it again") from error
    if values.shape != (3, 3) or not np.isfinite(values).all() or values[0, 0] <= 0:
        raise BadInput(f"'{path}' holds no intrinsics of [3, 3]; download it again")
    return Lens(float(values[0, 0]) / WIDTH, (float(values[0, 2]) / WIDTH, float(values[1, 2]) / HEIGHT))


def _takes(home: Path, names: Collection[str]) -> Iterator[Take]:
    inner = home / "sequences"
    for folder in sorted((inner if inner.is_dir() else home).iterdir()):
        if folder.name in NOBODY or (names and folder.name not in names):
            continue
        videos = [*folder.glob("images/cam_*.mp4"), *folder.glob("cam_*.mp4")]
        if videos:
            yield Take(folder.name, tuple(sorted(videos, key=lambda path: (path.stem != f"cam_{FRONTAL}", path.stem))))


def _moments(
    take: Take, lens: Lens | None, finder: Finder, settings: Settings, tally: Counter[str]
) -> Iterator[Moment]:
    describe = captioner(settings.caption_model, choose_device(settings.device)) if settings.caption_model else None
    shares = (np.arange(1, settings.looked + 1) / (settings.looked + 1)).tolist()
    for share, rgb in _frames(take.videos[0], shares, tally):
        still = finder.find(rgb, describe(rgb) if describe else sentence(take.name), tally, lens)
        if still is not None:
            yield Moment(take, share, still)


def _other_views(
    moment: Moment, first: Shot, heads: Heads, finder: Finder, settings: Settings, tally: Counter[str]
) -> Iterator[Shot]:
    """The same moment and expression from the other cameras."""
    others = moment.take.videos[1:]
    places = np.unique(np.linspace(0, len(others) - 1, min(settings.views - 1, len(others))).round().astype(int))
    for path in (others[n] for n in places):
        for _, rgb in _frames(path, [moment.share], tally):
            still = finder.find(rgb, moment.still.caption, tally, heads.lens)
            if still is None:
                continue
            solution, error = heads.fitted.turned(still.observation(heads.lens), first.solution)
            shot = judged(still, heads.lens, solution, error, heads.fitted, settings.size, tally)
            if shot is not None:
                yield shot


def _frames(path: Path, shares: Sequence[float], tally: Counter[str]) -> Iterator[tuple[float, Picture]]:
    try:
        with VideoReader(path) as reader:
            yield from reader.at(shares)
    except BadInput:
        tally[UNREADABLE] += 1
