"""Windows and the sliding window against projection by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.registration import phase_cross_correlation
from torch import Tensor

from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.planes import sample_planes
from offline.tri2plane.rendering import camera_rays
from offline.tri2plane.window import slide_translation, window_intrinsics
from offline.warp.face import Warped
from runtime.contract.axes import Camera, portrait_camera, pose_matrix, quaternion_from_rotation, rotation_from_angles
from tests.tri2plane.tiny import BOX, DETAIL_RANGE, TINY


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


@pytest.mark.parametrize("seed", range(5))
def test_equation_9_against_projection(seed: int) -> None:
    """Any camera, any pose: every point at the depth of the head's origin moves by the asked pixels exactly."""
    rng = np.random.default_rng(seed)
    orbit = portrait_camera(*rng.uniform(-0.6, 0.6, 2))
    roll = rotation_from_angles(0, 0, rng.uniform(-1, 1))
    camera = Camera(np.array([2.2, 1.7, 0.45, 0.6], np.float32), (roll @ orbit.extrinsics).astype(np.float32))
    rotation = quaternion_from_rotation(rotation_from_angles(*rng.uniform(-0.7, 0.7, 3)))
    pose = pose_matrix(rotation, rng.uniform(-0.4, 0.4, 3))
    pixels = rng.uniform(-112, 112, 2)
    shift = (torch.tensor([v / 512], dtype=torch.float32) for v in pixels)
    moved = slide_translation(torch.from_numpy(pose)[None], *tensors(camera), *shift)[0].numpy()
    # points of the head that lie, in camera space, in the plane of its origin
    aside = np.concatenate([rng.uniform(-1, 1, (20, 2)), np.zeros((20, 1))], 1) @ camera.extrinsics[:, :3]
    head = aside @ pose[:, :3]
    before, after = (camera.project(head @ p[:, :3].T + p[:, 3]) for p in (pose, moved))
    np.testing.assert_allclose((after - before) * 512, np.tile(pixels, (20, 1)), atol=0.01)  # float32 at some 9 dm


class Poster(Tri2Plane):
    """A flat head: what its first plane holds, on a sheet through the head's origin that faces the camera."""

    def density(
        self, planes: Sequence[Tensor], world: Tensor, pose: Tensor, *given: Tensor | Warped | None
    ) -> tuple[Tensor, Tensor]:
        b, s, n, _ = world.shape
        points = self.warp(world.reshape(b, s * n, 3), pose)
        inside = (points.abs() < torch.tensor([1.2, 1.2, 0.02])).all(-1)
        feature = sample_planes(planes[0], points * torch.tensor([1.0, 1.0, 0.0]), self.box)
        return inside.reshape(b, s, n) * 500.0, feature.reshape(b, s, n, -1)


def test_a_slide_of_100_pixels_renders_100_pixels_aside() -> None:
    """Through the real renderer at 512²: displacement by phase correlation, to a twentieth of a pixel."""
    torch.manual_seed(0)
    preset = replace(
        TINY, picture=512, rays=512, patches=4, guide_rays=128, guide_samples=128, narrow_samples=0, samples=4
    )
    model = Poster(preset, torch.from_numpy(BOX), torch.from_numpy(DETAIL_RANGE)).eval()
    texture = torch.nn.functional.interpolate(torch.randn(3, 8, 32, 32), size=(128, 128), mode="bicubic")[None]
    camera = portrait_camera()
    pose = torch.eye(3, 4)[None]
    moved = slide_translation(pose, *tensors(camera), torch.tensor([100 / 512]), torch.tensor([-60 / 512]))
    with torch.no_grad():
        before, after = (model.whole([texture] * 3, p, *tensors(camera)).features[0, 0].numpy() for p in (pose, moved))
    assert before.std() > 0.01
    found = -phase_cross_correlation(before, after, upsample_factor=20)[0]
    np.testing.assert_allclose(found, (-60, 100), atol=0.5)
    # and the picture itself is the shifted one, but for what resampling the texture does
    error = np.abs(after[10:440, 110:500] - before[70:500, 10:400])
    assert error.mean() < 0.05 * before.std()
