"""A model small enough for tests, and a clip to train it on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from offline.clip import Clip, ClipInfo, drive_arrays
from offline.head_model.dense import DenseHead
from offline.tri2plane.checkpoint import Run, build
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.presets import Preset
from offline.warp.atlas import FaceAtlas, face_atlas
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DETAIL, DriveState, coefficients
from runtime.contract.head_model import HeadModel

TINY = Preset(
    "tiny", picture=64, warp="neck", motion_map=16, encoder=(16, 32, 64, 64), latent=4, style=16, trunk=(8, 8, 8),
    trunk_size=4, plane_channels=8, features=8, hidden=16, rays=16, lens=1.0, samples=4, guide_rays=8, guide_samples=6,
    narrow_rays=16, narrow_samples=4, cells=64, sr_channels=8, sr_blocks=2,
)  # fmt: skip
TINY_FACE = replace(TINY, name="tiny-face", warp="face", encoder=(), lens=4.0)
DETAIL_RANGE = np.array([[-1.0] * DETAIL, [0.5] * DETAIL], np.float32)
CUT = np.array([[False, True], [False, False]])
"""Below."""
BOX = np.array([[-2, -2.4, -1.3], [2, 1.6, 1]], np.float32)


def tiny_clip(folder: Path, frames: int = 10) -> Clip:
    """A disc on a half-disc whose mouth opens and closes."""
    states = [DriveState(coefficients({"jawOpen": i % 5 / 4}), timestamp=i / 25) for i in range(frames)]
    info = ClipInfo(64, 25.0, frames, "studio", "disc", "synthetic", portrait_camera())
    clip = Clip.create(folder, info, drive_arrays(states))
    for i in range(frames):
        picture = np.zeros((64, 64, 4), np.uint8)
        cv2.circle(picture, (32, 62), 22, (60, 80, 160, 255), -1)
        cv2.circle(picture, (32, 28), 14, (210, 170, 140, 255), -1)
        cv2.ellipse(picture, (32, 34), (5, 1 + i % 5), 0, 0, 360, (90, 20, 20, 255), -1)
        clip.write_frame(i, picture)
    return clip


def tiny_run(folder: Path, clip: Clip, preset: Preset = TINY, **config: object) -> Run:
    model = HeadModel.load()
    settings = TrainConfig(**{"batch": 2, "whole_every": 1, "warm_up": 20} | config)  # type: ignore[arg-type]
    texture, identity = np.full((16, 16, 3), 0.5, np.float32), np.zeros(len(model.identity), np.float32)
    name = str(clip.folder.resolve())
    return build(
        folder, name, "disc", "synthetic", settings, preset, (BOX, CUT), DETAIL_RANGE, len(clip.train), texture,
        identity, model, mean_atlas() if preset.warp == "face" else None,
    )  # fmt: skip


@cache
def mean_atlas() -> FaceAtlas:
    """That of the average face."""
    return face_atlas(DenseHead.load())
