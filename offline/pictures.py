"""Reading a picture file as people see it: turned upright, in sRGB, with something behind what is transparent."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from runtime.errors import BadInput
from runtime.media.display import BEHIND, composite
from runtime.media.pixels import Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000")
LARGEST = 40_000_000
"""Pixels that a picture may have."""
MALFORMED = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error)
"""What Pillow raises over files that are not as they should be."""


def read_picture(path: Path, behind: int = BEHIND) -> Pixels:
    """RGB [H, W, 3] of a picture, over a grey of `behind` levels where it is transparent; of an animation the first.

    Raises BadInput where it cannot be read or has more than `LARGEST` pixels.
    """
    Image.init()  # or the rarer formats are not known to `open` yet
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise _too_large(path)
            return _seen(ImageOps.exif_transpose(image), behind)
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except MALFORMED as error:
        raise BadInput(f"'{path}' is not a picture that can be read; give a JPEG or PNG file") from error


def _seen(image: Image.Image, behind: int) -> Pixels:
    if image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
        levels = np.asarray(image).astype(np.int64) // 257
        image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("what its values mean is not said")
    if not image.has_transparency_data:
        return np.array(_srgb(image).convert("RGB"))
    rgba = image.convert("RGBA")
    colours = np.asarray(_srgb(rgba.convert("RGB"), image.info.get("icc_profile")))
    return composite(np.dstack([colours, np.asarray(rgba)[..., 3]]), behind)


def _srgb(image: Image.Image, profile: Any = None) -> Image.Image:
    """The picture's colours on a usual screen; as they are where its profile is none or does not fit it."""
    profile = profile or image.info.get("icc_profile")
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return image if made is None else made


def _too_large(path: Path) -> BadInput:
    return BadInput(f"'{path}' has more than {LARGEST // 1_000_000} million pixels; make it smaller")
