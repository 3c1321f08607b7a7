"""A run on the frames of its clip that it never saw."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.clip import Clip
from offline.evaluate.metrics import landmark_error, psnr, ssim
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.preview import on_white, predict
from runtime.tracking.mesh import FaceMesh


@dataclass(frozen=True)
class HeldOut:
    """Means over the held-out frames."""

    frames: int
    psnr: float
    """dB, over white."""
    psnr_5th: float
    """The 5th percentile over the frames, dB."""
    ssim: float
    landmark_px: float | None
    """Mean distance of MediaPipe's 478 landmarks on the rendering and on the frame, pixels at 512²; None where no pair
    of faces was found."""
    faces: int
    """Frames in which a face was found, of those that count for `landmark_px`."""
    faces_lost: int
    """Of these, frames in which none was found on the rendering."""


def evaluate(run: Run, clip: Clip, count: int | None = None, worst: Path | None = None) -> HeldOut:
    """Metrics on `count` evenly spaced held-out frames (all by default); writes the worst frames beside their truth."""
    indices = np.array(clip.test)
    if count is not None and count < len(indices):
        indices = indices[np.linspace(0, len(indices) - 1, count).astype(int)]
    scores: list[tuple[float, float]] = []
    distances: list[float] = []
    faces = lost = 0
    pairs: list[tuple[float, NDArray[np.float32]]] = []
    with FaceMesh() as mesh:
        for index in tqdm(indices, desc="eval", unit="frame"):
            batch = load_batch(clip, np.array([index]))
            truth, prediction = (
                on_white(p)[0].clamp(0, 1).permute(1, 2, 0).numpy() for p in (batch.picture, predict(run, batch))
            )
            scores.append((psnr(prediction, truth), ssim(prediction, truth)))
            pairs.append((scores[-1][0], np.concatenate([truth, prediction], 1)))
            pairs = sorted(pairs, key=lambda p: p[0])[:6]
            expected, found = (_still_landmarks(mesh, p) for p in (truth, prediction))
            if expected is not None:
                faces += 1
                lost += found is None
                if found is not None:
                    distances.append(landmark_error(found, expected))
    if worst is not None:
        sheet = np.concatenate([picture for _, picture in pairs])
        cv2.imwrite(str(worst), cv2.resize((sheet[..., ::-1] * 255).astype(np.uint8), None, fx=0.5, fy=0.5))
    table = np.array(scores)
    mean = float(np.mean(distances)) if distances else None
    return HeldOut(
        len(indices), float(table[:, 0].mean()), float(np.percentile(table[:, 0], 5)), float(table[:, 1].mean()),
        mean, faces, lost,
    )  # fmt: skip


def _still_landmarks(mesh: FaceMesh, picture: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """Landmarks [478, 3] of one picture, without the memory of another."""
    mesh.reset()
    return mesh.detect((picture * 255 + 0.5).astype(np.uint8), 0.0)


def as_json(result: HeldOut) -> str:
    return json.dumps(asdict(result), indent=1)
