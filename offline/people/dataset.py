"""Writing clips and videos of studio people, with several processes and a progress bar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tqdm import tqdm

from offline.clip import Clip, ClipInfo, drive_arrays
from offline.people.model import Model, prepared
from offline.people.person import Person
from offline.people.render import render
from offline.pool import in_processes
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState
from runtime.errors import BadInput
from runtime.media.mp4 import mp4

CONSENT = "A synthetic person; nobody's likeness."
BACKGROUND = (0.78, 0.80, 0.82)
"""Display values behind the person in a video."""
CRF = 16
"""Quality: others may be tracked on it."""


def write_clip(
    folder: str | os.PathLike[str],
    person: Person,
    states: Sequence[DriveState],
    fps: float,
    size: int,
    workers: int = 2,
) -> Clip:
    """Render `states` into a clip folder; frames that are there already are kept, so a stopped run goes on."""
    info = ClipInfo(size, fps, len(states), "studio", person.name, CONSENT, portrait_camera())
    clip = Clip.create(folder, info, drive_arrays(states) | {"identity": prepared(person).identity})
    missing = clip.missing()
    frames = [_Frame(Path(folder), person, index) for index in missing]
    with tqdm(total=len(states), initial=len(states) - len(missing), unit="frame") as bar:
        for _ in in_processes(_render_frame, frames, workers):
            bar.update()
    return Clip.open(folder)


def write_video(path: Path, person: Person, states: Sequence[DriveState], fps: float, size: int) -> None:
    """Render `states` into an H.264 video on a plain background. Raises BadInput where `size` is odd."""
    if size % 2:
        raise BadInput(f"a video needs an even size, not {size}")
    path.parent.mkdir(parents=True, exist_ok=True)
    model = prepared(person)
    with mp4(path, size, size, fps, crf=CRF) as writer:
        for state in tqdm(states, unit="frame"):
            writer.write_rgb(render(model, state, portrait_camera(), size).over(BACKGROUND))


@dataclass(frozen=True)
class _Frame:
    """One frame to render."""

    folder: Path
    person: Person
    index: int


@lru_cache(maxsize=1)
def _model(person: Person) -> Model:
    return prepared(person)


def _render_frame(frame: _Frame) -> None:
    clip = Clip.open(frame.folder, allow_missing_frames=True)
    picture = render(_model(frame.person), clip.state(frame.index), clip.info.camera, clip.info.size)
    clip.write_frame(frame.index, picture.rgba())
