"""The report on a tracked video: ``report/index.html`` beside its ``report.json`` and ``overlay.mp4``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.clip import Clip
from offline.pages.charts import heat_map, line_chart
from offline.pages.html import Html, card, document, figures, grid, number, paragraph, picture, section, table, video
from offline.track.figures import ANGLES, head_angles
from offline.track.reasons import Reason
from offline.track.see import Run, Seen

GOAL = 2.0
"""Mean reprojection error, pixels at 512², up to which a clip counts as well tracked."""
TILE, TILES = 192, 6
GREEN = (0, 200, 0)
CELL = 5.0
"""Degrees to a side of a cell in the map of poses."""
NAMED = 8
"""Runs of frames that the table names for each reason."""
WHOLE = "Nothing: head and face moved in all the ways that are looked for."
OVERLAY_SHOWS = (
    "Green: the fitted head model. Orange: MediaPipe's landmarks. Blue: the matte's edge. Red, green and blue axes: "
    "the head's left, up and forward. Dark frames are not used, for the reason that they say."
)


def write_report(
    folder: Path, clip: Clip, seen: Seen, errors: NDArray[np.floating], values: Mapping[str, Any], overlay: str
) -> None:
    """Writes ``report.json`` (`values`, from `figures`) and the page into `folder`; `overlay` is the video's name
    there."""
    (folder / "report.json").write_text(json.dumps(values, indent=1) + "\n")
    (folder / "index.html").write_text(_page(clip, seen, errors, values, overlay))


def _page(clip: Clip, seen: Seen, errors: NDArray[np.floating], values: Mapping[str, Any], overlay: str) -> str:
    return document(
        f"Tracking of {clip.info.subject}",
        _summary(values),
        *map(paragraph, values["notes"]),
        section("The fitted head over the picture", video(Path(overlay), OVERLAY_SHOWS)),
        section("Missing in the performance", paragraph(*values["missing"] or [WHOLE])),
        section("What was dropped", _dropped(seen)),
        section("Reprojection error", card(_error_chart(seen, errors))),
        section("Head pose", *_pose_charts(clip, seen)),
        section("Matte", _strip(clip)),
    )


def _summary(values: Mapping[str, Any]) -> Html:
    frames, error = values["frames"], values["reprojection_px_at_512"]
    spans = {name: f"{number(low, 0)}° to {number(high, 0)}°" for name, (low, high) in values["degrees"].items()}
    return figures(
        {
            "frames used": f"{frames['kept']} of {frames['read']}",
            "frame rate": f"{values['fps']:g} /s",
            "unbroken pieces": str(len(values["segments_start_s"])),
            "face height": f"{values['face_height_px']:.0f} px",
            "mean error": f"{error['mean']:.2f} px",
            "its 95th percentile": f"{error['p95']:.2f} px",
            "focal length": f"{values['focal_widths']:.2f} widths",
            "tracked at": f"{values['speed']['frames_per_s']:.1f} frames/s",
            **spans,
        }
    )


def _dropped(seen: Seen) -> Html:
    runs: dict[Reason, list[Run]] = {}
    for run in seen.runs():
        runs.setdefault(run.reason, []).append(run)
    if not runs:
        return paragraph("Nothing: every frame is used.")
    rows = []
    for reason, each in sorted(runs.items(), key=lambda item: -sum(run.frames for run in item[1])):
        longest = sorted(sorted(each, key=lambda run: -run.frames)[:NAMED], key=lambda run: run.first)
        where = ", ".join(map(str, longest)) + (f" and {len(each) - NAMED} more" if len(each) > NAMED else "")
        rows.append([reason.words, str(sum(run.frames for run in each)), where, reason.advice])
    return table(("reason", "frames", "where", "next time"), rows, numbers=(1,), wide=True)


def _error_chart(seen: Seen, errors: NDArray[np.floating]) -> Html:
    return line_chart(
        {"error": _with_gaps(seen, errors)},
        "time, s",
        "error, px at 512²",
        y_range=(0.0, max(1.25 * GOAL, float(errors.max()) * 1.05)),
        limits={"goal": GOAL},
        wide=True,
        bands=[(r.start, r.end, f"{r.reason.words}: {r}") for r in seen.runs() if r.reason is not Reason.REPEAT],
        caption="Mean distance between the projected head model and the landmarks. Shaded: frames that were dropped.",
    )


def _pose_charts(clip: Clip, seen: Seen) -> list[Html]:
    angles = head_angles(clip)
    curves = {name: _with_gaps(seen, angles[:, i]) for i, name in enumerate(ANGLES)}
    edges = [_edges(angles[:, i]) for i in range(2)]
    counts, _ = np.histogramdd(angles[:, 1::-1], bins=[edges[1], edges[0]])
    lines = line_chart(
        curves,
        "time, s",
        "degrees",
        wide=True,
        caption="From the usual pose. Positive yaw turns to your left, pitch lowers the chin, roll tilts right.",
    )
    cells = heat_map(
        counts,
        edges[0],
        edges[1],
        "yaw, degrees",
        "pitch, degrees",
        caption="How many frames show each pose. The avatar guesses where the map is empty.",
    )
    return [card(lines), grid("halves", [card(cells)])]


def _edges(degrees: NDArray[np.floating]) -> NDArray[np.float64]:
    low, high = np.floor(degrees.min() / CELL) * CELL, np.ceil(degrees.max() / CELL) * CELL
    return np.arange(min(low, -4 * CELL), max(high, 4 * CELL) + CELL / 2, CELL)


def _with_gaps(seen: Seen, values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and values with a break between segments."""
    breaks = np.flatnonzero(np.diff(seen.segments)) + 1
    return np.insert(seen.times.astype(float), breaks, np.nan), np.insert(values.astype(float), breaks, np.nan)


def _strip(clip: Clip) -> Html:
    chosen = np.unique(np.linspace(0, len(clip) - 1, TILES).astype(int))
    columns = []
    for index in chosen:
        frame = clip.frame(int(index))
        small = cv2.resize(frame, (TILE, TILE), interpolation=cv2.INTER_AREA).astype(np.float32)
        alpha = small[..., 3:] / 255
        on_green = small[..., :3] * alpha + np.array(GREEN) * (1 - alpha)
        columns.append(np.concatenate([small[..., :3], on_green]))
    caption = "Frames of the clip, and the same cut out on green: hair and shoulders should be whole, the wall gone."
    return picture(np.concatenate(columns, 1).astype(np.uint8), caption)
