"""An avatar's performance as a video file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from runtime.avatar import Avatar
from runtime.contract.axes import Camera
from runtime.contract.drive import DriveState
from runtime.driving.performance import live_performance
from runtime.driving.timeline import Timeline
from runtime.errors import BadInput
from runtime.streaming.colour import Backdrop
from runtime.tracking.tracker import FaceTracker
from runtime.video_file import VideoReader, mp4

TAIL = 0.7
"""Seconds shown after a script has ended, while the face comes back to rest."""


def states_of_video(video: Path) -> Iterator[DriveState]:
    """What the live path makes of a driving video, frame by frame. Raises BadInput where it shows no face at all."""
    performance, found = live_performance(), False
    with VideoReader(video) as reader, FaceTracker() as tracker:
        for time, rgb in reader:
            face = tracker.track(rgb, time)
            if face is not None:
                found = True
                performance.camera.push(face.state, time)
            yield performance.sample(time).state
    if not found:
        raise BadInput(f"no face was found in '{video}'; use a video that shows one face from the front")


def states_of_timeline(timeline: Timeline, fps: float) -> Iterator[DriveState]:
    """A script's or a prompt's performance at `fps`."""
    performance = live_performance()
    performance.script.play(timeline, 0.0)
    for frame in range(max(1, round((timeline.duration + TAIL) * fps))):
        yield performance.sample(frame / fps).state


def render_video(
    avatar: Avatar, states: Iterator[DriveState], out: Path, fps: float, backdrop: Backdrop,
    camera: Camera | None = None, total: int | None = None,
) -> int:  # fmt: skip
    """Render `states` into the MP4 `out`, with a progress bar; returns the number of frames."""
    session, frames = avatar.new_session(), 0
    with mp4(out, avatar.size, avatar.size, fps) as writer:
        for state in tqdm(states, desc="render", total=total, unit="frame"):
            writer.write(np.ascontiguousarray(backdrop.i420(session.render(state, camera).rgba)))
            frames += 1
    return frames
