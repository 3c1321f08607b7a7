"""What the face of an avatar does, as parts of a page: axes, combinations, driving videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from offline.evaluate.avatars import ShownAvatar
from offline.evaluate.axes import COSINE, GAIN, MOVES, PARTS, AxesReport
from offline.evaluate.drive import GAIN as DRIVE_GAIN
from offline.evaluate.drive import Driven
from offline.evaluate.face_features import FEATURES
from offline.evaluate.report import as_json
from offline.files import write_text
from offline.pages.html import Html, document, figures, grid, number, paragraph, picture, section, span, table
from runtime.machine import about, machine
from runtime.media.pixels import Pixels

PAGE, REPORT = "performance.html", "performance.json"
SMALL = 256
AXES = (
    "Subject and avatar make the same single axis; MediaPipe reads both. The displacement of the landmarks from "
    "the own neutral face is compared: a cosine of 1 is the same movement, the gain says how much of it arrives. An "
    f"axis counts where it moves some landmark of the subject by more than {MOVES:g} px of 512, and is "
    f"followed from a cosine of {COSINE:g} on with a gain of {GAIN[0]:g} to {GAIN[1]:g}."
)
COMBINED = (
    "Expressions that people make. Mean distance, in px of 512, between the avatar's displacement and the subject's: "
    "over all 478 landmarks, the lids, the irises and the inner lips, mean over the sides."
)
DRIVEN = (
    "MediaPipe reads the driver's face and the avatar's, driven by the live tracking, retargeting and smoothing. "
    "Correlation at the best lag within three frames, gain the slope of avatar on driver "
    f"(goal {DRIVE_GAIN[0]:g} to {DRIVE_GAIN[1]:g}). Lengths are over the distance of the eyes' outer corners. "
    "Where the subject was drawn in the same states, “subject of driver” is what tracking passes on, and “avatar of "
    "subject” what arrives of that. "
    "A feature that the driver hardly uses is grey."
)
PARTS_OF_THE_WAY = {"subject": "subject of driver", "avatar_of_subject": "avatar of subject"}
"""Where a synthetic subject was drawn in the same states, the way from driver to avatar has two parts."""
SHEET = "Subject, avatar, and the difference (twice as dark as it is)."


def performance_sections(axes: AxesReport | None, driven: Sequence[Driven]) -> list[Html]:
    """Chapters of a page; empty where nothing was measured."""
    parts = []
    if axes is not None:
        parts.append(section("Every axis by itself", paragraph(AXES), _summary(axes.figures), _axes(axes.figures)))
        parts.append(section("Combinations", paragraph(COMBINED), _combinations(axes.figures)))
        rows = (picture(rgb, name) for name, rgb in axes.sheet)
        parts.append(section("Subject and avatar", paragraph(SHEET, kind="quiet"), grid("halves", rows)))
    if driven:
        parts.append(section("Driven by a face", paragraph(DRIVEN), _features(driven)))
        for each in driven:
            pairs = (picture(_pair(*pair), alt="driver, avatar") for pair in each.pictures)
            parts.append(section(str(each.figures["video"]), grid("thirds", pairs)))
    return parts


def write_performance_page(
    avatar: ShownAvatar, axes: AxesReport | None, driven: Sequence[Driven], folder: Path
) -> Path:
    """A page and a JSON file of a bundle's performance alone; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / REPORT, as_json(performance_figures(axes, driven) | {"machine": machine()}))
    head = paragraph(f"{avatar.name} on {avatar.engine}. {about(machine())}.", kind="quiet")
    title = f"How {avatar.subject or avatar.name} performs"
    write_text(folder / PAGE, document(title, head, *performance_sections(axes, driven)))
    return folder / PAGE


def performance_figures(axes: AxesReport | None, driven: Sequence[Driven]) -> dict[str, Any]:
    """`axes` as `compare` says, or None, and `drive`, a list of what each video brought."""
    return {"axes": None if axes is None else axes.figures, "drive": [each.figures for each in driven]}


