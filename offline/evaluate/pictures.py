"""Pictures that a run makes, as metrics want them: float [P, P, 3] in 0..1, over white."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline.clip import Clip
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.dataset import Batch, load_batch
from offline.tri2plane.preview import on_white, predict
from runtime.contract.axes import Camera
from runtime.contract.drive import DriveState
from runtime.errors import BadInput

Picture = NDArray[np.float32]


def fits(run: Run, clip: Clip) -> None:
    """Raises BadInput where the clip's frames are not of the size that the run renders."""
    if clip.info.size != run.model.preset.picture:
        raise BadInput(
            f"the frames of '{clip.folder}' are {clip.info.size}², the run renders {run.model.preset.picture}²; "
            f"give a clip of that size, made with: mien track VIDEO --size {run.model.preset.picture}"
        )


def truth_and_prediction(run: Run, clip: Clip, index: int) -> tuple[Picture, Picture]:
    """A frame of the clip, and what the run makes of its drive state under the clip's camera."""
    batch = load_batch(clip, np.array([index]))
    return over_white(batch.picture), over_white(predict(run, batch))


def truth(clip: Clip, index: int) -> Picture:
    """A frame of the clip, whatever its size."""
    return over_white(load_batch(clip, np.array([index])).picture)


def picture_of(run: Run, state: DriveState, camera: Camera) -> Picture:
    """What the run makes of a drive state, seen by a camera."""
    return over_white(rgba_of(run, state, camera))


def rgba_of(run: Run, state: DriveState, camera: Camera) -> Tensor:
    """The same before anything is behind it, premultiplied [1, 4, P, P]."""
    values = (state.expression, state.detail, state.pose, camera.intrinsics, camera.extrinsics)
    expression, detail, pose, intrinsics, extrinsics = (_row(v) for v in values)
    nothing = torch.zeros(1, 4, 0, 0)
    batch = Batch(torch.zeros(1, dtype=torch.int64), nothing, expression, detail, pose, intrinsics, extrinsics)
    return predict(run, batch)


def over_white(premultiplied: Tensor) -> Picture:
    """A premultiplied picture [1, 4, P, P] as metrics want it."""
    return np.asarray(on_white(premultiplied)[0].clamp(0, 1).permute(1, 2, 0).numpy(), np.float32)


def eight_bit(picture: NDArray[np.floating]) -> NDArray[np.uint8]:
    """0..1 → uint8, rounded."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _row(value: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.asarray(value, np.float32))[None]
