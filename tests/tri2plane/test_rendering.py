"""Ray casting and compositing, by hand."""

from __future__ import annotations

import math

import numpy as np
import torch

from offline.tri2plane.rendering import camera_rays, composite_weights, even_depths, guided_interval
from runtime.contract.axes import portrait_camera


def test_three_samples_by_hand() -> None:
    half = math.log(2)  # an optical thickness that lets half the light through
    weights = composite_weights(torch.tensor([half, half, half])[None, :, None])
    torch.testing.assert_close(weights[0, :, 0], torch.tensor([0.5, 0.25, 0.125]))


def test_weights_add_up_to_the_opacity_and_no_wall_stands_behind() -> None:
    optical = torch.tensor([0.1, 0.0, 0.7])[None, :, None]
    opacity = 1 - math.exp(-0.8)
    assert math.isclose(composite_weights(optical).sum().item(), opacity, rel_tol=1e-6)
    assert composite_weights(torch.zeros(1, 5, 1)).sum() == 0


def test_behind_an_infinitely_dense_sample_nothing_is_seen() -> None:
    half = math.log(2)
    optical = torch.tensor([half, math.inf, 0.0, half, math.inf])[None, :, None].requires_grad_()
    weights = composite_weights(optical)
    assert weights[0, :, 0].tolist() == [0.5, 0.5, 0, 0, 0]
    (weights * torch.arange(5.0)[None, :, None]).sum().backward()
    assert optical.grad is not None and optical.grad[0, :, 0].tolist() == [-0.5, 0, 0, 0, 0]


def test_the_opaque_limit_changes_no_weight() -> None:
    torch.manual_seed(0)
    optical = torch.rand(2, 7, 50) ** 8 * 400
    s = optical.shape[1]
    expected = torch.exp(-(torch.tril(torch.ones(s, s), -1) @ optical)) * (1 - torch.exp(-optical))
    assert (optical > 128).any() and torch.equal(composite_weights(optical), expected)


def test_weights_equal_the_running_product() -> None:
    torch.manual_seed(0)
    optical = torch.rand(2, 7, 5) * 3
    alpha = 1 - torch.exp(-optical)
    before = torch.cumprod(torch.cat([torch.ones(2, 1, 5), 1 - alpha[:, :-1]], 1), 1)
    torch.testing.assert_close(composite_weights(optical), before * alpha)


def test_rays_are_the_contracts() -> None:
    camera = portrait_camera(0.3, -0.2)
    origins, directions = camera_rays(
        torch.from_numpy(camera.intrinsics)[None], torch.from_numpy(camera.extrinsics)[None], 6
    )
    origin, expected = camera.rays(6)
    np.testing.assert_allclose(origins[0].numpy(), origin, atol=1e-5)
    np.testing.assert_allclose(directions[0].numpy().reshape(6, 6, 3), expected, atol=1e-6)


def test_depths_are_the_middles_of_equal_intervals() -> None:
    depths, step = even_depths(torch.tensor([[8.0]]), torch.tensor([[10.0]]), 4, jitter=False)
    assert depths[0, :, 0].tolist() == [8.25, 8.75, 9.25, 9.75] and step.item() == 0.5


def test_jitter_stays_within_its_interval() -> None:
    torch.manual_seed(0)
    depths, _ = even_depths(torch.zeros(1, 50), torch.ones(1, 50), 4, jitter=True)
    edges = torch.arange(5) / 4
    assert (depths >= edges[:4, None]).all() and (depths <= edges[1:, None]).all()


def one_wall(where: int, size: int = 4, samples: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A guide whose rays over the left half meet an opaque wall at sample `where`, and nothing on the right."""
    depths, step = even_depths(torch.full((1, size * size), 0.0), torch.full((1, size * size), 8.0), samples, False)
    weights = torch.zeros(1, samples, size, size)
    weights[:, where, :, : size // 2] = 1
    return weights.reshape(1, samples, -1), depths, step


def test_the_guide_leads_to_the_wall() -> None:
    near, far = guided_interval(*one_wall(3), 4, 8)
    near, far = near.reshape(8, 8), far.reshape(8, 8)
    # the wall is at 3.5 with no spread: one guide step of 1 to either side, also for the neighbours' neighbours
    assert near[0, 0] == 2.5 and far[0, 0] == 4.5
    assert near[0, 5] == 2.5 and far[0, 5] == 4.5


def test_where_nothing_was_met_the_whole_range_stands() -> None:
    near, far = guided_interval(*one_wall(3), 4, 8)
    assert near.reshape(8, 8)[0, 7] == 0.5 and far.reshape(8, 8)[0, 7] == 7.5
