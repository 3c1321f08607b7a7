"""Windows and the sliding window against projection by hand."""

from __future__ import annotations

import numpy as np
import torch

from offline.tri2plane.rendering import camera_rays
from offline.tri2plane.window import slide_translation, window_intrinsics
from runtime.contract.axes import Camera, portrait_camera, pose_matrix, quaternion_from_rotation, rotation_from_angles


def tensors(camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(camera.intrinsics)[None], torch.from_numpy(camera.extrinsics)[None]


def test_a_windows_rays_are_the_pictures_own() -> None:
    intrinsics, extrinsics = tensors(portrait_camera(0.1, 0.2))
    _, whole = camera_rays(intrinsics, extrinsics, 8)
    window = window_intrinsics(intrinsics, torch.tensor([0.25]), torch.tensor([0.5]), 0.5)
    _, part = camera_rays(window, extrinsics, 4)
    expected = whole.reshape(8, 8, 3)[4:8, 2:6]
    torch.testing.assert_close(part.reshape(4, 4, 3), expected, atol=1e-6, rtol=1e-5)


def test_sliding_moves_the_heads_origin_by_exactly_the_shift() -> None:
    camera = portrait_camera(0.2, -0.1)
    rotation = quaternion_from_rotation(rotation_from_angles(0.4, 0.2, 0.1))
    pose = pose_matrix(rotation, np.array([0.1, -0.2, 0.5]))
    dx, dy = 100 / 512, -60 / 512
    moved = slide_translation(torch.from_numpy(pose)[None], *tensors(camera), torch.tensor([dx]), torch.tensor([dy]))[
        0
    ].numpy()
    before, after = camera.project(pose[:, 3]), camera.project(moved[:, 3])
    np.testing.assert_allclose((after - before) * 512, (100, -60), atol=1e-2)
    np.testing.assert_array_equal(moved[:, :3], pose[:, :3])


def test_no_shift_is_no_change() -> None:
    pose = torch.eye(3, 4)[None]
    torch.testing.assert_close(
        slide_translation(pose, *tensors(portrait_camera()), torch.zeros(1), torch.zeros(1)), pose
    )
