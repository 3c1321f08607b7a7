"""The evaluation as one HTML page that needs nothing else, and no script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.evaluate.definitions import LOSSES, METRICS, Metric
from offline.evaluate.evaluate import VIDEO, Evaluation
from offline.evaluate.held_out import unbroken
from offline.evaluate.pictures import Picture, eight_bit
from offline.evaluate.report import about_machine
from offline.evaluate.views import View
from offline.files import write_text
from offline.metrics import flip
from offline.pages.charts import line_chart
from offline.pages.html import (
    Html,
    broken,
    card,
    details,
    document,
    grid,
    number,
    paragraph,
    picture,
    section,
    span,
    table,
    video,
)

EMBEDDED = 8 * 1024 * 1024
"""Bytes up to which the video is inside the page."""
SMALL = 256
"""Width of the pictures in strips, pixels."""
CURVES = ("psnr", "flip", "f_lmd_px", "sharpness_balance", "flicker", "lpips", "identity_distance")
"""The metrics that are drawn over the frames."""
FLIP_SHOWN = 0.5
"""FLIP that is drawn brightest."""
SELF = (
    "The avatar is driven by the held-out states. Mien's tracker reads the face on the frame and on the rendering; "
    "a correlation of 1 and a difference of 0 mean that the one does what the other does. A correlation is left out "
    "where the face hardly moves."
)
VIEWS = (
    "The mean held-out expression on a head at rest, seen by a camera that walks around it. Below each view: the "
    "yaw and pitch that the head has for that camera, what the tracker reads from the picture, and how many pixels of "
    "the outline lie off a smooth contour."
)
SIDES = "Truth on the left, avatar on the right."
SKIPPED = (
    " Frames were skipped: these are pairs of neighbours from all over the held-out part, shown at half the clip's "
    "frame rate. The leaps lie between the pairs."
)


def write_page(evaluation: Evaluation, more: Sequence[Html] = ()) -> Path:
    """Write index.html into the evaluation's folder, with `more` chapters before the training's; returns its path."""
    figures = evaluation.figures
    page = document(
        f"Evaluation of {figures['subject'] or 'an avatar'}",
        _about(figures),
        section("Held-out frames", *_headline(figures)),
        section("Frame by frame", _curves(figures)),
        section("Best, median and worst by PSNR", *_samples(evaluation)),
        section("Truth and avatar", _video(evaluation)),
        section("Self-reenactment", paragraph(SELF), _follows(figures["self"])),
        section("Cross-reenactment", *_cross(evaluation)),
        section("Novel views", paragraph(VIEWS), grid("small", map(_view, evaluation.views))),
        *more,
        section("Training", _training(figures["training"])),
        _details(figures),
    )
    path = evaluation.folder / "index.html"
    write_text(path, page)
    return path


def _about(figures: dict[str, Any]) -> Html:
    clip, preset = figures["clip"], figures["preset"]
    return paragraph(
        f"{figures['frames']} held-out frames of {clip['folder']} ({clip['frames']} frames, {clip['size']}², "
        f"{clip['fps']:g} a second), never seen in training.",
        f"Preset {preset['name']}, {figures['steps']} steps in {figures['minutes']:.1f} minutes. "
        f"{about_machine(figures['machine'])}.",
        f"Consent on record: {figures['consent'] or 'none'}",
        kind="quiet",
    )


def _headline(figures: dict[str, Any]) -> list[Html]:
    rows = []
    for metric in METRICS:
        reason = figures["absent"].get(metric.key)
        text = [metric.definition] + ([] if reason is None else [f"Absent: {reason}"])
        unit = f"{metric.unit} {metric.arrow}".replace(" ", "\u00a0")
        rows.append([metric.label, number(figures[metric.key], metric.digits), span(unit, "quiet"), broken(*text)])
    faces = f"A face was found on {figures['faces']} frames; on {figures['faces_lost']} of their renderings it was not."
    head = ("metric", "value", "unit", "what it is")
    return [table(head, rows, numbers=(1,), wide=True), paragraph(faces, kind="quiet")]


def _curves(figures: dict[str, Any]) -> Html:
    frames, per_frame = figures["per_frame"]["index"], figures["per_frame"]
    drawn = [m for key in CURVES for m in METRICS if m.key == key and np.isfinite(per_frame[key]).any()]
    return grid("halves", (_curve(m, frames, per_frame[m.key]) for m in drawn))


def _curve(metric: Metric, frames: list[int], values: NDArray[np.float64]) -> Html:
    chart = line_chart({metric.label: (frames, values)}, "frame of the clip", metric.unit or metric.label)
    return card(chart, heading=metric.label)


def _samples(evaluation: Evaluation) -> list[Html]:
    values, rows = evaluation.figures["per_frame"], []
    for name, (frame, truth, made) in evaluation.samples.items():
        mean, error = flip(made, truth)
        shown = np.clip(error / FLIP_SHOWN, 0, 1)
        colours = cv2.applyColorMap(eight_bit(shown), cv2.COLORMAP_MAGMA)[..., ::-1]
        at = values["index"].index(frame)
        caption = f"{name}: frame {frame}, PSNR {number(values['psnr'][at], 2)} dB, FLIP {number(mean, 4)}"
        trio = np.concatenate([eight_bit(truth), eight_bit(made), colours], 1)
        rows.append(picture(trio, caption, f"{name}: truth, avatar, FLIP map"))
    note = f"Truth, avatar, and FLIP from black (0) to the palest yellow ({FLIP_SHOWN} and more)."
    return [paragraph(note, kind="quiet"), grid("rows", rows)]


def _video(evaluation: Evaluation) -> Html:
    skipped = not unbroken(evaluation.figures["per_frame"]["index"])
    return video(evaluation.folder / VIDEO, SIDES + SKIPPED * skipped, EMBEDDED)


def _follows(figures: dict[str, dict[str, Any]]) -> Html:
    rows = [
        [name, number(f["correlation"], 3), number(f["difference"], 2), f["unit"], str(f["frames"])]
        for name, f in figures.items()
    ]
    return table(("parameter", "correlation", "mean difference", "unit", "frames"), rows, numbers=(1, 2, 4))


def _cross(evaluation: Evaluation) -> list[Html]:
    crossed = evaluation.crossed
    if crossed is None:
        return [paragraph("Not measured; give another clip with --cross CLIP.", kind="quiet")]
    figures = crossed.figures
    text = (
        f"Driven by {figures['frames']} frames of {figures['clip'] or 'another clip'}, whose poses are relative to "
        f"that person's rest. Identity distance to the subject: {number(figures['identity_distance'], 3)}. Of "
        f"{figures['faces']} driving faces, {figures['faces_lost']} were not found on the avatar."
    )
    pairs = (picture(_side_by_side(*pair), alt="driving frame, avatar") for pair in crossed.pictures)
    return [paragraph(text), grid("thirds", pairs), _follows(figures["follows"])]


def _view(view: View) -> Html:
    asked = f"yaw {number(view.asked[0], 0)}°, pitch {number(view.asked[1], 0)}°"
    tracked = (
        "no face found"
        if view.tracked is None
        else f"read {number(view.tracked[0], 0)}°, {number(view.tracked[1], 0)}°"
    )
    identity = f"; identity {number(view.identity_distance, 2)}" if view.identity_distance is not None else ""
    outline = f"; outline off by {view.frayed:.0f} px"
    return picture(_small(view.picture), broken(asked, tracked + identity + outline), asked)


def _training(log: dict[str, list[float]]) -> Html:
    losses = {label: (log["minutes"], log[name]) for name, label in LOSSES.items() if name in log}
    if not losses:
        return paragraph("The run has no log.jsonl.", kind="quiet")
    return card(line_chart(losses, "minutes of training", "loss, as weighted", log=True, wide=True))


def _details(figures: dict[str, Any]) -> Html:
    told = {key: figures[key] for key in ("preset", "machine", "versions")}
    return details("Preset, machine and versions", json.dumps(told, indent=1))


def _side_by_side(a: Picture, b: Picture) -> NDArray[np.uint8]:
    return np.concatenate([_small(a), _small(b)], 1)


def _small(made: Picture) -> NDArray[np.uint8]:
    """`SMALL` wide."""
    how = cv2.INTER_NEAREST if made.shape[1] <= SMALL else cv2.INTER_AREA
    return np.asarray(cv2.resize(eight_bit(made), (SMALL, SMALL), interpolation=how), np.uint8)
