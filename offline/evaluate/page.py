"""The evaluation as one HTML page that needs nothing else, and no script."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.evaluate.charts import line_chart
from offline.evaluate.definitions import LOSSES, METRICS, Metric
from offline.evaluate.evaluate import VIDEO, Evaluation
from offline.evaluate.html import document, image, number, section, table
from offline.evaluate.metrics import flip
from offline.evaluate.pictures import Picture, eight_bit
from offline.evaluate.views import View
from runtime.machine import about

EMBEDDED = 8 * 1024 * 1024
"""Bytes up to which the video is inside the page."""
SMALL = 256
"""Width of the pictures in strips, pixels."""
CURVES = ("psnr", "flip", "f_lmd_px", "sharpness_balance", "flicker", "lpips", "identity_distance")
"""The metrics that are drawn over the frames."""
FLIP_SHOWN = 0.5
"""FLIP that is drawn brightest."""


def write_page(evaluation: Evaluation) -> Path:
    """Write index.html into the evaluation's folder; returns its path."""
    figures = evaluation.figures
    title = f"Evaluation of {figures['subject'] or 'an avatar'}"
    body = "".join(
        (
            f"<h1>{escape(title)}</h1>{_about(figures)}",
            section("Held-out frames", _headline(figures)),
            section("Frame by frame", _curves(figures)),
            section("Best, median and worst by PSNR", _samples(evaluation)),
            section("Truth and avatar", _video(evaluation.folder / VIDEO)),
            section("Self-reenactment", SELF + _follows(figures["self"])),
            section("Cross-reenactment", _cross(evaluation)),
            section("Novel views", VIEWS + _views(evaluation.views)),
            section("Training", _training(figures["training"])),
            _details(figures),
        )
    )
    path = evaluation.folder / "index.html"
    path.write_text(document(title, body), encoding="utf-8")
    return path


SELF = (
    "<p>The avatar is driven by the held-out states. Mien's tracker reads the face on the frame and on the rendering; "
    "a correlation of 1 and a difference of 0 mean that the one does what the other does. A correlation is left out "
    "where the face hardly moves.</p>"
)
VIEWS = (
    "<p>The mean held-out expression on a head at rest, seen by a camera that walks around it. Below each view: the "
    "yaw and pitch that the head has for that camera, and what the tracker reads from the picture.</p>"
)


def _about(figures: dict[str, Any]) -> str:
    clip, preset = figures["clip"], figures["preset"]
    lines = (
        f"{figures['frames']} held-out frames of {clip['folder']} ({clip['frames']} frames, {clip['size']}², "
        f"{clip['fps']:g} a second), never seen in training.",
        f"Preset {preset['name']}, {figures['steps']} steps in {figures['minutes']:.1f} minutes. "
        f"{about(figures['machine'])}.",
        f"Consent on record: {figures['consent'] or 'none'}",
    )
    return f'<p class="about">{"<br>".join(escape(line) for line in lines)}</p>'


def _headline(figures: dict[str, Any]) -> str:
    arrows = {"higher": "↑", "lower": "↓", "zero": "→ 0"}
    rows = []
    for metric in METRICS:
        reason = figures["absent"].get(metric.key)
        text = escape(metric.definition) + (
            f'<br><span class="absent">Absent: {escape(reason)}</span>' if reason else ""
        )
        value = number(figures[metric.key], metric.digits)
        rows.append([escape(metric.label), value, f"{escape(metric.unit)} {arrows[metric.better]}", text])
    faces = f"A face was found on {figures['faces']} frames; on {figures['faces_lost']} of their renderings it was not."
    head = ("metric", "value", "unit", "what it is")
    return table(head, rows, figures=(1,), wide=True) + f'<p class="note">{faces}</p>'


def _curves(figures: dict[str, Any]) -> str:
    frames, per_frame = figures["per_frame"]["index"], figures["per_frame"]
    drawn = [m for key in CURVES for m in METRICS if m.key == key and np.isfinite(per_frame[key]).any()]
    return f'<div class="charts">{"".join(_curve(m, frames, per_frame[m.key]) for m in drawn)}</div>'


