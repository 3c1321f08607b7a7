"""How good mattes are, where the truth is known: `python -m offline.track.measure_matte CLIP`, a studio clip.

Its frames are put before several walls, with a camera's noise, and cut out again. Printed are the mean difference of
opacity, and the PSNR of what is cut out over white (dB).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.clip import Clip
from offline.metrics import psnr
from offline.track.matte import Matting

NOISE = 0.01
"""Standard deviation of the camera's noise, 0..1."""
Picture = NDArray[np.float64]


def walls(size: int, random: np.random.Generator) -> dict[str, Picture]:
    """Backgrounds [size, size, 3] by name: plain ones, one of the skin's colour, panels, and blots of all colours."""
    v, u = np.mgrid[:size, :size] / size
    panels = 0.65 + 0.1 * ((np.sin(u * 25) > 0.9) | (np.sin(v * 17) > 0.95)) + 0.1 * u
    blots = cv2.GaussianBlur(random.random((size, size, 3)), (0, 0), size / 64) * 6 % 1
    plain = {"grey": (0.72, 0.72, 0.72), "pale": (0.9, 0.9, 0.9), "skin": (0.8, 0.62, 0.5)}
    made = {name: np.broadcast_to(np.array(colour), (size, size, 3)) for name, colour in plain.items()}
    return made | {"panels": panels[..., None] * [1, 0.95, 0.85], "blots": blots}


def measure(clip: Clip, frames: int) -> dict[str, tuple[float, float]]:
    """(mean difference of opacity, PSNR over white in dB) before each wall, over evenly spread frames."""
    random = np.random.default_rng(0)
    chosen = np.linspace(0, len(clip) - 1, frames).astype(int).tolist()
    results = {}
    with Matting() as matting:
        for name, wall in walls(clip.info.size, random).items():
            found = []
            for index in chosen:
                truth = clip.frame(index) / 255
                picture = truth[..., :3] * truth[..., 3:] + wall * (1 - truth[..., 3:])
                seen = (picture + random.normal(size=picture.shape) * NOISE).clip(0, 1)
                matting.forget_frame()
                cut = matting.cut_out(np.round(seen * 255).astype(np.uint8)) / 255
                found.append((np.abs(cut - truth)[..., 3].mean(), psnr(_on_white(cut), _on_white(truth))))
            results[name] = tuple(np.mean(found, 0).tolist())
    return results


def _on_white(rgba: Picture) -> Picture:
    return rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a studio clip, made with: mien studio --demo -o CLIP")
    parser.add_argument("--frames", type=int, default=10)
    args = parser.parse_args()
    for name, (difference, decibels) in measure(Clip.open(args.clip), args.frames).items():
        print(f"{name:8} opacity {difference:.4f}  over white {decibels:.1f} dB")


if __name__ == "__main__":
    main()
