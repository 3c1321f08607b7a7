"""Hand-worked distances, and tracing of shapes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from offline.studio.fields import Points, cone, ellipsoid, ramp, smax, smin
from offline.studio.trace import normals, trace
from offline.studio.warp import to_head
from runtime.contract.axes import Neck, portrait_camera, rotation_from_angles


def points(*rows: tuple[float, float, float]) -> Points:
    return Points(*torch.tensor(rows).T.contiguous())


def ball(p: Points) -> Tensor:
    return torch.sqrt(p.x**2 + p.y**2 + p.z**2) - 1.0


def test_sphere_distance_along_axes() -> None:
    d = ellipsoid(points((3, 0, 0), (0, 1, 0), (0, 0, 0.5)), (0, 0, 0), (1, 1, 1))
    torch.testing.assert_close(d, torch.tensor([2.0, 0.0, -0.5]))


def test_cone_is_a_capsule_of_changing_radius() -> None:
    d = cone(points((1, 0, 0), (1, 2, 0), (0, 3, 0)), (0, 0, 0), (0, 2, 0), 0.5, 0.25)
    torch.testing.assert_close(d, torch.tensor([0.5, 0.75, 0.75]))


def test_smooth_minimum_rounds_by_a_quarter_of_k_and_leaves_the_rest() -> None:
    a, b = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0])
    torch.testing.assert_close(smin(a, b, 0.4), torch.tensor([-0.1, 1.0]))
    torch.testing.assert_close(smax(a, b, 0.4), torch.tensor([0.1, 3.0]))


def test_ramp_runs_either_way() -> None:
    x = torch.tensor([-1.0, 0.5, 2.0])
    torch.testing.assert_close(ramp(x, 0.0, 1.0), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(ramp(x, 1.0, 0.0), torch.tensor([1.0, 0.5, 0.0]))


def test_traced_sphere_has_the_worked_depth_and_normal() -> None:
    origin = torch.tensor([0.0, 0.0, 9.0])
    # Straight at it: depth 8. Past it: a miss whose nearest approach is its slope. At half its height: depth 9 - √0.75.
    directions = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.5, -1.0]]).T.contiguous()
    hits = trace(ball, origin, directions, torch.full((2,), 5.0), 13.0, tolerance=1e-4)
    assert hits.hit.tolist() == [True, False]
    assert hits.depth[0].item() == pytest.approx(8.0, abs=2e-4)
    parallel = trace(ball, torch.tensor([0.0, 0.5, 9.0]), directions[:, :1], torch.tensor([5.0]), 13.0, tolerance=1e-4)
    assert parallel.depth[0].item() == pytest.approx(9 - 0.75**0.5, abs=3e-4)
    at = points((0, 0.5, 0.75**0.5))
    assert normals(ball, at, ball(at), 1e-3).y.item() == pytest.approx(0.5, abs=2e-3)


def test_a_start_inside_is_taken_back_to_the_surface() -> None:
    directions = torch.tensor([[0.0], [0.0], [-1.0]])
    hits = trace(ball, torch.tensor([0.0, 0.0, 9.0]), directions, torch.tensor([8.4]), 13.0, tolerance=1e-4)
    assert hits.hit.item() and hits.depth.item() == pytest.approx(8.0, abs=2e-4)


def test_neck_warp_is_the_contracts() -> None:
    rng = np.random.default_rng(0)
    world = rng.uniform(-2, 2, (500, 3)).astype(np.float32)
    turn = rotation_from_angles(0.6, -0.3, 0.2)
    pose = np.concatenate([turn, [[0.2], [-0.1], [0.5]]], 1).astype(np.float32)
    head, _ = to_head(Points(*torch.from_numpy(world).T.contiguous()), torch.from_numpy(pose), Neck())
    np.testing.assert_allclose(torch.stack(head, 1).numpy(), Neck().to_head(world, pose), atol=1e-5)


def test_rays_are_parametrised_by_depth() -> None:
    camera = portrait_camera(0.4, 0.1)
    origin, directions = camera.rays(8)
    p = origin + directions[2, 5] * 7.0
    assert (p @ camera.extrinsics[2, :3] + camera.extrinsics[2, 3]) == pytest.approx(7.0, abs=1e-5)
