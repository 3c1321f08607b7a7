"""Pictures are read as people see them, whatever format they are kept in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from offline import pictures
from offline.pictures import read_picture
from runtime.errors import BadInput

ORIENTATION = 0x112
SUFFIXES = ("jpg", "png", "webp", "tif", "avif")
LEFT_UP = {1: 40, 2: 100, 3: 220, 4: 160, 5: 40, 6: 160, 7: 220, 8: 100}
"""Which of the stored corners (top left 40, top right 100, bottom left 160, bottom right 220) each EXIF orientation
puts at the top left (TIFF 6.0, page 36)."""


def corners() -> np.ndarray:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32], picture[:24, 32:], picture[24:, :32], picture[24:, 32:] = 40, 100, 160, 220
    return picture


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("orientation", list(LEFT_UP))
def test_pictures_are_turned_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(corners()).save(path, exif=exif)
    rgb = read_picture(path)
    assert rgb.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3)) and rgb.dtype == np.uint8
    assert rgb[4, 4].mean() == pytest.approx(LEFT_UP[orientation], abs=4)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif", "gif"])
@pytest.mark.parametrize("behind", [255, 128])
def test_what_is_transparent_shows_what_is_behind_and_not_the_colour_hidden_there(
    suffix: str, behind: int, tmp_path: Path
) -> None:
    rgba = np.full((32, 32, 4), (200, 0, 0, 0), np.uint8)
    rgba[:, :16, 3] = 255
    Image.fromarray(rgba).save(tmp_path / f"a.{suffix}")
    rgb = read_picture(tmp_path / f"a.{suffix}", behind).astype(int)
    assert abs(rgb[16, 4] - [200, 0, 0]).max() <= 6
    assert abs(rgb[16, 28] - behind).max() <= 3


def test_half_transparent_colours_are_mixed(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 4), (200, 100, 0, 51), np.uint8)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png")[4, 4].tolist() == [244, 224, 204]  # a fifth of it before four fifths white


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr"])
def test_every_kind_of_pixel_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(path)
    rgb = read_picture(path)
    assert rgb.shape == (8, 8, 3) and rgb.min() > 250


def test_sixteen_bits_keep_their_shades(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8), 128 * 257, np.uint16))
    assert read_picture(tmp_path / "a.png")[4, 4].tolist() == [128, 128, 128]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_those_of_the_files_own_profile(mode: str, tmp_path: Path) -> None:
    """In a profile whose red and green change places, red is green."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for a, b in ((b"rXYZ", b"-XYZ"), (b"gXYZ", b"rXYZ"), (b"-XYZ", b"gXYZ")):
        profile = profile.replace(a, b)
    Image.new(mode, (8, 8), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=profile)
    assert abs(read_picture(tmp_path / "a.png")[4, 4].astype(int) - [0, 255, 0]).max() <= 3
    Image.new(mode, (8, 8), (255, 0, 0)).save(tmp_path / "b.png", icc_profile=b"no profile")
    assert read_picture(tmp_path / "b.png")[4, 4].tolist() == [255, 0, 0]


def test_of_an_animation_the_first_picture_is_read(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_picture(tmp_path / "a.gif")[4, 4].tolist() == [255, 0, 0]


def test_large_pictures_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(corners()).save(tmp_path / "a.png")
    monkeypatch.setattr(pictures, "LARGEST", 3_000)
    with pytest.raises(BadInput, match="make it smaller"):
        read_picture(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    with pytest.raises(BadInput, match="make it smaller"):
        read_picture(tmp_path / "a.png")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    Image.fromarray(corners()).save(tmp_path / "a.avif")
    Image.fromarray(corners()).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.avif").read_bytes()
    (tmp_path / "b.avif").write_bytes(whole[:-40] + bytes(40))
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:300])
    (tmp_path / "b.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n")
    for name in ("b.avif", "b.jpg", "b.eps", "none.png", "."):
        with pytest.raises(BadInput, match="not a picture that can be read"):
            read_picture(tmp_path / name)
