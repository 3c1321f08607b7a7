"""Novel views: the avatar's mean face, seen by the portrait camera from around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offline.clip import Clip
from offline.evaluate.follow import face_parameters
from offline.evaluate.judges import Judges, distance
from offline.evaluate.pictures import Picture, over_white, rgba_of
from offline.metrics import frayed
from offline.tri2plane.checkpoint import Run
from runtime.contract.axes import angles_from_rotation, portrait_camera
from runtime.contract.drive import DriveState

VIEWS = (*((yaw, 0) for yaw in range(-40, 41, 10)), (0, -20), (0, 20))
"""(yaw, pitch) of the camera, degrees."""


@dataclass(frozen=True)
class View:
    """One view; angles in degrees."""

    yaw: int
    """Of the camera: positive sees more of the subject's left side."""
    pitch: int
    asked: tuple[float, float]
    """(yaw, pitch) of the head as this camera must see it."""
    tracked: tuple[float, float] | None
    """The same read from the rendering; None where no face was found."""
    identity_distance: float | None
    """To the frontal view; None where a face or the network is absent."""
    frayed: float
    """Pixels of the outline that lie off a smooth contour (`offline.metrics.frayed`)."""
    picture: Picture


def mean_state(clip: Clip) -> DriveState:
    """The mean face of the held-out frames on a head at rest, which looks into an unturned camera."""
    test = list(clip.test)
    return DriveState(clip.expression[test].mean(0), clip.detail[test].mean(0))


def novel_views(run: Run, clip: Clip, judges: Judges) -> list[View]:
    """`mean_state` from every side in `VIEWS`."""
    state = mean_state(clip)
    cameras = {view: portrait_camera(*np.radians(view)) for view in VIEWS}
    seen = {view: rgba_of(run, state, camera) for view, camera in cameras.items()}
    pictures = {view: over_white(rgba) for view, rgba in seen.items()}
    faces = {view: judges.landmarks(picture) for view, picture in pictures.items()}
    frontal = judges.describe(pictures[0, 0], faces[0, 0])
    views = []
    for view in VIEWS:
        upright = np.diag([1.0, -1.0, -1.0]) @ cameras[view].extrinsics[:, :3]
        asked = np.degrees(angles_from_rotation(upright @ state.pose[:, :3]))
        # seen by an unturned camera, the read pose is that of the head relative to this one
        read = face_parameters([faces[view]], np.zeros(1), portrait_camera(), run.head_model, run.identity)
        tracked = float(read["yaw"][0]), float(read["pitch"][0])
        descriptor = judges.describe(pictures[view], faces[view])
        views.append(
            View(
                *view, (float(asked[0]), float(asked[1])), tracked if np.isfinite(tracked).all() else None,
                distance(descriptor, frontal), frayed(seen[view][0, 3].numpy()), pictures[view],
            )
        )  # fmt: skip
    return views
