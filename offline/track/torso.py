"""Where the shoulders go while the head does something else.

The head's pose tells the neck's lower end, and shoulders hang on it (`runtime.contract.axes.Neck`). But people breathe,
shrug and lean. What is below the chin is aligned with one frame of the clip (enhanced correlation coefficient,
Evangelidis & Psarakis 2008), and the rest of its movement is kept with each frame as the torso's own shift. Training
then sees shoulders that are where it is told; a live drive state has none of it, and leaves the shoulders where they
usually are.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.clip import Clip
from offline.track.smooth import smooth_within
from runtime.contract.axes import Array, Neck, angles_from_rotation, rotation_from_quaternion

CHIN = 152
"""Landmark."""
BELOW = 0.03
"""What is compared begins so far below the chin, as a share of the picture."""
WIDTH = 128
"""Pixels; alignment finds a tenth of one."""
ROUNDS, ENOUGH = 40, 1e-4
"""Iterations at most, and the gain in correlation at which they end."""
ALIKE = 0.7
"""Correlation below which an alignment is not believed, and the one before stays."""
STEADY_SECONDS = 0.03
"""Standard deviation of the smoothing."""


def torso_shifts(clip: Clip, segments: NDArray[np.integer], progress: bool = True) -> Array:
    """[N, 3], dm in world space, parallel to the picture: how far each frame's torso is from where the head's pose puts
    it, relative to the median frame. The clip must have landmarks; nothing is smooth across `segments` [N]."""
    assert clip.landmarks is not None
    reference = _squarest(clip)
    moves = _aligned(clip, reference, progress)
    camera, neck = clip.info.camera, Neck()
    rotation = camera.extrinsics[:, :3].astype(np.float64)
    turned = np.array([rotation_from_quaternion(q) for q in clip.rotation]) @ neck.pivot
    necks = (turned + clip.translation) @ rotation.T  # camera axes, but for a constant
    depth = float(necks[reference, 2] + camera.extrinsics[2, 3])
    seen = moves * depth / camera.intrinsics[:2]
    own = seen - (necks - necks[reference])[:, :2]
    own = smooth_within(own - np.median(own, 0), segments, STEADY_SECONDS * clip.info.fps)
    return (np.column_stack([own, np.zeros(len(own))]) @ rotation).astype(np.float32)


def _squarest(clip: Clip) -> int:
    """The training frame whose head is turned least and is nearest to its usual place."""
    turns = np.array([np.linalg.norm(angles_from_rotation(rotation_from_quaternion(q))) for q in clip.rotation])
    away = np.linalg.norm(clip.translation - np.median(clip.translation, 0), axis=1)
    return int((turns + away)[clip.train].argmin())


def _aligned(clip: Clip, reference: int, progress: bool) -> NDArray[np.float64]:
    """How far the torso moved in the picture since the `reference` frame, [N, 2] as fractions of the picture."""
    template, _ = _torso(clip, reference)
    warp = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, ENOUGH)
    moves = np.zeros((len(clip), 2))
    torsos = tqdm(_torsos(clip), "torso", len(clip), unit="frame", disable=not progress)
    for frame, (picture, mask) in enumerate(torsos):
        try:
            alike, found = cv2.findTransformECC(template, picture, warp.copy(), cv2.MOTION_TRANSLATION, stop, mask, 1)
        except cv2.error:  # what it raises where it does not converge
            alike, found = 0.0, warp
        warp = np.asarray(found, np.float32) if alike >= ALIKE else warp
        moves[frame] = warp[:, 2]
    return moves / WIDTH


def _torsos(clip: Clip) -> Iterator[tuple[Array, NDArray[np.uint8]]]:
    """`_torso` of every frame; the next one is read meanwhile."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(_torso, clip, 0)
        for frame in range(len(clip)):
            ready = coming.result()
            if frame + 1 < len(clip):
                coming = reader.submit(_torso, clip, frame + 1)
            yield ready


def _torso(clip: Clip, frame: int) -> tuple[Array, NDArray[np.uint8]]:
    """A frame in grey over white and which of its pixels are below the chin, [WIDTH, WIDTH] both."""
    assert clip.landmarks is not None
    small = cv2.resize(clip.frame(frame), (WIDTH, WIDTH), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    grey = small[..., :3].mean(-1) * small[..., 3] + 1 - small[..., 3]
    mask = np.zeros((WIDTH, WIDTH), np.uint8)
    top = float(clip.landmarks[frame, CHIN, 1]) + BELOW
    mask[int(np.clip(top, 0.0, 0.95) * WIDTH) :] = 1
    return cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.float32), mask
