"""Writing studio clips and videos, with several processes and a progress bar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from offline.clip import Clip, ClipInfo, drive_arrays
from offline.pool import in_processes
from offline.studio.identity import Identity
from offline.studio.render import render
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState

CONSENT = "A synthetic subject; no person's likeness."
COMPILE_FROM = 60
"""Pictures per process from which fusing the distance field saves more time than it takes."""


def write_clip(
    folder: str | os.PathLike[str],
    identity: Identity,
    states: Sequence[DriveState],
    fps: float,
    size: int,
    workers: int = 2,
) -> Clip:
    """Render `states` into a clip folder; frames that are there already are kept, so a stopped run goes on."""
    info = ClipInfo(size, fps, len(states), "studio", identity.name, CONSENT, portrait_camera())
    clip = Clip.create(folder, info, drive_arrays(states))
    missing = clip.missing()
    if missing:
        compiled = len(missing) >= COMPILE_FROM * min(workers, len(missing))
        frames = [_Frame(Path(folder), identity, index, size, compiled) for index in missing]
        with tqdm(total=len(states), initial=len(states) - len(missing), unit="frame") as bar:
            for _ in in_processes(_render_frame, frames, workers):
                bar.update()
    return Clip.open(folder)


@dataclass(frozen=True)
class _Frame:
    """One frame to render."""

    folder: Path
    identity: Identity
    index: int
    size: int
    compiled: bool


def _render_frame(frame: _Frame) -> None:
    clip = Clip.open(frame.folder, allow_missing_frames=True)
    state = clip.state(frame.index)
    picture = render(frame.identity, state, clip.info.camera, frame.size, compiled=frame.compiled)
    clip.write_frame(frame.index, picture.rgba())
