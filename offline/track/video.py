"""Video to clip."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from offline.clip import HEAD_MODEL, Clip, ClipInfo
from offline.track.crop import Crop, camera_of, portrait_focal, square_around
from offline.track.figures import Speed, figures
from offline.track.matte import Matting
from offline.track.overlay import Overlay, axes_in_picture, overlay_video
from offline.track.performance import Performance, fit_performance
from offline.track.refine import refine
from offline.track.report import write_report
from offline.track.reprojection import projected, reprojection_errors
from offline.track.see import Seen, see
from offline.track.smooth import split, steady_gaze
from offline.track.torso import torso_shifts
from runtime.contract.axes import Array, Camera
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.media.reading import read_frames
from runtime.tracking.reader import CoefficientReader

FIRST_FOCAL = 1.2
OVERLAY = "overlay.mp4"
AHEAD = 4
"""Frames that wait to be written while the next is matted."""


def track_video(
    video: Path,
    out: Path,
    size: int = 512,
    focal: float | None = None,
    subject: str = "",
    consent: str = "",
    progress: bool = True,
    head_model: HeadModel | None = None,
) -> Clip:
    """Tracks the largest face of `video` and writes the clip folder `out`, whole or not at all.

    The folder ``report`` in it says how well that went. `focal` is the focal length over the picture's width where
    known; a `head_model` of one's own (None: the shipped one) is kept in the clip. Raises BadInput where the video
    cannot be read, shows one usable face for less than two seconds, or `out` already holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"'{out}' already exists; choose another folder or delete it.")
    # 1. Look at every frame once: landmarks, and which frames can be used.
    clock = [perf_counter()]
    seen = see(video, progress)
    clock.append(perf_counter())
    # 2. Fit the head model: one focal length and identity, pose and expression of every frame.
    model = head_model or HeadModel.load()
    focal = focal or usual_focal(seen, model)
    reader = CoefficientReader.load()
    performance = fit_performance(seen.observations(focal), seen.times, model, segments=seen.segments, reader=reader)
    seen = seen.only(performance.frames)
    if len(seen.index) < 2:
        raise BadInput(f"No head fits the face in '{video}'; use a video that shows the whole face.")
    performance = refine(performance, seen.times.astype(np.float64), seen.segments, progress).performance
    # 3. Choose the square around head and shoulders, and turn the performance into its camera's world.
    crop = square_around(performance.solutions, focal, seen.width, seen.height)
    camera, arrays = _world(seen, performance, crop, focal)
    clock.append(perf_counter())
    # 4. Look again: cut, matte and write the frames, and draw what was fitted.
    margin = crop.margin(size, seen.width, seen.height)
    info = ClipInfo(size, round(seen.fps, 3), len(seen.index), "video", subject or video.stem, consent, camera, margin)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as unfinished:
        clip = Clip.create(Path(unfinished) / "clip", info, arrays)
        if head_model:
            head_model.save(clip.folder / HEAD_MODEL)
        report = clip.folder / "report"
        report.mkdir()
        points = projected(clip, model)
        with overlay_video(report / OVERLAY, seen.fps) as overlay:
            _write_frames(clip, video, seen, crop, points, overlay, progress)
        clip = clip.with_torso(torso_shifts(clip, seen.segments, progress))
        clock.append(perf_counter())
        # 5. Report on it.
        errors = reprojection_errors(points, crop.landmarks(seen.landmarks, seen.width, seen.height))
        values = figures(clip, seen, errors, focal, Speed(*np.diff(clock).tolist()))
        write_report(report, clip, seen, errors, values, OVERLAY)
        if out.exists():
            out.rmdir()
        shutil.move(clip.folder, out)
    return Clip.open(out)


def usual_focal(seen: Seen, model: HeadModel) -> float:
    """Focal length over width that puts the head at the portrait's distance (`portrait_focal`)."""
    every = max(len(seen.index) // 60, 1)
    few = fit_performance(seen.observations(FIRST_FOCAL)[::every], seen.times[::every], model)
    if not few.solutions:
        return FIRST_FOCAL
    return portrait_focal(few.solutions, FIRST_FOCAL)


def _world(
    seen: Seen, performance: Performance, crop: Crop, focal: float
) -> tuple[Camera, Mapping[str, NDArray[np.floating]]]:
    """The crop's camera and the clip's arrays, in a world where the head rests at the origin."""
    solutions = performance.solutions
    rotations, translations = np.array([s.rotation for s in solutions]), np.array([s.translation for s in solutions])
    rest = Rotation.from_matrix(rotations).mean().as_matrix()
    place = np.median(translations, 0)
    camera = camera_of(crop, rest, place, focal, seen.width, seen.height)
    expression, detail = split(steady_gaze(np.array([s.coefficients for s in solutions]), seen.segments, seen.fps))
    return camera, {
        "expression": np.clip(expression, 0, 1),
        "detail": detail,
        "rotation": Rotation.from_matrix(rest.T @ rotations).as_quat(canonical=True),
        "translation": (translations - place) @ rest,
        "timestamp": seen.times - seen.times[0],
        "landmarks": crop.landmarks(seen.landmarks, seen.width, seen.height),
        "identity": performance.identity,
    }


def _write_frames(
    clip: Clip, video: Path, seen: Seen, crop: Crop, points: Array, overlay: Overlay, progress: bool
) -> None:
    """Cuts, mattes and writes the used frames, and draws over each where the head was fitted, `points` [N, 478, 2].

    The margin around the square is matted by itself, so that the square is what it would be without one.
    """
    size, margin = clip.info.size, clip.info.margin
    inner = slice(margin[1], margin[1] + size), slice(margin[0], margin[0] + size)
    place = {number: n for n, number in enumerate(seen.index)}
    landmarks = crop.landmarks(seen.landmarks, seen.width, seen.height)
    starts = np.diff(seen.segments, prepend=-1) != 0
    shown = {number: run.reason.words for run in seen.runs() for number in run.shown()}
    frames = zip(range(len(seen.verdicts)), read_frames(video), strict=False)

    def write(n: int, square: NDArray[np.uint8], person: NDArray[np.uint8]) -> None:
        clip.write_frame(n, person)
        overlay.used(
            square,
            person[inner][..., 3],
            points[n],
            landmarks[n],
            axes_in_picture(clip.info.camera, clip.state(n).pose),
        )

    with (
        Matting() as matting,
        Matting() if any(margin) else nullcontext() as around,
        ThreadPoolExecutor(1) as writer,  # one, so that the overlay's frames keep their order
        tqdm(total=len(place), desc="mattes", unit="frame", disable=not progress) as bar,
    ):
        pending: deque[Future[None]] = deque()
        for number, (_, rgb) in frames:
            scaled = _scaled(rgb, seen.width, seen.height)
            square = crop.cut(scaled, size)
            if number in place:
                if starts[place[number]]:
                    for each in (matting, around) if around else (matting,):
                        each.forget_frame()
                person = matting.cut_out(square)
                if around:
                    wide = around.cut_out(crop.cut_wide(scaled, size, margin))
                    wide[inner] = person
                    person = wide
                pending.append(writer.submit(write, place[number], square, person))
                bar.update()
            elif number in shown:
                pending.append(writer.submit(overlay.dropped, square, shown[number]))
            while len(pending) > AHEAD:
                pending.popleft().result()
        for written in pending:
            written.result()


def _scaled(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture [H, W, 3] at the size that the clip was measured in; recordings of calls change theirs."""
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
