"""`mien train`: a video or a clip → a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from offline.clip import Clip
from offline.track.texture import mean_texture
from offline.training.devices import choose_device
from offline.training.workers import Workers, joined_workers
from offline.tri2plane.checkpoint import CPU, Run, build, load
from offline.tri2plane.config import TRAINING, TrainConfig
from offline.tri2plane.losses import LOSSES
from offline.tri2plane.polish import polish
from offline.tri2plane.presets import PRESETS, Preset
from offline.tri2plane.train import Budget, subject_box, train
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput
from runtime.naming import unknown

TEXTURE = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="VIDEO", help="a video of one person, or a clip folder")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run; goes on if there"
    )
    parser.add_argument("--preset", default="lite", help=f"size of the networks: {', '.join(PRESETS)}")
    parser.add_argument("--minutes", type=float, help="train this long (default 30, unless --steps is given)")
    parser.add_argument("--steps", type=int, help="train this many steps")
    parser.add_argument(
        "--polish", type=float, default=0.0, metavar="MINUTES", help="then train super-resolution alone"
    )
    parser.add_argument("--batch", type=int, default=TrainConfig.batch, help="frames a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; several GPUs: start it with torchrun")
    parser.add_argument("--losses", help=f"weights of the losses: {', '.join(LOSSES)} (default: the preset's)")
    parser.add_argument("--lpips", type=Path, metavar="FOLDER", help="weights for the perceptual loss LPIPS")
    parser.add_argument("--threads", type=int, default=0, help="processor threads (default: all cores)")


def run(args: argparse.Namespace) -> None:
    if args.preset not in PRESETS:
        raise BadInput(unknown("preset", args.preset, PRESETS))
    if args.minutes is None and args.steps is None:
        args.minutes = 30.0
    if (args.minutes is not None and args.minutes <= 0) or (args.steps is not None and args.steps <= 0):
        raise BadInput("--minutes and --steps must be positive")
    if args.polish < 0:
        raise BadInput("--polish must not be negative")
    if args.threads:
        torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    with joined_workers(device) as workers:
        _train(args, device, workers)


def _train(args: argparse.Namespace, device: torch.device, workers: Workers) -> None:
    if workers.count > 1 and not args.source.is_dir():
        raise BadInput(f"several workers cannot share the tracking of a video; first: mien track {args.source} -o CLIP")
    clip = open_source(args.source, args.out)
    if (args.out / "checkpoint.safetensors").exists():
        state, optimiser = load(args.out, device)
        if state.clip != str(clip.folder.resolve()):
            raise BadInput(f"'{args.out}' was trained on '{state.clip}'; give that clip, or another folder")
    else:
        preset = PRESETS[args.preset].for_picture(clip.info.size)
        state, optimiser = new_run(args.out, clip, preset, _config(args), device), {}
    first = workers.rank == 0
    if first:
        print(f"preset {state.model.preset.name} on {device}, {workers.count} worker(s); {state.config.says()}")
    trained = train(state, clip, Budget(args.minutes, args.steps), optimiser, workers)
    if args.polish and first:
        polish(state, clip, args.polish, trained)
    if first:
        print(f"trained {state.step} steps in {state.seconds / 60:.1f} min; next: mien bake {args.out} -o avatar.mien")


def new_run(folder: Path, clip: Clip, preset: Preset, config: TrainConfig, device: torch.device = CPU) -> Run:
    """A run at step 0 for a clip."""
    model = HeadModel.load()
    texture = mean_texture(clip, model, TEXTURE)
    identity = np.zeros(len(model.identity), np.float32) if clip.identity is None else clip.identity
    seen = clip.detail[clip.train]
    return build(
        folder, str(clip.folder.resolve()), clip.info.subject, clip.info.consent, config, preset, subject_box(clip),
        np.stack([seen.min(0), seen.max(0)]), len(clip.train), texture, identity, model, device,
    )  # fmt: skip


def _config(args: argparse.Namespace) -> TrainConfig:
    """What the preset sets, and what the command line sets over it."""
    given: dict[str, Any] = {"seed": args.seed, "batch": args.batch}
    if args.losses:
        given["losses"] = args.losses
    if args.lpips:
        given |= {"perceptual": "lpips", "lpips": str(args.lpips.resolve())}
    return TrainConfig(**TRAINING.get(args.preset, {}) | given)


def open_source(source: Path, out: Path) -> Clip:
    """A clip folder as it is; a video is tracked first, into ``clip`` inside the run's folder."""
    if source.is_dir():
        return Clip.open(source)
    tracked = out / "clip"
    if (tracked / "clip.json").exists():
        return Clip.open(tracked)
    from offline.track.video import track_video  # mediapipe is not needed to train on a clip

    return track_video(source, tracked)
