"""Mattes of pictures whose opacity is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from offline.track.matte import Matting, on_colour_lines, person_colour
from offline.track.measure_matte import measure
from tests.tri2plane.tiny import tiny_clip

SIZE = 128
PERSON, WALL = np.array([0.2, 0.1, 0.05]), np.array([0.8, 0.75, 0.7])
ACROSS = np.tile(np.arange(SIZE) + 0.5, (SIZE, 1))


def ramp(middle: float, half: float) -> np.ndarray:
    """Opacity that falls from 1 to 0 over 2 · half pixels around the column `middle`."""
    return ((middle + half - ACROSS) / (2 * half)).clip(0, 1).astype(np.float32)


def mixed(alpha: np.ndarray, wall: np.ndarray = WALL) -> np.ndarray:
    return (PERSON * alpha[..., None] + wall * (1 - alpha[..., None])).astype(np.float32)


def test_the_edge_is_where_the_colours_say() -> None:
    """The segmentation is two pixels off and hard; the colours mix over six pixels."""
    true = ramp(64, 3)
    found = on_colour_lines(mixed(true), (ramp(66, 0.5) > 0.5).astype(np.float32))
    # A pixel of the two is left: at this size what counts as surely known reaches into the ramp.
    assert abs(found[64].sum() - true[64].sum()) < 1.3
    assert ((found[64] > 0.05) & (found[64] < 0.95)).sum() >= 3


def test_where_colours_are_alike_the_segmentation_stands() -> None:
    coarse = (ramp(70, 0.5) > 0.5).astype(np.float32)
    noise = np.random.default_rng(0).normal(size=(SIZE, SIZE, 3)).astype(np.float32) * 0.02
    found = on_colour_lines(mixed(ramp(64, 3), PERSON + 0.01) + noise, coarse)
    assert found[:, 68].mean() > 0.9 and found[:, 71].mean() < 0.1


def test_half_covered_pixels_lose_the_walls_colour() -> None:
    alpha = ramp(64, 4)
    colour = person_colour(mixed(alpha), alpha)
    covered = alpha[64] > 0.2
    before, after = (np.abs(each[64, covered] - PERSON).max() for each in (mixed(alpha), colour))
    assert before > 0.4 and after < 0.4 * before


def test_the_matte_of_an_empty_wall_is_empty() -> None:
    with Matting() as matting:
        cut = matting.cut_out(np.full((128, 128, 3), 200, np.uint8))
    assert cut.shape == (128, 128, 4) and cut[..., 3].max() < 128


def figure(middle: int) -> np.ndarray:
    """Somebody before a pale wall, as a child would draw them."""
    picture = np.full((256, 256, 3), 220, np.uint8)
    cv2.ellipse(picture, (middle, 260), (70, 90), 0, 0, 360, (40, 50, 120), -1)
    cv2.ellipse(picture, (middle, 120), (38, 52), 0, 0, 360, (225, 175, 150), -1)
    cv2.ellipse(picture, (middle, 85), (42, 30), 0, 180, 360, (60, 40, 30), -1)
    for x, y in ((-14, 112), (14, 112), (0, 145)):
        cv2.ellipse(picture, (middle + x, y), (7, 4), 0, 0, 360, (60, 30, 30), -1)
    return picture


def test_a_forgotten_picture_leaves_nothing_in_the_next() -> None:
    with Matting() as fresh, Matting() as used:
        expected = fresh.matte(figure(150))
        used.matte(figure(100))
        assert not np.array_equal(used.matte(figure(150)), expected)
        used.matte(figure(100))
        used.forget_frame()
        np.testing.assert_array_equal(used.matte(figure(150)), expected)


def test_mattes_are_measured_before_every_wall(tmp_path: Path) -> None:
    found = measure(tiny_clip(tmp_path / "clip"), frames=1)
    assert len(found) == 5
    assert all(0 <= difference < 0.5 and 5 < decibels < 60 for difference, decibels in found.values())
