"""The evaluation as plain values: what `report.json` holds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from offline.clip import Clip
from offline.evaluate.pictures import truth_and_prediction
from offline.evaluate.views import View
from offline.tri2plane.checkpoint import Run
from runtime.machine import about, machine, versions

FORMAT = "mien-report"
VERSION = 1
PACKAGES = ("torch", "scikit-image", "flip-evaluator")
STILL_FRAMES = 3
"""How often a still drive state is rendered."""


def provenance(run: Run, clip: Clip) -> dict[str, Any]:
    """What was measured, and on what."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "subject": clip.info.subject,
        "consent": clip.info.consent,
        "clip": {"folder": clip.folder.name, "frames": len(clip), "fps": clip.info.fps, "size": clip.info.size},
        "preset": run.model.preset.as_dict(),
        "steps": run.step,
        "minutes": run.seconds / 60,
        "machine": machine() | {"device": device_name(run.device)},
        "versions": versions() | {name: version(name) for name in PACKAGES},
    }


def device_name(device: torch.device) -> str:
    """The GPU's name, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def about_machine(values: dict[str, Any]) -> str:
    """A report's `machine` in one line."""
    return about(values) if values["device"] == "cpu" else f"{values['device']}; {about(values)}"


def still_flicker(run: Run, clip: Clip, index: int) -> float:
    """Largest change between renderings of one drive state, another frame rendered between them; 8-bit levels."""
    first = truth_and_prediction(run, clip, index)[1]
    largest = 0.0
    for _ in range(STILL_FRAMES - 1):
        truth_and_prediction(run, clip, clip.test[0] if index != clip.test[0] else clip.test[-1])
        again = truth_and_prediction(run, clip, index)[1]
        largest = max(largest, float(np.abs(again - first).max()) * 255)
    return largest


def view_figures(views: Sequence[View]) -> list[dict[str, Any]]:
    """Every view without its picture."""
    names = ("yaw", "pitch", "asked", "tracked", "identity_distance", "frayed")
    return [{name: getattr(view, name) for name in names} for view in views]


def training_log(folder: Path, points: int = 400) -> dict[str, list[float]]:
    """The numbers in a run's log.jsonl as means over at most `points` stretches of it; empty without a log.

    `minutes` of training, `step`, and the losses, NaN over a stretch that lacks one. A line that a killed run left half
    written is passed over.
    """
    path = folder / "log.jsonl"
    rows = [row for line in path.read_text().splitlines() if (row := _row(line))] if path.is_file() else []
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    stretches = np.array_split(table, min(points, len(rows))) if rows else []
    found = {name: [_mean(part[:, i]) for part in stretches] for i, name in enumerate(names)}
    return found | {"minutes": [seconds / 60 for seconds in found.pop("seconds", [])]} if rows else {}


def as_json(report: dict[str, Any]) -> str:
    """JSON with null for what is not finite."""
    return json.dumps(_plain(report), indent=1, allow_nan=False, ensure_ascii=False)


def _row(line: str) -> dict[str, float]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return {k: float(v) for k, v in row.items() if isinstance(v, int | float)} if isinstance(row, dict) else {}


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
