"""An avatar's performance as a video file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.axes import Camera
from runtime.contract.drive import DriveState
from runtime.driving.performance import live_performance
from runtime.driving.repertoire import Repertoire
from runtime.driving.timeline import Timeline
from runtime.errors import BadInput
from runtime.media.colour import Backdrop
from runtime.media.mp4 import mp4
from runtime.media.pixels import Pixels
from runtime.media.reading import VideoReader
from runtime.media.soundtrack import Soundtrack
from runtime.tracking.tracker import FaceTracker

TAIL = 0.7
"""Seconds shown after a script has ended, while the face comes back to rest."""


def require_face(video: Path) -> None:
    """Raises BadInput where the video shows no face at all; looks no further than the first."""
    with VideoReader(video) as reader, FaceTracker() as tracker:
        for time, rgb in tqdm(reader, desc="look for a face", total=reader.frames, unit="frame", leave=False):
            if tracker.track(rgb, time) is not None:
                return
    raise BadInput(f"no face was found in '{video}'; use a video that shows one face from the front")


def states_of_video(video: Path, fps: float, repertoire: Repertoire | None = None) -> Iterator[DriveState]:
    """What the live path makes of a driving video, at a constant `fps`; each picture shows the frame of its time."""
    performance, shown = live_performance(repertoire=repertoire), 0
    with VideoReader(video) as reader, FaceTracker() as tracker:
        slack = 0.5 / max(fps, reader.fps)  # files round their times
        time = 0.0
        for time, rgb in reader:
            while shown / fps < time - slack:
                yield performance.sample(shown / fps).state
                shown += 1
            face = tracker.track(rgb, time)
            if face is not None:
                performance.camera.push(face.state, time)
        while shown / fps < time + 1 / reader.fps - slack:
            yield performance.sample(shown / fps).state
            shown += 1
        if reader.damaged:
            print(f"{reader.damaged} pieces of '{video}' are damaged; the pictures there are left out", file=sys.stderr)


def states_of_timeline(timeline: Timeline, fps: float, repertoire: Repertoire | None = None) -> Iterator[DriveState]:
    """A script's or a prompt's performance at `fps`."""
    performance = live_performance(repertoire=repertoire)
    performance.script.play(timeline, 0.0)
    for frame in range(max(1, round((timeline.duration + TAIL) * fps))):
        yield performance.sample(frame / fps).state


def render_video(
    avatar: LoadedAvatar, states: Iterator[DriveState], out: Path, fps: float, backdrop: Backdrop,
    camera: Camera | None = None, size: int | None = None, total: int | None = None,
    soundtrack: Soundtrack | None = None,
) -> int:  # fmt: skip
    """Render `states` into the MP4 `out`, `size` pixels square (by default the avatar's), with a progress bar.

    Returns the number of frames. Raises as `runtime.media.mp4.mp4` does.
    """
    session, frames = avatar.new_renderer(), 0
    size = size or avatar.size
    with mp4(out, size, size, fps, soundtrack) as writer:
        for state in tqdm(states, desc="render", total=total, unit="frame"):
            rgba = _resized(session.render(state, camera).rgba, size)
            writer.write(np.ascontiguousarray(backdrop.i420(rgba)))
            frames += 1
    return frames


def _resized(rgba: Pixels, size: int) -> Pixels:
    """Premultiplied RGBA [H, W, 4] as [size, size, 4]; premultiplied pictures can be averaged channel by channel."""
    if rgba.shape[0] == size:
        return rgba
    how = cv2.INTER_AREA if size < rgba.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgba, (size, size), interpolation=how), np.uint8)