def performance_lines(axes: AxesReport | None, driven: Sequence[Driven]) -> Iterable[str]:
    """The same in a few lines for a terminal."""
    if axes is not None:
        found = axes.figures["summary"]
        yield f"axes followed, front      {found['followed_front']:>9} of {found['axes_front']}"
        if found["axes_all_views"] > found["axes_front"]:
            yield f"axes followed, all sides  {found['followed_all_views']:>9} of {found['axes_all_views']}"
        for part in ("all", *PARTS):
            error = number(found[f"combinations_{part.replace(' ', '_')}_px"], 1)
            yield f"{'combinations, ' + part:26}{error:>9} px"
    for each in driven:
        yield f"driven by {each.figures['video']}: face found on {100 * each.figures['face_found']:.0f} % of frames"
        for name, values in each.figures["features"].items():
            if values["counts"]:
                mark = "" if values["met"] else "   below its goal"
                parts = [
                    f"   {who} {number(each.figures[key][name]['correlation'], 2)} × "
                    f"{number(each.figures[key][name]['gain'], 2)}"
                    for key, who in PARTS_OF_THE_WAY.items()
                    if key in each.figures
                ]
                text = f"  {name:15} r {number(values['correlation'], 2):>6}  gain {number(values['gain'], 2):>6}"
                yield f"{text}{''.join(parts)}{mark}"


def _summary(found: dict[str, Any]) -> Html:
    summary = found["summary"]
    tiles = {"axes followed, front": f"{summary['followed_front']} of {summary['axes_front']}"}
    if summary["axes_all_views"] > summary["axes_front"]:
        tiles["axes followed, all sides"] = f"{summary['followed_all_views']} of {summary['axes_all_views']}"
    tiles |= {
        "lowest cosine": number(summary["lowest_cosine"], 2),
        "faces lost on the avatar": f"{found['lost']} of {found['pictures']}",
    }
    for part in ("all", *PARTS):
        tiles[f"combinations: {part}"] = f"{number(summary[f'combinations_{part.replace(chr(32), chr(95))}_px'], 1)} px"
    return figures(tiles)


def _axes(found: dict[str, Any]) -> Html:
    rows = []
    for axis, views in found["axes"].items():
        cells = [axis]
        for row in views.values():
            text = f"{number(row['cosine'], 2)} × {number(row['gain'], 2)}"
            kind = {True: "best", False: "", None: "quiet"}[row["followed"]]
            half = f"{number(row['half']['cosine'], 2)} × {number(row['half']['gain'], 2)}"
            cells += [number(row["moved"], 1), span(text, kind) if kind else text, half]  # type: ignore[arg-type]
        rows.append(cells)
    shown: dict[str, Any] = next(iter(found["axes"].values()), {})
    head = ["axis"] + [f"{view}: {what}" for view in shown for what in ("moves px", "cosine × gain", "at half")]
    return table(head, rows, numbers=range(1, len(head)))


def _combinations(found: dict[str, Any]) -> Html:
    parts = ("all", *PARTS)
    rows = []
    for name, views in found["combinations"].items():
        means = [np.nanmean([errors[part] for errors in views.values()]) for part in parts]
        rows.append([name, *(number(float(value), 1) for value in means)])
    return table(("expression", *parts), rows, numbers=range(1, 1 + len(parts)))


def _features(driven: Sequence[Driven]) -> Html:
    rows = []
    for feature in FEATURES:
        cells = [feature.name, feature.what]
        for each in driven:
            for key in ("features", *_beside(each)):
                values = each.figures[key][feature.name]
                text = f"{number(values['correlation'], 2)} × {number(values['gain'], 2)}"
                kind = {True: "best", False: "", None: "quiet"}[values["met"]]
                cells.append(span(text, kind) if kind else text)  # type: ignore[arg-type]
        rows.append(cells)
    head = ["feature", "what it is"]
    for each in driven:
        head += [str(each.figures["video"]), *(PARTS_OF_THE_WAY[key] for key in _beside(each))]
    return table(head, rows, numbers=range(2, len(head)))


def _beside(driven: Driven) -> list[str]:
    return [key for key in PARTS_OF_THE_WAY if key in driven.figures]


def _pair(driver: Pixels, made: Pixels) -> Pixels:
    height = SMALL
    small = [
        cv2.resize(p, (round(p.shape[1] * height / p.shape[0]), height), interpolation=cv2.INTER_AREA)
        for p in (driver, made)
    ]
    return np.asarray(np.concatenate(small, 1), np.uint8)
