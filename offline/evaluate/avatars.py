"""What can be asked to show a face: a run's torch modules, or a bundle on an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offline.clip import Clip
from offline.evaluate.pictures import Picture, picture_of
from offline.tri2plane.checkpoint import Run
from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.axes import Camera
from runtime.contract.drive import DriveState


@dataclass(frozen=True)
class ShownAvatar:
    """An avatar under evaluation."""

    name: str
    subject: str
    """Whose likeness it is, as its clip or bundle says."""
    size: int
    """Width and height of its pictures, pixels."""
    show: Callable[[DriveState, Camera], Picture]
    """A state seen by a camera, [P, P, 3], 0..1, over white."""
    engine: str


def avatar_of_run(run: Run, clip: Clip) -> ShownAvatar:
    """The run's averaged weights, in torch."""
    size = run.model.preset.picture
    return ShownAvatar(run.folder.name, clip.info.subject, size, lambda s, c: picture_of(run, s, c), "torch")


def avatar_of_bundle(path: Path, engine: str = "auto") -> ShownAvatar:
    """A baked avatar as it is served. Raises what loading a bundle raises."""
    avatar = LoadedAvatar.load(path, engine)
    renderer = avatar.new_renderer()

    def show(state: DriveState, camera: Camera) -> Picture:
        rgba = renderer.render(state, camera).rgba.astype(np.float32) / 255
        return np.asarray(rgba[..., :3] + 1 - rgba[..., 3:], np.float32)

    return ShownAvatar(avatar.name, avatar.manifest.subject, avatar.size, show, avatar.engine)
