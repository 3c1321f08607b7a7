"""Whether an avatar does what the face on a driving video does, feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.evaluate.avatars import ShownAvatar
from offline.evaluate.face_features import FEATURES, face_features
from offline.evaluate.pictures import eight_bit
from offline.landmarks import still_landmarks
from offline.people import Person, prepared, render
from runtime.commands.render import states_of_video
from runtime.contract.axes import Camera, portrait_camera
from runtime.contract.drive import DriveState
from runtime.errors import BadInput
from runtime.media.pixels import Pixels
from runtime.media.reading import VideoReader
from runtime.tracking.mesh import FaceMesh

LAG = 3
"""Frames that the avatar may lead or lag behind by; smoothing delays it a little."""
FEWEST = 20
"""Frames that a correlation needs."""
GAIN = (0.6, 1.4)
"""The goal for the slope of avatar on driver."""
SIZE = 512
"""Shorter side at which the driver is measured, pixels; larger videos are made smaller."""
BESIDE = 60
"""Frames at most that the subject itself is shown as well."""
SHOWN = 8
"""Frames that are kept as pictures."""


@dataclass(frozen=True)
class Driven:
    """What one driving video brought."""

    figures: dict[str, Any]
    """`video`, `frames`, `face_found` (share), `features`: by name `span`, `correlation`, `gain`, `counts`, `met`.

    With the subject shown beside, `subject` and `avatar_of_subject` as well: the same of the subject on the driver,
    which is what tracking passes on, and of the avatar on the subject, which is what the avatar loses.
    """
    pictures: list[tuple[Pixels, Pixels]]
    """Driver and avatar."""


def drive(avatar: ShownAvatar, video: Path, subject: Person | None = None) -> Driven:
    """Plays a video through the live path's tracking, retargeting and smoothing, and reads both faces.

    A synthetic `subject` is drawn in some of the same states (`Driven.figures`). Raises BadInput where the video shows
    no face.
    """
    with VideoReader(video) as reader:
        fps = reader.fps
    camera = portrait_camera()
    rows: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    kept: list[tuple[Pixels, Pixels]] = []
    beside: dict[int, DriveState] = {}
    with VideoReader(video) as reader, FaceMesh() as theirs, FaceMesh() as ours:
        count = reader.frames or 200
        every, drawn = max(1, count // SHOWN), max(1, -(-count // BESIDE))
        states = states_of_video(video, fps)
        bar = tqdm(zip(reader, states, strict=False), desc=f"drive by {video.name}", total=reader.frames, unit="frame")
        for number, ((_, rgb), state) in enumerate(bar):
            driver, time = _measured(rgb), number / fps
            made = eight_bit(avatar.show(state, camera))
            rows.append(
                (face_features(driver, theirs.detect(driver, time)), face_features(made, ours.detect(made, time)))
            )
            if number % every == every // 2 and len(kept) < SHOWN:
                kept.append((driver, made))
            if number % drawn == 0 and len(beside) < BESIDE:
                beside[number] = state
    if not rows or not any(np.isfinite(driver[0]) for driver, _ in rows):
        raise BadInput(f"no face was found in '{video}'; use a video that shows one face from the front")
    theirs_all, ours_all = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    found = np.isfinite(ours_all[:, 0])[np.isfinite(theirs_all[:, 0])]
    figures = {
        "video": video.name,
        "frames": len(rows),
        "face_found": float(found.mean()),
        "features": follow_features(theirs_all, ours_all),
    }
    if subject is not None:
        at, truths = list(beside), _features_of(subject, list(beside.values()), camera)
        figures["subject"] = follow_features(theirs_all[at], truths, lag=0)
        figures["avatar_of_subject"] = follow_features(truths, ours_all[at], lag=0)
    return Driven(figures, kept)


def _features_of(subject: Person, states: Sequence[DriveState], camera: Camera) -> NDArray[np.float64]:
    """The features [N, 13] of a synthetic person drawn in some states."""
    model, rows = prepared(subject), []
    with FaceMesh() as mesh:
        for state in tqdm(states, desc=f"draw {subject.name}", unit="picture"):
            rgb = render(model, state, camera, SIZE).over((1.0, 1.0, 1.0))
            rows.append(face_features(rgb, still_landmarks(mesh, rgb)))
    return np.array(rows, np.float64)


def follow_features(
    driver: NDArray[np.float64], made: NDArray[np.float64], lag: int = LAG
) -> dict[str, dict[str, Any]]:
    """For each feature of faces [N, 13]: the driver's `span` (5th to 95th percentile), the `correlation` at the best
    lag, the `gain` (slope of avatar on driver there), whether it `counts` (the span is worth it), and is `met`."""
    return {f.name: _follow(f.span, f.correlation, driver[:, i], made[:, i], lag) for i, f in enumerate(FEATURES)}


def _follow(
    worth: float, goal: float, driver: NDArray[np.float64], made: NDArray[np.float64], most: int
) -> dict[str, Any]:
    known = driver[np.isfinite(driver)]
    span = float(np.subtract(*np.percentile(known, (95, 5)))) if len(known) else 0.0
    best: tuple[float, float] | None = None
    for lag in range(-most, most + 1):
        a, b = driver[max(0, -lag) : len(driver) - max(0, lag)], made[max(0, lag) : len(made) - max(0, -lag)]
        both = np.isfinite(a) & np.isfinite(b)
        a, b = a[both], b[both]
        if len(a) < FEWEST or a.std() < 1e-9 or b.std() < 1e-9:
            continue
        likeness = float(np.corrcoef(a, b)[0, 1])
        if best is None or likeness > best[0]:
            best = likeness, float(np.polyfit(a, b, 1)[0])
    counts = span >= worth
    correlation, gain = best or (None, None)
    met = correlation is not None and gain is not None and correlation >= goal and GAIN[0] <= gain <= GAIN[1]
    return {"span": span, "correlation": correlation, "gain": gain, "counts": counts, "met": met if counts else None}


def _measured(rgb: Pixels) -> Pixels:
    scale = SIZE / min(rgb.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(rgb)
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
