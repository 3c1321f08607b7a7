"""The paper's Table 2 at a size that finishes: levels of planes, and the sliding window, each row trained alike."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from offline.clip import Clip
from offline.evaluate.held_out import chosen, columns, faces_found, look, means
from offline.evaluate.judges import Judges
from offline.evaluate.pictures import Picture, truth_and_prediction
from offline.evaluate.report import as_json
from offline.track.texture import mean_texture
from offline.tri2plane.checkpoint import Run, TrainConfig, build, load
from offline.tri2plane.cli import TEXTURE
from offline.tri2plane.presets import PRESETS, Preset
from offline.tri2plane.train import Budget, subject_box, train
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.machine import machine

REDUCED = replace(
    PRESETS["lite"], name="ablation", trunk=(64, 64, 48, 32, 16), plane_channels=12, rays=64, guide_rays=16, cells=256
)
"""Small enough that four trainings are a matter of an hour or two on two cores; planes of 32², 64² and 128²."""
FIGURES = ("psnr", "ssim", "flip", "f_lmd_px", "lpips", "sharpness_balance")
SHOWN = "three"
"""The row that is trained first: where only minutes are given, its steps are every other row's."""


@dataclass(frozen=True)
class Variant:
    """A row of the table."""

    key: str
    label: str
    levels: int
    window: bool


VARIANTS = (
    Variant("one", "Φ128 alone", 1, True),
    Variant("two", "Φ128 + Φ256", 2, True),
    Variant("three-still", "Φ128 + Φ256 + Φ512, no sliding window", 3, False),
    Variant("three", "Φ128 + Φ256 + Φ512", 3, True),
)
"""In the order of the table; Φ128, Φ256 and Φ512 stand for the reduced preset's three sizes."""


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
    preset: Preset = REDUCED, variants: Sequence[Variant] = VARIANTS,
) -> Ablation:  # fmt: skip
    """Train every variant into ``folder/KEY`` from the same seed on the same frames, measure it, write ablation.json.

    All take as many steps as the first to be trained, `SHOWN`, does within `budget`. What is there already of a row is
    gone on with, and a finished one only read. Raises BadInput where the folder holds another ablation.
    """
    size = preset.for_picture(clip.info.size)
    steps, rows, runs = None, {}, {}
    indices = chosen(clip, count)
    with Judges(lpips) as judges:
        for variant in sorted(variants, key=lambda v: v.key != SHOWN):
            run = _trained(clip, folder / variant.key, size, variant, budget if steps is None else Budget(None, steps))
            steps = run.step if steps is None else steps
            rows[variant.key] = _row(run, clip, variant, indices, judges)
            runs[variant.key] = run
        absent = judges.absent
    figures = {
        "clip": {"folder": clip.folder.name, "frames": len(clip), "size": clip.info.size},
        "subject": clip.info.subject,
        "frames": len(indices),
        "steps": steps,
        "preset": size.as_dict(),
        "machine": machine(),
        "absent": absent,
        "rows": [rows[v.key] for v in variants],
    }
    (folder / "ablation.json").write_text(as_json(figures))
    frame = indices[len(indices) // 2]
    pictures = [truth_and_prediction(runs[v.key], clip, frame) for v in variants]
    return Ablation(figures, pictures[0][0], [made for _, made in pictures])


def _trained(clip: Clip, folder: Path, preset: Preset, variant: Variant, budget: Budget) -> Run:
    """The variant's run, trained until the budget is spent."""
    if (folder / "checkpoint.safetensors").exists():
        run, optimiser = load(folder)
        _same(run, clip, _preset(preset, variant))
    else:
        run, optimiser = _fresh(clip, folder, preset, variant), {}
    if budget.progress(run) < 1:
        train(run, clip, budget, optimiser)
    return run


def _fresh(clip: Clip, folder: Path, preset: Preset, variant: Variant) -> Run:
    """The variant at step 0; all draw from the same seed."""
    model = HeadModel.load()
    identity = np.zeros(len(model.identity), np.float32) if clip.identity is None else clip.identity
    config = TrainConfig() if variant.window else TrainConfig(slide_share=0.0)
    seen, texture = clip.detail[clip.train], mean_texture(clip, model, TEXTURE)
    return build(
        folder, str(clip.folder.resolve()), clip.info.subject, clip.info.consent, config, _preset(preset, variant),
        subject_box(clip), np.stack([seen.min(0), seen.max(0)]), len(clip.train), texture, identity, model,
    )  # fmt: skip


def _preset(preset: Preset, variant: Variant) -> Preset:
    return Preset.from_dict(preset.as_dict() | {"levels": variant.levels})


def _same(run: Run, clip: Clip, preset: Preset) -> None:
    if run.clip != str(clip.folder.resolve()) or run.model.preset != preset:
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
        "asked": asked, "label": variant.label, "levels": variant.levels, "window": variant.window,
        "minutes": run.seconds / 60, **{name: found[name] for name in FIGURES},
        **faces_found([faces for _, faces in frames]),
    }  # fmt: skip
    temporary = path.with_name(f".{os.getpid()}-row.json")
    temporary.write_text(as_json(row))
    os.replace(temporary, path)
    return dict(json.loads(path.read_text()))
