"""`mien train`: a video or a clip → a trained run."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from offline.clip import HEAD_MODEL, Clip
from offline.config import add_setting_arguments, setting_text, setting_values, with_settings
from offline.head_model.dense import DenseHead
from offline.track.texture import mean_texture
from offline.training.devices import choose_device
from offline.training.workers import Workers, joined_workers
from offline.tri2plane.checkpoint import CPU, Run, build, load
from offline.tri2plane.config import TRAINING, TrainConfig
from offline.tri2plane.lens import face_frame
from offline.tri2plane.losses import LOSSES
from offline.tri2plane.polish import polish
from offline.tri2plane.presets import PRESETS, Preset
from offline.tri2plane.train import Budget, subject_box, train
from offline.warp.atlas import face_atlas
from runtime.errors import BadInput
from runtime.naming import unknown

TEXTURE = 128
PRESET = "lite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="VIDEO", help="a video of one person, or a clip folder")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run; goes on if there"
    )
    parser.add_argument("--preset", help=f"size of the networks: {', '.join(PRESETS)} (default {PRESET})")
    parser.add_argument(
        "--minutes", type=float,
        help="train this long (default 30, unless --steps is given); the learning rate falls with time, so "
        "the same seed gives another avatar each time",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=int, help="train this many steps; the same seed then gives the same avatar, to the last bit"
    )
    parser.add_argument("--polish", type=float, metavar="MINUTES", help="then train super-resolution alone, so long")
    parser.add_argument("--polish-steps", type=int, metavar="STEPS", help="the same, for so many steps")
    parser.add_argument("--batch", type=int, help=f"frames a step (default {TrainConfig.batch})")
    parser.add_argument("--seed", type=int, help=f"what everything random is drawn from (default {TrainConfig.seed})")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; several GPUs: start it with torchrun")
    parser.add_argument("--losses", help=f"weights of the losses: {', '.join(LOSSES)} (default: the preset's)")
    parser.add_argument("--lpips", type=Path, metavar="FOLDER", help="weights for the perceptual loss LPIPS")
    parser.add_argument("--threads", type=int, default=0, help="processor threads (default: all cores)")
    add_setting_arguments(parser, _bases)


def run(args: argparse.Namespace) -> None:
    setting_values(args.set, *_bases(args))  # what is no setting is told before a video is tracked
    if args.minutes is None and args.steps is None:
        args.minutes = 30.0
    if (args.minutes is not None and args.minutes <= 0) or (args.steps is not None and args.steps <= 0):
        raise BadInput("--minutes and --steps must be positive")
    if (args.polish is not None and args.polish < 0) or (args.polish_steps is not None and args.polish_steps < 0):
        raise BadInput("--polish and --polish-steps must not be negative")
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
        _refuse_other_settings(state, args)
    else:
        preset, config = _wanted(args, clip.info.size)
        state, optimiser = new_run(args.out, clip, preset, config, device), {}
    first = workers.rank == 0
    if first:
        print(f"preset {state.model.preset.name} on {device}, {workers.count} worker(s); {state.config.says()}")
    trained = train(state, clip, Budget(args.minutes, args.steps), optimiser, workers)
    if first and (args.polish or args.polish_steps):
        polish(state, clip, Budget(args.polish or None, args.polish_steps or None), trained)
    if first:
        print(f"trained {state.step} steps in {state.seconds / 60:.1f} min; next: mien bake {args.out} -o avatar.mien")


def new_run(folder: Path, clip: Clip, preset: Preset, config: TrainConfig, device: torch.device = CPU) -> Run:
    """A run at step 0 for a clip. Raises BadInput where the clip's identity is another head model's."""
    model = clip.head_model
    if clip.identity is not None and clip.identity.shape != (len(model.identity),):
        raise BadInput(f"'{clip.folder}' was tracked with another head model; track the video again.")
    texture = mean_texture(clip, model, TEXTURE)
    identity = np.zeros(len(model.identity), np.float32) if clip.identity is None else clip.identity
    seen = clip.detail[clip.train]
    atlas = None
    if preset.warp == "face":
        if (clip.folder / HEAD_MODEL).exists():
            raise BadInput(
                f"'{clip.folder}' was tracked with a head model of your own, whose mesh the clip does not hold; give "
                "--set warp=neck --set encoder=16,32,64,64, or track it with the shipped model"
            )
        atlas = face_atlas(DenseHead.load(), identity)
    box, cut = subject_box(clip, config.slide if config.margin and config.slide_share else 0.0)
    return build(
        folder, str(clip.folder.resolve()), clip.info.subject, clip.info.consent, config, preset, (box, cut),
        np.stack([seen.min(0), seen.max(0)]), len(clip.train), texture, identity, model, atlas, device,
        face_frame(clip.info.camera, clip.translation[clip.train]),
    )  # fmt: skip


def _bases(args: argparse.Namespace) -> tuple[TrainConfig, Preset]:
    """What the preset that is asked for sets."""
    name = args.preset or PRESET
    if name not in PRESETS:
        raise BadInput(unknown("preset", name, PRESETS))
    return TrainConfig(**TRAINING.get(name, {})), PRESETS[name]


def _given(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """By option: the settings that it sets, where it was given."""
    options: dict[str, dict[str, Any]] = {}
    for name in ("seed", "batch", "losses"):
        if getattr(args, name) is not None:
            options[f"--{name}"] = {name: getattr(args, name)}
    if args.lpips is not None:
        options["--lpips"] = {"perceptual": "lpips", "lpips": str(args.lpips.resolve())}
    settings = setting_values(args.set, *_bases(args))
    return options | {f"--set {key}": {key: value} for key, value in settings.items()}


def _wanted(args: argparse.Namespace, size: int) -> tuple[Preset, TrainConfig]:
    """What the preset sets, and what the command line sets over it, for pictures of `size`²."""
    values = {key: value for setting in _given(args).values() for key, value in setting.items()}
    config, preset = _bases(args)
    names = {field.name for field in fields(preset)}
    return preset.for_picture(size, {k: v for k, v in values.items() if k in names}), with_settings(config, values)


def _refuse_other_settings(run: Run, args: argparse.Namespace) -> None:
    """Raises BadInput where an option asks for another training than the one that `run` began."""
    preset, config = run.model.preset, run.config
    given = ({"--preset": {"name": args.preset}} if args.preset else {}) | _given(args)
    for option, settings in given.items():
        for key, value in settings.items():
            old = getattr(preset, key) if hasattr(preset, key) else getattr(config, key)
            if old != value:
                raise BadInput(
                    f"'{run.folder}' was begun with '{setting_text(old)}' for {option}, not with "
                    f"'{setting_text(value)}'; leave {option} out to go on with it, or give another folder"
                )


def open_source(source: Path, out: Path) -> Clip:
    """A clip folder as it is; a video is tracked first, into ``clip`` inside the run's folder."""
    if source.is_dir():
        return Clip.open(source)
    tracked = out / "clip"
    if (tracked / "clip.json").exists():
        return Clip.open(tracked)
    from offline.track.video import track_video  # mediapipe is not needed to train on a clip

    return track_video(source, tracked)
