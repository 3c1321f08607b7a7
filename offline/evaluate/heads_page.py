"""The comparison of distilled heads as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from offline.evaluate.comparison import comparison_table, definition_list
from offline.evaluate.definitions import METRICS, Metric
from offline.evaluate.heads import ROWS, HeadTable
from offline.evaluate.pictures import eight_bit
from offline.evaluate.report import about_machine
from offline.files import write_text
from offline.pages.html import Html, document, grid, number, paragraph, picture, section

SHARED = ("psnr", "ssim", "flip")
HEAD_METRICS: tuple[Metric, ...] = (
    *(m for m in METRICS if m.key in SHARED),
    Metric("warp", "Warp error", "/255", 2, "lower",
           "How much neighbouring views disagree: mean absolute difference after following every pixel along the true "
           "depth to where the other view sees it."),
    Metric("depth_mm", "Depth error", "mm", 1, "lower", "Mean absolute error of depth where both heads are."),
    Metric("normal_deg", "Normal error", "°", 1, "lower", 
           "Mean angle between the normals of the depth and the true ones."),
    Metric("f_lmd_px", "F-LMD", "px", 2, "lower",
           "Distance of face landmarks from those found in the truth, in pixels of a 512² picture."),
    Metric("look", "Right look", "", 2, "higher",
           "Share of views nearest to the truth of the right look among those that the coefficients cannot tell apart: "
           "for a tongue, whether it is out and where it points."),
    Metric("identity", "Identity", "", 3, "lower",
           "Distance of face descriptors from the truth's; below 0.6 dlib takes them for one person's."),
)  # fmt: skip
COLUMNS = 8
"""Views that a strip shows."""


def write_heads_page(done: HeadTable, folder: Path) -> Path:
    """Write index.html into `folder`; returns its path."""
    figures = done.figures
    preset = figures["preset"]
    minutes = {"minutes a head": [number(row["seconds"] / 60, 1) for row in figures["rows"]]}
    page = document(
        "Distilled heads",
        paragraph(
            f"{len(done.truths)} heads of people that the prior never saw, each from one frontal picture and a "
            f"sentence: {', '.join(truth.name for truth in done.truths)}. Measured on {figures['views']} views that "
            f"lie between the {preset['azimuths']} × {preset['elevations']} distilled ones.",
            f"Prior {figures['prior']}, preset {preset['name']}. {about_machine(figures['machine'])}.",
            kind="quiet",
        ),
        section("Figures", comparison_table(figures["rows"], HEAD_METRICS, minutes), _floor(figures),
                definition_list(HEAD_METRICS, figures["absent"])),
        section("Heads", *(_strips(done, n) for n in range(len(done.truths)))),
    )  # fmt: skip
    path = folder / "index.html"
    write_text(path, page)
    return path


def _floor(figures: dict[str, Any]) -> Html:
    truth = figures["truth"]
    return paragraph(
        f"The truth itself has a warp error of {number(truth['warp'], 2)} (light moves over a head that turns) and "
        f"normals of its depth that are {number(truth['normal_deg'], 1)}° off (pixels are coarse): no "
        "head can be better.",
        kind="quiet",
    )


def _strips(done: HeadTable, n: int) -> Html:
    """The truth and every row, one above the other, from the left to the right of the middle elevation."""
    truth = done.truths[n]
    chosen = _middle_row([view.pitch for view in truth.views], [view.yaw for view in truth.views])
    shown = [("truth", truth.pictures), *((ROWS[row], heads[n].pictures) for row, heads in done.seen.items())]
    return grid("rows", (picture(_strip(pictures[chosen]), f"{truth.name}: {label}") for label, pictures in shown))


def _middle_row(pitches: list[float], yaws: list[float]) -> list[int]:
    middle = min(pitches, key=abs)
    return sorted((n for n, pitch in enumerate(pitches) if abs(pitch - middle) < 1e-6), key=lambda n: yaws[n])[:COLUMNS]


def _strip(pictures: Tensor) -> np.ndarray:
    large = pictures.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return eight_bit(np.concatenate(list(large.permute(0, 2, 3, 1).numpy()), 1))
