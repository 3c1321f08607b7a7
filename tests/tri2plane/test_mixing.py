"""3D-aware mixing of planes and the two kinds of lateral sums."""

from __future__ import annotations

from dataclasses import replace

import torch

from offline.tri2plane.generator import StyleGenerator
from offline.tri2plane.layers import upsample
from offline.tri2plane.planes import sample_planes
from offline.tri2plane.to_planes import MixedTriPlane, mix_planes
from runtime.contract.axes import PLANE_AXES
from tests.tri2plane.tiny import TINY

BOX = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])


def test_each_plane_sees_the_others_along_the_axis_it_shares() -> None:
    """Planes that hold one coordinate: what is averaged away must be the other one.

    Plane 0 is (x, y), 1 is (x, z), 2 is (z, y), width first. The value at a texel is 100·x + 10·y + z of the two
    coordinates that the plane has, of which an average over 0, 1, 2 leaves the middle one, 1.
    """
    digits = (100.0, 10.0, 1.0)
    n = torch.arange(3.0)
    planes = torch.stack([digits[a] * n[None, :] + digits[b] * n[:, None] for a, b in PLANE_AXES])[None, :, None]
    mixed = mix_planes(planes)[0]
    assert mixed.shape == (3, 3, 3, 3)
    # plane (x, y) at x = 2, y = 0: itself 200; (x, z) at x = 2, mean over z: 201; (z, y) at y = 0, mean over z: 1
    assert mixed[0, :, 0, 2].tolist() == [200, 201, 1]
    # plane (x, z) at x = 2, z = 0: itself 200; (x, y) at x = 2, mean over y: 210; (z, y) at z = 0, mean over y: 10
    assert mixed[1, :, 0, 2].tolist() == [200, 210, 10]
    # plane (z, y) at z = 2, y = 0: itself 2; (x, y) at y = 0, mean over x: 100; (x, z) at z = 2, mean over x: 102
    assert mixed[2, :, 0, 2].tolist() == [2, 100, 102]


def test_mixed_planes_depend_on_each_other_and_keep_their_order() -> None:
    torch.manual_seed(0)
    layer = MixedTriPlane(5, 4, 6, rounds=2)
    x, style = torch.randn(2, 5, 8, 8), torch.randn(2, 6)
    got = layer(x, style)
    assert got.shape == (2, 12, 8, 8)
    alone = layer(x[1:], style[1:])  # a batch must not mix
    torch.testing.assert_close(got[1:], alone, atol=1e-5, rtol=1e-4)


def test_a_level_for_summed_features_is_what_its_own_block_adds() -> None:
    torch.manual_seed(0)
    summed, apart = StyleGenerator(TINY), StyleGenerator(replace(TINY, lateral="features"))
    apart.load_state_dict(summed.state_dict())
    style = torch.randn(1, TINY.style)
    whole, own = summed.side_by_side(style), apart.side_by_side(style)
    assert torch.equal(whole[0], own[0])
    for level in (1, 2):
        torch.testing.assert_close(whole[level], own[level] + upsample(whole[level - 1]))


def test_summing_planes_and_summing_features_agree_at_the_texels_of_the_finer_plane() -> None:
    torch.manual_seed(0)
    coarse, fine = torch.randn(1, 3, 2, 4, 4), torch.randn(1, 3, 2, 8, 8)
    merged = upsample(coarse.flatten(1, 2)).unflatten(1, (3, 2)) + fine

    def difference(points: torch.Tensor) -> torch.Tensor:
        apart = sample_planes(coarse, points, BOX) + sample_planes(fine, points, BOX)
        return (sample_planes(merged, points, BOX) - apart).abs()

    centres = (torch.arange(8) + 0.5) / 4 - 1
    grid = torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij"), -1).reshape(1, -1, 3)
    assert difference(grid).max() < 1e-5
    anywhere = torch.rand(1, 4000, 3) * 2 - 1
    # Doubling cuts the corners of the piecewise linear function, by an eighth of its second difference along each of
    # the two axes of each of the three planes.
    bends = sum(coarse.diff(n=2, dim=axis).abs().amax() / 8 for axis in (3, 4)) * 3
    assert 0 < difference(anywhere).max() <= bends
