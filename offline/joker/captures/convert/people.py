"""A dataset's people as captures: person by person, in several processes, going on after a kill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from offline.files import write_text
from offline.joker.captures.convert.stills import Finder, Still
from offline.joker.captures.framing import Framing, Lens
from offline.joker.captures.layout import Frame, create, finish, write_frame
from offline.joker.captures.normals import head_normals
from offline.pool import in_processes
from runtime.contract.drive import EXPRESSIONS
from runtime.contract.head_model import HeadModel
from runtime.tracking.bounded import Floats
from runtime.tracking.fit import Solution

REPORT = "report.json"
"""What was made of a person: ``{"pictures": n, "left_out": {reason: n}}``; written last."""
LEAST = 2
"""Pictures that a person needs."""
TOO_FEW = "person without two pictures of use"


@dataclass(frozen=True)
class Settings:
    """What is wanted of each person."""

    size: int = 512
    """Pixels; a multiple of 64."""
    pictures: int = 10
    """Most pictures of a person; of a multi-view one, most moments."""
    looked: int = 20
    """Frames of each video among which they are chosen."""
    views: int = 16
    """Most cameras for each moment."""
    caption_model: str | None = None
    """A BLIP-2 that says the captions."""
    device: str = "cpu"


@dataclass(frozen=True)
class Shot:
    """A picture that is kept, and the head fitted to it."""

    still: Still
    lens: Lens
    solution: Solution
    framing: Framing
    identity: Floats


class Someone(Protocol):
    """One person of a dataset; must survive pickling."""

    @property
    def name(self) -> str:
        """Unique, and fit for a folder."""

    def shots(self, finder: Finder, settings: Settings, tally: Counter[str]) -> Iterator[Shot]:
        """The pictures to keep, the calm frontal one first; why others are left out is counted in `tally`."""


@dataclass(frozen=True)
class Outcome:
    """What all the people came to."""

    people: int
    pictures: int
    left_out: Counter[str]


def convert(people: Sequence[Someone], out: Path, source: str, settings: Settings, workers: int) -> Outcome:
    """Write captures of all `people` that are not there yet, with their alpha and normals, into `out`.

    Raises BadInput where `out` holds other captures and Unavailable where a process dies.
    """
    create(out, settings.size, source)
    missing = [someone for someone in people if not (out / someone.name / REPORT).is_file()]
    with tqdm(total=len(people), initial=len(people) - len(missing), unit="person") as bar:
        for _ in in_processes(partial(convert_person, out=out, settings=settings), missing, workers):
            bar.update()
    reports = [json.loads((out / someone.name / REPORT).read_text()) for someone in people]
    left_out: Counter[str] = Counter()
    for report in reports:
        left_out.update(report["left_out"])
    made = [report["pictures"] for report in reports if report["pictures"]]
    return Outcome(len(made), sum(made), left_out)


def convert_person(someone: Someone, out: Path, settings: Settings) -> None:
    """Write one person's frames and report into a folder of `out`."""
    folder = out / someone.name
    model, tally, frames = HeadModel.load(), Counter[str](), list[Frame]()
    with Finder() as finder:
        for shot in someone.shots(finder, settings, tally):
            values = shot.solution.coefficients[: len(EXPRESSIONS)].astype(np.float32)
            rgba = finder.cut_out(shot.still, shot.lens, shot.framing, settings.size)
            normals = head_normals(model, shot.identity.astype(np.float32), values, shot.framing.camera, settings.size)
            rgb = (normals.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
            name, angles = f"{len(frames):03d}", (shot.framing.yaw, shot.framing.pitch)
            write_frame(folder, name, rgba, rgb)
            frames.append(Frame(name, shot.still.caption, tuple(map(float, values)), *angles))
    folder.mkdir(parents=True, exist_ok=True)
    if len(frames) < LEAST:
        tally[TOO_FEW] += 1
    else:
        finish(folder, frames)
    report = {"pictures": len(frames) if len(frames) >= LEAST else 0, "left_out": tally}
    write_text(folder / REPORT, json.dumps(report))
