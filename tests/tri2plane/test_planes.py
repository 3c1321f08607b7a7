"""Fetching from planes, by hand and against each other."""

from __future__ import annotations

import torch

from offline.tri2plane.planes import inside_box, plane_coordinates, sample_planes

BOX = torch.tensor([[-1.0, -2.0, -4.0], [1.0, 2.0, 4.0]])


def test_each_plane_sees_its_own_pair_of_axes() -> None:
    point = torch.tensor([[[0.1, 0.4, 1.2]]])  # 0.1, 0.2 and 0.3 of the way from the middle to the edge
    expected = torch.tensor([[0.1, 0.2], [0.1, 0.3], [0.3, 0.2]])
    torch.testing.assert_close(plane_coordinates(point, BOX)[0, :, 0], expected)


def test_a_ramp_along_each_axis_is_read_where_the_point_is() -> None:
    """A plane of 4 texels holding its own column's centre: bilinear sampling gives back the coordinate."""
    centres = torch.tensor([-0.75, -0.25, 0.25, 0.75])
    planes = torch.zeros(1, 3, 1, 4, 4)
    planes[0, 0, 0] = centres  # varies along the width: x
    planes[0, 2, 0] = 10 * centres[:, None]  # varies along the height: y
    point = torch.tensor([[[0.3, -1.0, 0.0]]])
    assert torch.isclose(sample_planes(planes, point, BOX)[0, 0, 0], torch.tensor(0.3 - 5.0))


def test_gradients_reach_the_planes() -> None:
    planes = torch.zeros(1, 3, 2, 8, 8, requires_grad=True)
    sample_planes(planes, torch.zeros(1, 1, 3), BOX).sum().backward()
    assert planes.grad is not None
    assert torch.isclose(planes.grad.sum(), torch.tensor(6.0))  # three planes, two channels, weights that add to one


def test_inside_is_all_three_axes() -> None:
    points = torch.tensor([[0.0, 0, 0], [1.1, 0, 0], [0, -2.1, 0], [0, 0, 4.1], [1, 2, 4]])
    assert inside_box(points, BOX).tolist() == [1, 0, 0, 0, 1]
