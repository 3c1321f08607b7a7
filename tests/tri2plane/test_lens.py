"""Rays that are closer over the face: there and back, and where they go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from offline.tri2plane.lens import Lens, face_frame, pixel_centres
from offline.tri2plane.model import Window
from offline.tri2plane.presets import LITE
from offline.tri2plane.rendering import camera_rays
from runtime.contract.axes import portrait_camera
from tests.tri2plane.tiny import TINY
from tests.tri2plane.variants import front_view, model_of

FRAME = torch.tensor([[0.5, 0.16], [0.44, 0.2]])
EVEN = pixel_centres(64, FRAME).expand(2, -1)


def test_a_lens_of_one_changes_nothing() -> None:
    lens = Lens(1.0, FRAME)
    torch.testing.assert_close(lens.seen(EVEN), EVEN)
    torch.testing.assert_close(lens.picture(EVEN), EVEN)
    pictures = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(lens.laid_out(pictures), pictures)


def test_places_are_seen_and_found_again() -> None:
    lens = Lens(4.0, FRAME)
    torch.testing.assert_close(lens.picture(lens.seen(EVEN)), EVEN, atol=1e-6, rtol=0)
    ends = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(lens.seen(ends), ends)


def test_the_face_is_as_many_times_larger_as_was_asked() -> None:
    """By how steep the way to the seen place is in the middle of a narrow frame, and far from it."""
    lens = Lens(4.0, torch.tensor([[0.5, 0.05], [0.5, 0.05]]))
    at = torch.tensor([[0.499, 0.501, 0.01, 0.012]]).expand(2, -1)
    steps = lens.seen(at).diff(dim=1)
    near, far = steps[0, 0] / 0.002, steps[0, 2] / 0.002
    # the soft change takes 1 - 1/√(1 + SOFT²), a tenth, of what is added in the middle
    assert 3.6 < float(near / far) < 3.75


def test_a_picture_is_seen_and_laid_out_again() -> None:
    """A smooth one, as what shrinks far from the face loses what is finer."""
    lens = Lens(4.0, FRAME)
    across, down = torch.meshgrid(EVEN[0], EVEN[0], indexing="xy")
    picture = torch.stack([torch.sin(6 * across), torch.cos(5 * down), across * down])[None]
    seen = lens.looked_at(picture)
    places = lens.picture(EVEN)
    expected = torch.sin(6 * places[0])[None].expand(64, -1)
    torch.testing.assert_close(seen[0, 0], expected, atol=4e-3, rtol=0)  # of linear steps of a 64th of the picture
    inner = np.s_[..., 2:-2, 2:-2]  # the outermost pixels have one neighbour less
    torch.testing.assert_close(lens.laid_out(seen)[inner], picture[inner], atol=0.02, rtol=0)


def test_rays_over_a_face_are_two_millimetres_apart() -> None:
    """Of 128 in a picture of 4.09 dm, 3.2 mm apart if even, through the lens of a clip whose head moves a little."""
    lens = Lens(LITE.lens, torch.tensor([[0.499, 0.185], [0.445, 0.18]]))
    at = torch.tensor([[0.499, 0.5, 0.95, 0.951], [0.445, 0.446, 0.95, 0.951]])
    apart = 409 / 128 * 0.001 / lens.seen(at).diff(dim=1)[:, [0, 2]]
    torch.testing.assert_close(apart, torch.tensor([[2.0, 5.3], [2.0, 5.3]]), atol=0.1, rtol=0)


def test_the_frame_lies_over_the_face() -> None:
    """Of the portrait camera: the head's middle column, a little above the picture's middle row, as wide as a face; it
    grows with how far heads wander."""
    still = face_frame(portrait_camera(), np.zeros((5, 3)))
    assert still[0, 0] == pytest.approx(0.5) and 0.4 < still[1, 0] < 0.5
    assert still[0, 1] == pytest.approx(0.62 * 2.2 / 8.55, abs=1e-3)
    moving = face_frame(portrait_camera(), np.array([[-0.5, 0, 0], [0.5, 0, 0]] * 10))
    assert moving[0, 0] == pytest.approx(0.5) and moving[0, 1] > still[0, 1] + 0.1
    assert moving[1, 1] == pytest.approx(float(still[1, 1]), abs=1e-3)


def test_rays_go_where_the_picture_is_seen() -> None:
    """Those of a window are the picture's own."""
    model = model_of(replace(TINY, lens=4.0))
    assert model.lens is not None
    _, intrinsics, extrinsics = front_view(1)
    whole = model.places(8, intrinsics, None)
    assert whole is not None
    torch.testing.assert_close(whole, model.lens.picture(pixel_centres(8, whole).expand(1, 2, -1)))
    window = Window(torch.tensor([[0.25, 0.5]]), 0.5)
    part = model.places(4, intrinsics, window)
    _, rays = camera_rays(intrinsics, extrinsics, 8, whole)
    _, inner = camera_rays(intrinsics, extrinsics, 4, part)
    torch.testing.assert_close(inner.reshape(4, 4, 3), rays.reshape(8, 8, 3)[4:, 2:6], atol=1e-6, rtol=1e-5)


def test_without_its_lens_a_renderer_is_even() -> None:
    model = model_of(replace(TINY, lens=4.0))
    even = model.evenly()
    assert even.lens is None and even.places(8, front_view(1)[1], None) is None
    assert model.lens is not None and even.decoder is model.decoder
    assert "lens.frame" in model.state_dict() and "lens.frame" not in even.state_dict()
