"""`mien prior`: make, train, try and measure the 2D prior that heads are distilled from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from offline.config import add_setting_arguments, setting_values, with_settings
from offline.files import write_png, write_text
from offline.joker.captures.convert import cli as convert_cli
from offline.joker.captures.layout import FITTED, MEAN, Captures, read
from offline.joker.prior.ambiguity import answer_cases, cases
from offline.joker.prior.autoencoder import train_autoencoder
from offline.joker.prior.bound import Prior, load_prior, sample
from offline.joker.prior.config import CONFIGS, PriorConfig
from offline.joker.prior.networks import INDEX, JokerPrior, load_networks, pack, save_networks
from offline.joker.prior.pairs import Batch, Pairs
from offline.joker.prior.small import small_prior
from offline.joker.prior.training import PriorTraining
from offline.joker.world.dataset import write_world
from offline.training.devices import DEVICES, choose_device
from offline.training.loop import Budget
from offline.training.workers import Workers, joined_workers
from runtime.errors import BadInput
from runtime.naming import unknown

GRID = 8
"""Pairs that the validation grid shows."""
GRID_STEPS = 12
"""Of DDIM, for each of its pictures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    jobs = parser.add_subparsers(dest="job", required=True, metavar="JOB")
    world = jobs.add_parser("world", help="render the studio's world as captures")
    world.add_argument("-o", "--out", type=Path, required=True, metavar="CAPTURES")
    world.add_argument("--people", type=int, default=900, help="how many (default %(default)s)")
    world.add_argument("--looks", type=int, default=12, help="pictures of each besides the frontal one (%(default)s)")
    world.add_argument("--size", type=int, default=128, help="pixels (default %(default)s)")
    world.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first person")
    world.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    convert_cli.add_arguments(jobs.add_parser("convert", help="make captures of NeRSemble or CelebV-Text"))
    train = jobs.add_parser("train", help="train a prior on captures; goes on if it is there")
    train.add_argument("captures", type=Path, nargs="+", metavar="CAPTURES", help="several are drawn equally often")
    train.add_argument("-o", "--out", type=Path, required=True, metavar="PRIOR")
    train.add_argument("--base", metavar="NAME_OR_FOLDER", help="Stable Diffusion 1.5 or a prior to begin with")
    train.add_argument("--config", default="studio", help=f"{', '.join(CONFIGS)} (default %(default)s)")
    train.add_argument("--held-out", type=Path, metavar="CAPTURES", help="captures that the grid shows")
    train.add_argument("--batch", type=int, metavar="N", help="pairs that a step learns from (default: the config's)")
    train.add_argument("--parts", type=int, metavar="N", help="parts that a batch is computed in, for less memory")
    train.add_argument("--minutes", type=float, help="train until so long was spent (default 60, unless --steps)")
    train.add_argument("--steps", type=int, help="train until this step")
    train.add_argument("--device", default="auto", help="; ".join(DEVICES))
    train.add_argument("--threads", type=int, default=0, help="processor threads (default: all cores)")
    add_setting_arguments(train, lambda args: (_config(args),))
    packing = jobs.add_parser("pack", help="write a trained prior in half precision, to hand on")
    packing.add_argument("prior", metavar="NAME_OR_FOLDER")
    packing.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER")
    measure = jobs.add_parser("measure", help="ask for looks that only the sentence can tell")
    measure.add_argument("prior", metavar="NAME_OR_FOLDER")
    measure.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FOLDER", help="for the figures and a picture"
    )
    measure.add_argument("--cases", type=int, default=50)
    measure.add_argument("--guidance", type=float, default=2.0)
    measure.add_argument("--device", default="auto", help="; ".join(DEVICES))


def run(args: argparse.Namespace) -> None:
    {"world": _world, "convert": convert_cli.run, "train": _train, "pack": _pack, "measure": _measure}[args.job](args)


def _world(args: argparse.Namespace) -> None:
    if min(args.people, args.looks, args.workers) < 1 or args.size < 64 or args.size % 64:
        raise BadInput("--people, --looks and --workers must be positive, --size a multiple of 64")
    made = write_world(args.out, args.people, args.looks, args.size, args.first, args.workers)
    print(f"{len(made.people)} people in {args.out}; next: mien prior train {args.out} -o PRIOR")


def _train(args: argparse.Namespace) -> None:
    if (args.minutes is not None and args.minutes <= 0) or (args.steps is not None and args.steps < 1):
        raise BadInput("--minutes and --steps must be positive")
    if args.threads:
        torch.set_num_threads(args.threads)
    config, device = _config(args), choose_device(args.device)
    if not (args.base or config.vae_steps or (args.out / INDEX).is_file()):
        raise BadInput(f"--config {args.config} trains no autoencoder; give the networks to begin with by --base")
    with joined_workers(device) as workers:
        _train_together(args, config, device, workers)


