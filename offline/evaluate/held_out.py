"""A run on the frames of its clip that it never saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.clip import Clip
from offline.evaluate.judges import Judges, Landmarks, distance
from offline.evaluate.landmarks68 import f_lmd
from offline.evaluate.pictures import Picture, truth_and_prediction
from offline.metrics import flicker, flip, landmark_error, psnr, sharpness, ssim
from offline.tri2plane.checkpoint import Run


@dataclass(frozen=True)
class Scores:
    """The metrics of one frame; None where one cannot be had. Definitions are in `offline.metrics`."""

    psnr: float
    ssim: float
    flip: float
    lpips: float | None
    sharpness_difference: float
    sharpness_balance: float
    f_lmd_px: float | None
    f_lmd_percent: float | None
    landmark_px: float | None
    """On all 478 landmarks, at 512²."""
    identity_distance: float | None
    flicker: float | None
    """From the frame before; None where that was not looked at."""


@dataclass(frozen=True)
class Frame:
    """One held-out frame, looked at."""

    index: int
    truth: Picture
    prediction: Picture
    faces: tuple[Landmarks | None, Landmarks | None]
    """Landmarks on the truth and on the prediction."""
    scores: Scores


def chosen(clip: Clip, count: int | None) -> list[int]:
    """`count` held-out frames, in pairs of neighbours that are evenly spaced; all of them by default."""
    frames = clip.test
    if count is None or count >= len(frames):
        return list(frames)
    starts = np.linspace(0, len(frames) - min(2, count), (count + 1) // 2).astype(int)
    return [frames[i] for i in sorted({int(s) + k for s in starts for k in (0, 1)})[:count]]


def unbroken(indices: Sequence[int]) -> bool:
    """Whether no frame between the first and the last was skipped."""
    return len(indices) == indices[-1] - indices[0] + 1


def look(run: Run, clip: Clip, indices: list[int], judges: Judges) -> Iterator[Frame]:
    """Every frame with its scores, one at a time."""
    last: Frame | None = None
    for index in tqdm(indices, desc="held-out frames", unit="frame"):
        truth, prediction = truth_and_prediction(run, clip, index)
        faces = judges.landmarks(truth), judges.landmarks(prediction)
        shimmer = None
        if last is not None and last.index == index - 1:
            shimmer = flicker((last.prediction, prediction), (last.truth, truth))
        last = Frame(index, truth, prediction, faces, _scores(truth, prediction, faces, judges, shimmer))
        yield last


def _scores(
    truth: Picture, prediction: Picture, faces: tuple[Landmarks | None, Landmarks | None], judges: Judges,
    shimmer: float | None,
) -> Scores:  # fmt: skip
    expected, found = faces
    pixels, percent, all_points = None, None, None
    if expected is not None and found is not None:
        pixels, percent = f_lmd(found, expected)
        all_points = landmark_error(found, expected)
    return Scores(
        psnr(prediction, truth), ssim(prediction, truth), flip(prediction, truth)[0], judges.lpips(prediction, truth),
        *sharpness(prediction, truth), pixels, percent, all_points,
        distance(judges.describe(prediction, found), judges.describe(truth, expected)), shimmer,
    )  # fmt: skip


def columns(scores: Iterable[Scores]) -> dict[str, NDArray[np.float64]]:
    """Each metric over the frames [N], NaN where it could not be had."""
    rows = list(scores)
    return {f.name: np.array([getattr(s, f.name) for s in rows], np.float64) for f in fields(Scores)}


def means(table: dict[str, NDArray[np.float64]]) -> dict[str, float | None]:
    """Means over the frames that have the metric, None where none has; and the 5th percentile of PSNR."""
    found = {name: values[np.isfinite(values)] for name, values in table.items()}
    summary = {name: float(values.mean()) if len(values) else None for name, values in found.items()}
    return summary | {"psnr_5th": float(np.percentile(table["psnr"], 5))}


def faces_found(faces: Iterable[tuple[Landmarks | None, Landmarks | None]]) -> dict[str, int]:
    """`faces`: frames whose truth shows a face; `faces_lost`: of these, those whose rendering shows none."""
    pairs = [(truth, made) for truth, made in faces if truth is not None]
    return {"faces": len(pairs), "faces_lost": sum(made is None for _, made in pairs)}
