"""The whole evaluation of a run, written as a folder: report.json, index.html, held-out.mp4."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offline.clip import Clip
from offline.evaluate.held_out import Scores, chosen, columns, faces_found, look, means, unbroken
from offline.evaluate.identity import NETWORK
from offline.evaluate.judges import Judges, Landmarks
from offline.evaluate.pictures import Picture, eight_bit, fits, truth_and_prediction
from offline.evaluate.reenact import Reenactment, cross, self_follows
from offline.evaluate.report import as_json, provenance, still_flicker, training_log, view_figures
from offline.evaluate.views import View, novel_views
from offline.files import write_text
from offline.tri2plane.checkpoint import Run
from runtime.media.mp4 import mp4

VIDEO = "held-out.mp4"


@dataclass(frozen=True)
class Evaluation:
    """Figures and the pictures that go with them."""

    figures: dict[str, Any]
    """Plain values; what report.json holds."""
    samples: dict[str, tuple[int, Picture, Picture]]
    """`best`, `median` and `worst` by PSNR: frame number, truth, prediction."""
    views: list[View]
    crossed: Reenactment | None
    folder: Path
    """Where the video lies, and all else is written."""


def evaluate(
    run: Run, clip: Clip, folder: Path, count: int | None = None, lpips: Path | None = None,
    driving: Clip | None = None,
) -> Evaluation:  # fmt: skip
    """Measure a run on `count` held-out frames of a clip (all by default) and write report.json and the video.

    `lpips` is the folder of LPIPS' weights, `driving` a clip for cross-reenactment. Raises BadInput where the clip's
    frames are of another size than the run's, or no driving frame shows a face.
    """
    fits(run, clip)
    indices = chosen(clip, count)
    folder.mkdir(parents=True, exist_ok=True)
    with Judges(lpips, run.device) as judges:
        scores, faces = _held_out(run, clip, indices, judges, folder / VIDEO)
        views = novel_views(run, clip, judges)
        crossed = None if driving is None else cross(run, clip, driving, len(indices), judges)
        table = columns(scores)
        figures = provenance(run, clip) | {"frames": len(indices)} | means(table) | faces_found(faces)
        figures |= {
            "still_flicker": still_flicker(run, clip, indices[0]),
            "absent": judges.absent,
            "lpips_network": None if "lpips" in judges.absent else "VGG16, LPIPS 0.1",
            "identity_network": None if "identity_distance" in judges.absent else NETWORK,
        }
    truths, made = zip(*faces, strict=True)
    figures["self"] = self_follows(run, clip, indices, truths, made)
    figures["cross"] = None if crossed is None else crossed.figures
    figures["views"] = view_figures(views)
    figures["per_frame"] = {"index": indices} | table
    figures["training"] = training_log(run.folder)
    write_text(folder / "report.json", as_json(figures))
    return Evaluation(figures, _samples(run, clip, indices, scores), views, crossed, folder)


def _held_out(
    run: Run, clip: Clip, indices: list[int], judges: Judges, video: Path
) -> tuple[list[Scores], list[tuple[Landmarks | None, Landmarks | None]]]:
    """Scores and faces of the held-out frames, which go into the video: truth on the left, avatar on the right."""
    scores, faces = [], []
    size = clip.info.size
    fps = clip.info.fps if unbroken(indices) else clip.info.fps / 2  # slower, that the leaps can be followed
    with mp4(video, 2 * size, size, fps) as writer:
        for frame in look(run, clip, indices, judges):
            scores.append(frame.scores)
            faces.append(frame.faces)
            pair = eight_bit(np.concatenate([frame.truth, frame.prediction], 1))
            writer.write_rgb(pair)
    return scores, faces


def _samples(run: Run, clip: Clip, indices: list[int], scores: list[Scores]) -> dict[str, tuple[int, Picture, Picture]]:
    """The frames that show what the figures mean, rendered again rather than all kept."""
    order = np.argsort([-s.psnr for s in scores])
    places = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    frames = {name: indices[int(place)] for name, place in places.items()}
    return {name: (frame, *truth_and_prediction(run, clip, frame)) for name, frame in frames.items()}
