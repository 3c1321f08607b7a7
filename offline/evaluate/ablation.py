"""What each part brings: rows that are trained alike but for one thing, at a size that finishes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from offline.clip import Clip
from offline.evaluate.held_out import chosen, columns, faces_found, look, means
from offline.evaluate.judges import Judges
from offline.evaluate.pictures import Picture, truth_and_prediction
from offline.evaluate.report import as_json, device_name
from offline.files import write_text
from offline.tri2plane.checkpoint import CPU, Run, load
from offline.tri2plane.cli import new_run
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.presets import PRESETS, Preset
from offline.tri2plane.train import Budget, train
from runtime.errors import BadInput
from runtime.machine import machine

REDUCED = replace(
    PRESETS["lite"], name="ablation", trunk=(64, 64, 48, 32, 16), plane_channels=12, rays=64, guide_rays=16,
    narrow_rays=32, cells=256,
)  # fmt: skip
"""Small enough that four trainings are a matter of an hour or two on two cores; planes of 32², 64² and 128²."""
FIGURES = ("psnr", "ssim", "flip", "f_lmd_px", "lpips", "sharpness_balance")


@dataclass(frozen=True)
class Variant:
    """A row of a table: what differs from the reduced preset and from the training's defaults."""

    key: str
    label: str
    preset: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Rows to compare."""

    title: str
    variants: tuple[Variant, ...]
    """The last one is trained first."""
    same_steps: bool
    """Whether all rows take the steps that the first to be trained does in its time, or each the same time."""

    def only(self, *keys: str) -> Table:
        """The rows with these keys."""
        return replace(self, variants=tuple(v for v in self.variants if v.key in keys))


TABLES = {
    "planes": Table(
        "Levels and sliding window",
        (
            Variant("one", "Φ128 alone", {"levels": 1}),
            Variant("two", "Φ128 + Φ256", {"levels": 2}),
            Variant("three-still", "Φ128 + Φ256 + Φ512, no sliding window", config={"slide_share": 0.0}),
            Variant("three-masked", "Φ128 + Φ256 + Φ512, no margin", config={"margin": False}),
            Variant("three", "Φ128 + Φ256 + Φ512"),
        ),
        same_steps=True,
    ),
    "warp": Table(
        "The face's own space",
        (
            Variant("neck", "an expression moves what the planes hold", {"warp": "neck", "encoder": (16, 32, 64, 64)}),
            Variant("face", "points go back through the expression"),
        ),
        same_steps=False,
    ),
    "speed": Table(
        "Quality for the same minutes",
        (
            Variant("rate", "the paper's learning rate, 1e-4", config={"learning_rate": 1e-4}),
            Variant("blind", "64 samples a ray, no guide", {"samples": 64, "guide_samples": 0}),
            Variant("float32", "float32", config={"autocast": False}),
            Variant("still", "still planes learn no faster", config={"still_rate": 1.0}),
            Variant("faces", "windows anywhere", config={"face_windows": 0.0}),
            Variant("features", "eyes and mouth count like the rest", config={"feature_strength": 0.0}),
            Variant("edges", "no sharpness loss", config={"sharpness_weight": 0.0}),
            Variant("all", "as shipped"),
        ),
        same_steps=False,
    ),
}
"""`planes`: the paper's Table 2, and with a window masked where the frame ends; Φ128, Φ256 and Φ512 stand for the
reduced preset's three sizes. `warp`: with the face's warp and without. `speed`: as shipped, and without one of the
things that make training quick."""


@dataclass(frozen=True)
class Ablation:
    """What was trained and measured."""

    figures: dict[str, Any]
    """Plain values; what ablation.json holds. `rows` has one entry a variant."""
    truth: Picture
    """A held-out frame."""
    pictures: list[Picture]
    """What each variant makes of it."""


def ablate(
    clip: Clip, folder: Path, budget: Budget, count: int | None = None, lpips: Path | None = None,
    preset: Preset = REDUCED, table: Table = TABLES["planes"], device: torch.device = CPU,
    config: TrainConfig | None = None,
) -> Ablation:  # fmt: skip
    """Train every variant into ``folder/KEY`` from the same seed on the same frames, measure it, write ablation.json.

    The last of the table is trained within `budget`, the others within the same or in as many steps, as the table
    wants. What is there already of a row is gone on with, and a finished one only read. A row's own differences are on
    top of `preset` and `config`. Raises BadInput where the folder holds another ablation.
    """
    config = config or TrainConfig()
    size = preset.for_picture(clip.info.size)
    steps, rows, runs = None, {}, {}
    indices = chosen(clip, count)
    with Judges(lpips, device) as judges:
        for variant in reversed(table.variants):
            spent = budget if steps is None or not table.same_steps else Budget(None, steps)
            run = _trained(clip, folder / variant.key, size, config, variant, spent, device)
            steps = run.step if steps is None else steps
            rows[variant.key] = _row(run, clip, variant, indices, judges)
            runs[variant.key] = run
        absent = judges.absent
    figures = {
        "clip": {"folder": clip.folder.name, "frames": len(clip), "size": clip.info.size},
        "subject": clip.info.subject,
        "frames": len(indices),
        "title": table.title,
        "steps": steps if table.same_steps else None,
        "preset": size.as_dict(),
        "machine": machine() | {"device": device_name(device)},
        "absent": absent,
        "rows": [rows[v.key] for v in table.variants],
    }
    write_text(folder / "ablation.json", as_json(figures))
    frame = indices[len(indices) // 2]
    pictures = [truth_and_prediction(runs[v.key], clip, frame) for v in table.variants]
    return Ablation(figures, pictures[0][0], [made for _, made in pictures])


def _trained(
    clip: Clip, folder: Path, preset: Preset, config: TrainConfig, variant: Variant, budget: Budget,
    device: torch.device,
) -> Run:  # fmt: skip
    """The variant's run, trained until the budget is spent; all draw from the same seed."""
    wanted, config = replace(preset, **variant.preset), replace(config, **variant.config)
    if (folder / "checkpoint.safetensors").exists():
        run, optimiser = load(folder, device)
        _same(run, clip, wanted, config)
    else:
        run, optimiser = new_run(folder, clip, wanted, config, device), {}
    if budget.progress(run) < 1:
        train(run, clip, budget, optimiser)
    return run


def _same(run: Run, clip: Clip, preset: Preset, config: TrainConfig) -> None:
    if (run.clip, run.model.preset, run.config) != (str(clip.folder.resolve()), preset, config):
        raise BadInput(f"'{run.folder}' holds another training than this row's; choose another folder or delete it")


def _row(run: Run, clip: Clip, variant: Variant, indices: list[int], judges: Judges) -> dict[str, Any]:
    """The variant's figures; measured once, then read from its folder."""
    path = run.folder / "row.json"
    asked = {"key": variant.key, "step": run.step, "frames": list(indices), "lpips": "lpips" not in judges.absent}
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text())
        if kept["asked"] == asked:
            return kept
    frames = [(frame.scores, frame.faces) for frame in look(run, clip, indices, judges)]
    found = means(columns([scores for scores, _ in frames]))
    row = {
        "asked": asked, "label": variant.label, "preset": dict(variant.preset), "config": dict(variant.config),
        "steps": run.step, "minutes": run.seconds / 60, **{name: found[name] for name in FIGURES},
        **faces_found([faces for _, faces in frames]),
    }  # fmt: skip
    write_text(path, as_json(row))
    return dict(json.loads(path.read_text()))
