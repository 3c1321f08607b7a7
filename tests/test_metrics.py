"""Metrics on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from offline.metrics import flicker, flip, frayed, gradient, landmark_error, psnr, sharpness, ssim


def grey(*rows: list[float]) -> NDArray[np.float64]:
    """A grey picture [H, W, 3] of 8-bit levels."""
    return np.repeat(np.array(rows, np.float64)[..., None], 3, -1) / 255


def test_psnr_of_a_tenth_is_twenty() -> None:
    assert psnr(np.full((4, 4, 3), 0.6), np.full((4, 4, 3), 0.5)) == pytest.approx(20.0)
    assert psnr(np.ones((4, 4, 3)), np.ones((4, 4, 3))) == pytest.approx(100.0)


def test_ssim_of_constants_is_the_luminance_term() -> None:
    a, b = 0.25, 0.75  # (2ab + C1) / (a² + b² + C1) with C1 = 0.01²
    assert ssim(np.full((16, 16, 3), a), np.full((16, 16, 3), b)) == pytest.approx(
        (2 * a * b + 1e-4) / (a * a + b * b + 1e-4), rel=1e-6
    )


def test_flip_is_zero_for_equal_pictures_and_one_for_opposite_ones() -> None:
    green, blue = (np.zeros((8, 8, 3), np.float32) for _ in range(2))
    green[..., 1], blue[..., 2] = 1, 1
    assert flip(green, green)[0] == 0.0
    mean, error = flip(green, blue)  # the pair that FLIP's colour distance takes for its largest
    assert error.shape == (8, 8) and mean == pytest.approx(1.0, abs=0.01)


def test_a_disc_frays_by_what_sticks_out_and_what_is_cut_in() -> None:
    across, down = np.meshgrid(np.arange(128), np.arange(128))
    disc = (np.hypot(across - 64, down - 64) < 40).astype(float)
    whole = frayed(disc)
    assert whole < 100  # of 16 for each pixel here
    torn = disc.copy()
    torn[64, 104:118] = 1  # a hair
    torn[62:64, 30:60] = 0  # and a crack
    assert frayed(torn) - whole == pytest.approx(16 * (14 + 60), rel=0.1)
    assert frayed(np.ones((64, 64))) == frayed(np.zeros((64, 64))) == 0


def test_gradient_is_the_step_down_and_the_step_right() -> None:
    picture = grey([0, 10, 10], [5, 10, 30], [0, 0, 0])
    assert gradient(picture).round(6).tolist() == [[15, 0], [10, 30]]


def test_sharpness_tells_a_missing_edge_from_one_that_moved() -> None:
    edge, moved, flat = grey(*[[0.0, 0, 40, 40]] * 3), grey(*[[0.0, 40, 40, 40]] * 3), grey(*[[0.0, 0, 0, 0]] * 3)
    # two rows of three pixels, one of them at the edge: 40 / 3 levels where it is missing, twice that where it moved
    assert sharpness(flat, edge) == pytest.approx((40 / 3, -100.0))
    assert sharpness(moved, edge) == pytest.approx((80 / 3, 0.0))
    assert sharpness(edge, edge) == (0.0, 0.0)


def test_flicker_counts_change_that_the_truth_does_not_show() -> None:
    a, b = grey([0, 0], [0, 0]), grey([20, 0], [0, 8])
    assert flicker((a, b), (a, a)) == pytest.approx(28 / 4)
    assert flicker((a, b), (a, b)) == 0.0
    assert flicker((a, a), (a, b)) == 0.0  # a still prediction of a moving truth is an error, no flicker


def test_landmark_error_is_in_pixels_of_a_picture_of_512() -> None:
    truth = np.zeros((478, 3))
    assert landmark_error(truth + np.array([3 / 512, 4 / 512, 1.0]), truth) == pytest.approx(5.0)
