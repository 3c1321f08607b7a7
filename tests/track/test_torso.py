"""Shoulders that move by themselves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from offline.clip import Clip, ClipInfo
from offline.track.torso import torso_shifts
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.window import slide_translation
from offline.warp.neck import NeckWarp
from runtime.contract.axes import Neck, portrait_camera

SIZE = 128
PIXEL = 9.0 / 2.2 / SIZE
"""dm at the head's distance that a pixel of the portrait camera's picture spans."""
STEPS = np.array([(0, 0), (2, 0), (4, 1), (5, 3), (4, 4), (2, 2), (3, 2), (3, 1), (3, 2), (3, 2)], float)
"""(right, down) of the shoulders in ten frames, pixels; the median is (3, 2)."""


def clip_of(folder: Path, heads: np.ndarray, shoulders: np.ndarray) -> Clip:
    """A disc above a collared half-disc; `heads` [N, 3] are translations in dm, `shoulders` [N, 2] places in pixels."""
    n = len(heads)
    chin = np.full((n, 478, 3), 0.5)
    arrays = {"expression": np.zeros((n, 52)), "detail": np.zeros((n, 8)), "rotation": np.tile([0.0, 0, 0, 1], (n, 1)),
              "translation": heads, "timestamp": np.arange(n) / 25, "landmarks": chin}  # fmt: skip
    clip = Clip.create(folder, ClipInfo(SIZE, 25.0, n, "video", "disc", "synthetic", portrait_camera()), arrays)
    for i, (x, y) in enumerate(shoulders):
        picture = np.zeros((SIZE, SIZE, 4), np.uint8)
        middle = (64 + int(x), 120 + int(y))
        cv2.ellipse(picture, middle, (52, 40), 0, 0, 360, (40, 40, 60, 255), -1)
        cv2.ellipse(picture, (middle[0], middle[1] - 36), (14, 12), 0, 0, 360, (220, 180, 160, 255), -1)
        cv2.circle(picture, (64, 40), 22, (210, 170, 140, 255), -1)
        clip.write_frame(i, picture)
    return clip


def test_shoulders_that_move_under_a_still_head(tmp_path: Path) -> None:
    found = torso_shifts(clip_of(tmp_path / "clip", np.zeros((10, 3)), STEPS), np.zeros(10, int), progress=False)
    expected = (STEPS - np.median(STEPS, 0)) * [PIXEL, -PIXEL]
    # The smoothing takes up to a pixel off steps as sudden as these.
    np.testing.assert_allclose(found[:, :2], expected, atol=1.0 * PIXEL)
    assert np.corrcoef(found[:, 0], expected[:, 0])[0, 1] > 0.97
    assert np.corrcoef(found[:, 1], expected[:, 1])[0, 1] > 0.95
    assert np.abs(found[:, 2]).max() < 1e-6


def test_a_cut_is_not_smoothed_over(tmp_path: Path) -> None:
    shoulders = np.repeat([[0, 0], [6, 0]], 5, axis=0)
    clip = clip_of(tmp_path / "clip", np.zeros((10, 3)), shoulders)
    steps = [torso_shifts(clip, cut, progress=False)[:, 0] for cut in (np.arange(10) // 5, np.zeros(10, int))]
    apart, joined = (float(each[5] - each[4]) / PIXEL for each in steps)
    assert abs(apart - 6) < 0.5 and joined < 5


def test_shoulders_that_go_with_the_head_have_no_shift_of_their_own(tmp_path: Path) -> None:
    heads = np.column_stack([STEPS * [PIXEL, -PIXEL], np.zeros(10)])
    found = torso_shifts(clip_of(tmp_path / "clip", heads, STEPS), np.zeros(10, int), progress=False)
    # The neck is 0.35 dm behind the head's origin, so that it moves by 4 % less in the picture.
    np.testing.assert_allclose(found, 0, atol=0.3 * PIXEL)


def test_the_shift_moves_the_chest_and_not_the_face() -> None:
    pose = torch.eye(3, 4)[None]
    shifted = torch.cat([pose, torch.tensor([0.2, -0.1, 0.0]).reshape(1, 3, 1)], 2)
    face, chest = torch.tensor([0.0, 0.3, 0.4]), torch.tensor([0.5, Neck().low - 0.8, 0.0])
    moved = NeckWarp()(torch.stack([face, chest])[None], shifted)[0]
    torch.testing.assert_close(moved, torch.stack([face, chest - torch.tensor([0.2, -0.1, 0.0])]))


def test_a_batch_carries_it_and_the_sliding_window_keeps_it(tmp_path: Path) -> None:
    clip = clip_of(tmp_path / "clip", np.zeros((3, 3)), np.zeros((3, 2)))
    assert not load_batch(clip, np.array([1])).pose[0, :, 4].any()
    shift = np.array([[0, 0, 0], [0.1, 0.2, 0], [0, 0, 0]], np.float32)
    batch = load_batch(Clip.open(clip.with_torso(shift).folder), np.array([1]))
    np.testing.assert_array_equal(batch.pose[0, :, 4], shift[1])
    moved = slide_translation(batch.pose, batch.intrinsics, batch.extrinsics, torch.tensor([0.1]), torch.tensor([0.0]))
    assert torch.equal(moved[:, :, 4], batch.pose[:, :, 4]) and not torch.equal(moved, batch.pose)