def _train_together(args: argparse.Namespace, config: PriorConfig, device: torch.device, workers: Workers) -> None:
    captures = [read(folder) for folder in args.captures]
    head = one_head(captures)
    if not (args.out / INDEX).is_file() and workers.rank == 0:
        _begin(args, captures, config, device)
    workers.wait()
    networks = load_networks(args.out)
    if networks.head != head:
        raise BadInput(
            f"'{args.out}' learnt from normals of the {networks.head} head, and the captures show the {head} one; "
            "give another folder"
        )
    pairs = Pairs(captures, networks.size, config.reference, config.dropout, config.tint)
    training = PriorTraining(networks, args.out, config, device, workers)
    held_out = Pairs([read(args.held_out)], networks.size, "frontal", 0.0, 0.0) if args.held_out else pairs
    shown = held_out.fixed([_shown_pair(held_out, n) for n in range(GRID)])

    def check(step: int) -> None:
        with training.average.in_place():
            save_networks(networks, args.out)
            grid = validation_grid(networks, shown)
        write_picture(args.out / "previews" / f"{step:07d}.png", grid)

    minutes = 60.0 if args.minutes is None and args.steps is None else args.minutes
    training.train(pairs, Budget(minutes, args.steps), check)
    if workers.rank == 0:
        print(f"{training.progress.step} steps; next: mien prior measure {args.out} -o FOLDER")


def _config(args: argparse.Namespace) -> PriorConfig:
    """The named config with what the command line says otherwise. Raises BadInput where values cannot be."""
    if args.config not in CONFIGS:
        raise BadInput(unknown("config", args.config, CONFIGS))
    config = CONFIGS[args.config]
    given = {name: getattr(args, name) for name in ("batch", "parts") if getattr(args, name) is not None}
    return with_settings(config, setting_values(args.set, config) | given)


def one_head(captures: Sequence[Captures]) -> str:
    """Whose head the normals of all captures show. Raises BadInput where they differ."""
    by_head = {each.head: each.folder for each in captures}
    if len(by_head) > 1:
        raise BadInput(
            f"'{by_head[MEAN]}' shows normals of the mean head and '{by_head[FITTED]}' of fitted ones; write the "
            "former again, or train on one of them"
        )
    return next(iter(by_head))


def _begin(args: argparse.Namespace, captures: list[Captures], config: PriorConfig, device: torch.device) -> None:
    """Writes the prior that training begins with: the base, or a small one with an autoencoder of its own."""
    networks = load_networks(args.base) if args.base else small_prior()
    kept = args.out / "autoencoder.safetensors"
    if not args.base:
        networks.vae.to(device)
        pairs = Pairs(captures, networks.size, config.reference, config.dropout, config.tint)
        print(f"autoencoder: {train_autoencoder(networks.vae, pairs, config, device, kept):.1f} dB")
    networks.register_to_config(head=one_head(captures))
    save_networks(networks, args.out)
    kept.unlink(missing_ok=True)


def _shown_pair(pairs: Pairs, n: int) -> tuple[int, int]:
    """The n-th person and a picture that is not the reference."""
    person = n % len(pairs.people)
    return person, 1 + n % (len(pairs.people[person].frames) - 1)


def _pack(args: argparse.Namespace) -> None:
    pack(args.prior, args.out)
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB in {args.out}; next: mien prior measure {args.out} -o FOLDER")


def validation_grid(networks: JokerPrior, shown: Batch) -> Tensor:
    """Reference, normals, truth and what the prior makes of it, one pair a column: [3, 4·P, B·P], 0..1."""
    prior = Prior.while_training(networks)
    made = []
    for reference, normals, caption in zip(shown.reference, shown.normals, shown.captions, strict=True):
        bound = prior.bind(reference, normals[None], caption, guidance=2.0)
        made.append(sample(bound, [0], GRID_STEPS, torch.Generator().manual_seed(0))[0].cpu())
    rows = (shown.reference, shown.normals, shown.target, torch.stack(made))
    return torch.cat([torch.cat(list(row), 2) for row in rows], 1)


def _measure(args: argparse.Namespace) -> None:
    if args.cases < 1:
        raise BadInput(f"--cases is {args.cases}; it must be at least 1")
    prior = load_prior(args.prior, choose_device(args.device))
    questions = cases(args.cases, prior.size, prior.head)
    results = answer_cases(prior, questions, args.guidance)
    columns = [torch.cat([c.reference, c.truth, p], 1) for c, p in zip(questions, results.pictures, strict=True)]
    write_picture(args.out / "answers.png", _in_rows(columns, 10))
    figures = {
        "cases": args.cases, "guidance": args.guidance, "right": results.right, "psnr": results.psnr,
        "right_without_text": results.right_without_text, "right_of_truths": results.right_of_truths,
    }  # fmt: skip
    write_text(args.out / "figures.json", json.dumps(figures, indent=1))
    print(
        f"right look: {results.right:.0%}, without the sentence {results.right_without_text:.0%}, of the truths "
        f"{results.right_of_truths:.0%}; {results.psnr:.1f} dB; pictures in {args.out / 'answers.png'}"
    )


def _in_rows(pictures: Sequence[Tensor], across: int) -> Tensor:
    blank = torch.ones_like(pictures[0])
    filled = [*pictures, *([blank] * (-len(pictures) % across))]
    return torch.cat([torch.cat(filled[n : n + across], 2) for n in range(0, len(filled), across)], 1)


def write_picture(path: Path, picture: Tensor) -> None:
    """[3, H, W], 0..1 → a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = (picture.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()
    write_png(path, np.ascontiguousarray(values[..., ::-1]))
