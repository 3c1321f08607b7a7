"""The figures that need a GPU, prepared as one script.

    python -m offline.tri2plane.on_gpu CLIP -o OUT                      # all stages, one after the other
    python -m offline.tri2plane.on_gpu CLIP -o OUT --stage live --call-minutes 8

Stages, each of which goes on where it stopped when it is called again:

- ``live``   trains the preset `live` for ``--minutes``
- ``lite``   trains `lite` for as long on the same machine, to compare
- ``paper``  trains `paper` for ``--paper-steps`` steps, for their time and memory
- ``report`` renders held-out frames of what there is, `live` also with 64 samples a ray

``--call-minutes`` ends a stage in time for machines that are lent by the call: the learning rate follows ``--minutes``,
not the call, so that the result does not depend on how often it was interrupted. OUT/figures.json holds what is known
so far: the machine, and by stage steps, minutes, seconds a step and of waiting for frames (medians without the first
ten steps), peak memory in MB, PSNR on held-out frames (dB, on white, mean), seconds a picture, the decoder's work.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from offline.clip import Clip
from offline.files import write_text
from offline.metrics import psnr
from offline.training.devices import choose_device
from offline.tri2plane.checkpoint import Run, load, sampled
from offline.tri2plane.cli import new_run
from offline.tri2plane.config import TRAINING, TrainConfig
from offline.tri2plane.dataset import load_batch
from offline.tri2plane.presets import PRESETS, Preset, decoder_work
from offline.tri2plane.preview import on_white, predict
from offline.tri2plane.train import Budget, train
from runtime.errors import BadInput, MienError
from runtime.naming import unknown

STAGES = ("live", "lite", "paper", "report")
SETTLING = 10
"""Steps at the start of a run that do not count for the medians: libraries choose their algorithms in them."""
MANY = 64
"""Samples a ray that `live` is compared with."""


def main(argv: list[str] | None = None, presets: Mapping[str, Preset] = PRESETS) -> None:
    """The script, with other presets of the same names where tests want small ones."""
    args = _arguments(argv)
    if args.stage and args.stage not in STAGES:
        raise BadInput(unknown("stage", args.stage, STAGES))
    clip, device = Clip.open(args.clip), choose_device(args.device)
    args.out.mkdir(parents=True, exist_ok=True)
    for stage in (args.stage,) if args.stage else STAGES:
        if stage == "report":
            _report(args, clip, device)
        else:
            budget = Budget(steps=args.paper_steps) if stage == "paper" else Budget(minutes=args.minutes)
            _train(args, clip, presets[stage], replace(budget, call=60 * args.call_minutes), device)
    print(f"figures so far: {args.out / 'figures.json'}")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a clip folder with frames of 512²")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="folder of runs and figures")
    parser.add_argument("--stage", help=f"one of {', '.join(STAGES)} (default: all)")
    parser.add_argument("--minutes", type=float, default=30.0, help="training time of live, and of lite")
    parser.add_argument("--call-minutes", type=float, default=9.0, help="end a stage after this long; call again")
    parser.add_argument("--paper-steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=TrainConfig.batch, help="frames a step of live and lite")
    parser.add_argument("--frames", type=int, default=40, help="held-out frames for the report")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser.parse_args(argv)


def _train(args: argparse.Namespace, clip: Clip, preset: Preset, budget: Budget, device: torch.device) -> None:
    folder = args.out / preset.name
    if (folder / "checkpoint.safetensors").exists():
        run, optimiser = load(folder, device)
    else:
        batch = 2 if preset.name == "paper" else args.batch  # the released code's
        config = TrainConfig(**TRAINING.get(preset.name, {}) | {"batch": batch})
        run, optimiser = new_run(folder, clip, preset.for_picture(clip.info.size), config, device), {}
    if budget.progress(run) < 1:
        train(run, clip, budget, optimiser)
    parameters = sum(p.numel() for p in run.model.parameters())
    _note(args, preset.name, _of_log(folder) | {"finished": budget.progress(run) >= 1, "parameters": parameters,
          "samples_a_picture": decoder_work(run.model.preset), "losses": run.config.says()})  # fmt: skip


def _of_log(folder: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    counted = rows[SETTLING:] or rows
    medians = {name: statistics.median(row[name] for row in counted) for name in ("step_s", "wait_s")}
    return {"steps": rows[-1]["step"], "minutes": rows[-1]["seconds"] / 60, **medians,
            "memory_mb": max(row["memory_mb"] for row in rows)}  # fmt: skip


def _report(args: argparse.Namespace, clip: Clip, device: torch.device) -> None:
    for name in ("live", "lite", "paper"):
        if (args.out / name / "checkpoint.safetensors").exists():
            run = load(args.out / name, device)[0]
            _note(args, name, _quality(run, clip, args.frames))
            if name == "live":
                many = _quality(sampled(run, MANY, None), clip, args.frames)
                _note(args, name, {f"{key}_{MANY}_samples": value for key, value in many.items()})


def _quality(run: Run, clip: Clip, count: int) -> dict[str, float]:
    """Mean PSNR on evenly spaced held-out frames, and the median time of a picture, from drive state to RGBA."""
    frames = np.linspace(clip.test[0], clip.test[-1], min(count, len(clip.test))).astype(int)
    scores, seconds = [], []
    for frame in frames:
        batch = load_batch(clip, np.array([frame]))
        begun = time.perf_counter()
        picture = predict(run, batch)  # comes back to the processor, so the GPU is done
        seconds.append(time.perf_counter() - begun)
        truth, made = (on_white(p)[0].clamp(0, 1).permute(1, 2, 0).numpy() for p in (batch.picture, picture))
        scores.append(psnr(made, truth))
    return {"psnr": statistics.fmean(scores), "picture_s": statistics.median(seconds)}


def _note(args: argparse.Namespace, stage: str, values: dict[str, Any]) -> None:
    """Add to figures.json, with the machine that they were measured on."""
    path = args.out / "figures.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() and args.device != "cpu" else "none"
    figures["machine"] = {"gpu": gpu, "processor": platform.machine(), "torch": torch.__version__}
    figures.setdefault("presets", {}).setdefault(stage, {}).update(values)
    write_text(path, json.dumps(figures, indent=1))


if __name__ == "__main__":
    try:
        main()
    except MienError as error:
        raise SystemExit(f"on_gpu: {error}") from error