def _curve(metric: Metric, frames: list[int], values: NDArray[np.float64]) -> str:
    chart = line_chart(frames, {metric.label: values}, "frame of the clip", metric.unit or metric.label)
    return f'<div class="card"><h3>{escape(metric.label)}</h3>{chart}</div>'


def _samples(evaluation: Evaluation) -> str:
    rows = []
    for name, (frame, truth, made) in evaluation.samples.items():
        mean, error = flip(made, truth)
        shown = np.clip(error / FLIP_SHOWN, 0, 1)
        colours = cv2.applyColorMap(eight_bit(shown), cv2.COLORMAP_MAGMA)[..., ::-1].astype(np.float32) / 255
        picture = image(np.concatenate([truth, made, colours], 1), f"{name}: truth, avatar, FLIP map")
        values = evaluation.figures["per_frame"]
        at = values["index"].index(frame)
        caption = f"{name}: frame {frame}, PSNR {number(values['psnr'][at], 2)} dB, FLIP {number(mean, 4)}"
        rows.append(f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>")
    note = f'<p class="note">Truth, avatar, and FLIP from black (0) to the palest yellow ({FLIP_SHOWN} and more).</p>'
    return f'{note}<div class="rows">{"".join(rows)}</div>'


def _video(path: Path) -> str:
    source = VIDEO
    if path.stat().st_size < EMBEDDED:
        source = "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
    return f'<video controls loop muted playsinline preload="metadata" src="{source}"></video>'


def _follows(figures: dict[str, dict[str, Any]]) -> str:
    rows = [
        [escape(name), number(f["correlation"], 3), number(f["difference"], 2), escape(f["unit"]), str(f["frames"])]
        for name, f in figures.items()
    ]
    return table(("parameter", "correlation", "mean difference", "unit", "frames"), rows, figures=(1, 2, 4))


def _cross(evaluation: Evaluation) -> str:
    crossed = evaluation.crossed
    if crossed is None:
        return '<p class="absent">Not measured; give another clip with --cross CLIP.</p>'
    figures = crossed.figures
    text = (
        f"Driven by {figures['frames']} frames of {figures['clip'] or 'another clip'}, whose poses are relative to "
        f"that person's rest. Identity distance to the subject: {number(figures['identity_distance'], 3)}. Of "
        f"{figures['faces']} driving faces, {figures['faces_lost']} were not found on the avatar."
    )
    strip = "".join(
        f"<figure>{image(_side_by_side(*pair), 'driving frame, avatar')}</figure>" for pair in crossed.pictures
    )
    return f'<p>{escape(text)}</p><div class="pairs">{strip}</div>{_follows(figures["follows"])}'


def _views(views: list[View]) -> str:
    return f'<div class="strip">{"".join(_view(view) for view in views)}</div>'


def _view(view: View) -> str:
    asked = f"yaw {number(view.asked[0], 0)}°, pitch {number(view.asked[1], 0)}°"
    tracked = (
        "no face found"
        if view.tracked is None
        else f"read {number(view.tracked[0], 0)}°, {number(view.tracked[1], 0)}°"
    )
    identity = f"; identity {number(view.identity_distance, 2)}" if view.identity_distance is not None else ""
    caption = f"{escape(asked)}<br>{escape(tracked + identity)}"
    return f"<figure>{image(_small(view.picture), asked)}<figcaption>{caption}</figcaption></figure>"


def _training(log: dict[str, list[float]]) -> str:
    losses = {label: log[name] for name, label in LOSSES.items() if name in log}
    if not losses:
        return '<p class="absent">The run has no log.jsonl.</p>'
    chart = line_chart(log["minutes"], losses, "minutes of training", "loss, as weighted", log=True, width=1040)
    return f'<div class="card">{chart}</div>'


def _details(figures: dict[str, Any]) -> str:
    told = {key: figures[key] for key in ("preset", "machine", "versions")}
    return f"<details><summary>Preset, machine and versions</summary><pre>{escape(json.dumps(told, indent=1))}</pre></details>"  # fmt: skip # noqa: E501


def _side_by_side(a: Picture, b: Picture) -> Picture:
    return np.concatenate([_small(a), _small(b)], 1)


def _small(picture: Picture) -> Picture:
    """At most `SMALL` wide."""
    if picture.shape[1] <= SMALL:
        return cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]
    return cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
