"""Takes the README's pictures: `python -m tests.end_to_end.picture docs/page.png docs/faces.jpg`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from runtime.avatar.loaded import LoadedAvatar
from runtime.commands.demo import DEMOS
from runtime.contract.drive import DriveState, coefficients
from tests.end_to_end.browsing import browsing, wait_for
from tests.end_to_end.process import server_process

PROMPT = "smile and raise your brows for 4 seconds"
BOTH = ("Left", "Right")
FACES: tuple[dict[str, float], ...] = (
    {},
    {f"{name}{side}": value for side in BOTH for name, value in (("mouthSmile", 0.9), ("cheekSquint", 0.5))},
    {"mouthSmileLeft": 0.8, "eyeBlinkLeft": 1.0, "mouthSmileRight": 0.3},
    {"jawOpen": 0.5, "browInnerUp": 0.9, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8, "eyeWideLeft": 0.7,
     "eyeWideRight": 0.7},
    {f"{name}{side}": value for side in BOTH for name, value in (("browDown", 0.9), ("mouthFrown", 0.8))},
    {"jawOpen": 0.35, "tongueOut": 1.0},
)  # fmt: skip
"""At rest, a smile, half of one with a wink, surprise, anger, the tongue."""
SHOWN, GREY = 320, 236
"""Width and height of a face, and the grey behind it."""


def page(target: Path) -> None:
    """The page on the demo avatar, half-way through a prompt."""
    with server_process() as server, browsing(server.url) as shown:
        wait_for(shown, "mien.stats().state === 'live'")
        shown.fill("#prompt", PROMPT)
        shown.press("#prompt", "Enter")
        wait_for(shown, "mien.stats().source === 'prompt'")
        time.sleep(1.5)
        shown.screenshot(path=str(target))


def faces(target: Path) -> None:
    """The demo avatars, a row each, with `FACES`."""
    rows = []
    for bundle in DEMOS:
        renderer = LoadedAvatar.load(bundle).new_renderer()
        row = []
        for named in FACES:
            rgba = renderer.render(DriveState(coefficients(named))).rgba.astype(np.float32)
            seen = rgba[..., :3] + (1 - rgba[..., 3:] / 255) * GREY
            row.append(cv2.resize(seen[20:460, 36:476, ::-1], (SHOWN, SHOWN), interpolation=cv2.INTER_AREA))
        rows.append(np.concatenate(row, 1))
    cv2.imwrite(str(target), np.concatenate(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    page(Path(sys.argv[1]))
    faces(Path(sys.argv[2]))
