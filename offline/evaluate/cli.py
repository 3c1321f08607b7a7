"""`mien eval`: a run on held-out frames, what an avatar's face does, an ablation, or distilled heads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from offline.clip import Clip
from offline.config import add_setting_arguments, setting_values, with_settings
from offline.evaluate.ablation import FIGURES, REDUCED, TABLES, ablate
from offline.evaluate.ablation_page import write_ablation_page
from offline.evaluate.avatars import ShownAvatar, avatar_of_bundle, avatar_of_run
from offline.evaluate.axes import VIEWS, AxesReport, measure_axes, shots, subject_of
from offline.evaluate.definitions import METRICS
from offline.evaluate.drive import Driven, drive
from offline.evaluate.evaluate import evaluate
from offline.evaluate.heads import ROWS, OracleSource, PriorSource, evaluate_heads
from offline.evaluate.heads_page import HEAD_METRICS, write_heads_page
from offline.evaluate.page import write_page
from offline.evaluate.performance_page import (
    performance_figures,
    performance_lines,
    performance_sections,
    write_performance_page,
)
from offline.evaluate.report import as_json
from offline.files import write_text
from offline.joker.distill.presets import preset_for
from offline.joker.prior.bound import load_prior
from offline.joker.prior.folder import prior_size
from offline.pages.html import number
from offline.training.devices import DEVICES, choose_device
from offline.tri2plane.checkpoint import load, sampled
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.train import Budget
from runtime.errors import BadInput
from runtime.naming import unknown

ABLATION_MINUTES = 20.0
ORACLE, ORACLE_SIZE = "oracle", 64
"""What stands for a prior that knows the truth, and the size of its pictures, pixels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a trained run, or a bundle (.mien)")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="where the report goes (default: RUN/eval)")
    parser.add_argument("--clip", type=Path, help="another clip than the one it was trained on")
    parser.add_argument("--cross", type=Path, metavar="CLIP", help="also drive the avatar by this clip")
    parser.add_argument(
        "--axes", action="store_true", help="every coefficient and some combinations against the synthetic subject"
    )
    parser.add_argument("--views", default=",".join(VIEWS), help="with --axes: from where (default %(default)s)")
    parser.add_argument(
        "--drive", type=Path, action="append", default=[], metavar="VIDEO",
        help="how far the avatar does what the face on this video does; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--subject", action="store_true",
        help="with --drive: a synthetic subject is drawn in the same states, which tells what tracking loses from what "
        "the avatar does",
    )  # fmt: skip
    parser.add_argument("--engine", default="auto", help="which engine shows a bundle (default %(default)s)")
    parser.add_argument("--lpips", type=Path, metavar="FOLDER", help="weights of LPIPS (see offline/perceptual.py)")
    parser.add_argument("--samples", type=int, help="samples along a ray (default: as trained); fewer are faster")
    parser.add_argument("--guide-samples", type=int, help="the same for the guide; 0 for none")
    parser.add_argument("--frames", type=int, help="how many held-out frames, in evenly spaced pairs (default: all)")
    parser.add_argument("--device", default="auto", help=f"where the networks run: {', '.join(DEVICES)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")
    parser.add_argument(
        "--ablate", type=Path, metavar="CLIP",
        help="instead: train the rows of a --table on this clip into -o, and compare them",
    )  # fmt: skip
    parser.add_argument(
        "--table",
        default="planes",
        help=f"with --ablate: {', '.join(TABLES)} (levels and sliding window, the face's warp, speed-ups)",
    )
    parser.add_argument(
        "--heads",
        metavar="PRIOR",
        help=f"instead: distil heads of the studio's people from this prior into -o; '{ORACLE}': from the truth itself",
    )
    parser.add_argument("--preset", help="with --heads: how they are distilled (default: the one for the prior's size)")
    parser.add_argument("--rows", help=f"with --heads: which rows, of {','.join(ROWS)} (default: all)")
    parser.add_argument("--minutes", type=float, help=f"with --ablate: a row's training ({ABLATION_MINUTES:.0f})")
    parser.add_argument("--steps", type=int, help="with --ablate: a row's training steps, instead of minutes")
    add_setting_arguments(parser, lambda args: (TrainConfig(), REDUCED), "with --ablate: ")


def run(args: argparse.Namespace) -> None:
    if args.frames is not None and args.frames < 1:
        raise BadInput(f"--frames is {args.frames}; it must be at least 1")
    wanted = {"run": _evaluate, "ablate": _ablate, "heads": _heads}
    given = [name for name in wanted if getattr(args, name) is not None]
    if len(given) != 1:
        raise BadInput("give one of: the folder of a run to measure, --ablate CLIP, --heads PRIOR")
    figures = wanted[given[0]](args)
    if args.json:
        print(as_json(figures))


def _evaluate(args: argparse.Namespace) -> dict[str, Any]:
    if args.minutes is not None or args.steps is not None or args.set:
        raise BadInput("--minutes, --steps and --set belong to --ablate; a run is measured as it is")
    shots(args.views.split(","))  # an unknown one is told before minutes are spent
    if args.subject and not args.drive:
        raise BadInput("--subject is drawn beside what a video drives; give --drive VIDEO as well")
    for video in args.drive:
        if not video.is_file():
            raise BadInput(f"there is no video '{video}'")
    if args.run.is_file():
        return _performance_of_bundle(args)
    state = sampled(load(args.run, choose_device(args.device))[0], args.samples, args.guide_samples)
    clip = Clip.open(args.clip or Path(state.clip))
    driving = None if args.cross is None else Clip.open(args.cross)
    folder = args.out or args.run / "eval"
    avatar = avatar_of_run(state, clip)
    if args.axes or args.subject:
        subject_of(avatar)  # before minutes are spent on the rest
    done = evaluate(state, clip, folder, args.frames, args.lpips, driving)
    axes, driven = _performance(args, avatar, folder)
    done.figures.update(performance_figures(axes, driven))
    write_text(folder / "report.json", as_json(done.figures))
    page = write_page(done, performance_sections(axes, driven))
    if not args.json:
        for metric in METRICS:
            print(f"{metric.label:26}{number(done.figures[metric.key], metric.digits):>9} {metric.unit}")
        print(f"faces lost                {done.figures['faces_lost']:>9} of {done.figures['faces']}")
        for line in performance_lines(axes, driven):
            print(line)
        print(f"the whole report: {page}")
    return done.figures


def _performance(args: argparse.Namespace, avatar: ShownAvatar, folder: Path) -> tuple[AxesReport | None, list[Driven]]:
    axes = measure_axes(avatar, folder / "axes", shots(args.views.split(","))) if args.axes else None
    subject = subject_of(avatar) if args.subject else None
    return axes, [drive(avatar, video, subject) for video in args.drive]


def _performance_of_bundle(args: argparse.Namespace) -> dict[str, Any]:
    if not args.axes and not args.drive:
        raise BadInput(f"'{args.run}' is a bundle; say what to measure: --axes, --drive VIDEO, or give a run's folder")
    only_runs = ("clip", "cross", "samples", "guide_samples", "frames", "lpips")
    given = [name for name in only_runs if getattr(args, name) is not None]
    if given:
        raise BadInput(f"--{given[0].replace('_', '-')} is for a run's folder, not for a bundle")
    avatar = avatar_of_bundle(args.run, args.engine)
    folder = args.out or args.run.with_suffix(".eval")
    axes, driven = _performance(args, avatar, folder)
    page = write_performance_page(avatar, axes, driven, folder)
    if not args.json:
        for line in performance_lines(axes, driven):
            print(line)
        print(f"the whole report: {page}")
    return performance_figures(axes, driven)


def _ablate(args: argparse.Namespace) -> dict[str, Any]:
    if args.out is None:
        raise BadInput("--ablate trains several runs; say where with -o FOLDER")
    if args.table not in TABLES:
        raise BadInput(unknown("table", args.table, TABLES))
    if any(v is not None for v in (args.clip, args.cross, args.samples, args.guide_samples)):
        raise BadInput("--clip, --cross, --samples and --guide-samples are for measuring a run, not for --ablate")
    if (args.minutes is not None and args.minutes <= 0) or (args.steps is not None and args.steps < 1):
        raise BadInput("--minutes and --steps must be positive")
    budget = Budget(args.minutes or (None if args.steps else ABLATION_MINUTES), args.steps)
    values = setting_values(args.set, TrainConfig(), REDUCED)
    done = ablate(
        Clip.open(args.ablate), args.out, budget, args.frames, args.lpips, with_settings(REDUCED, values),
        TABLES[args.table], choose_device(args.device), with_settings(TrainConfig(), values),
    )  # fmt: skip
    page = write_ablation_page(done, args.out)
    if not args.json:
        digits = {metric.key: metric.digits for metric in METRICS}
        print(f"{'':40}" + "".join(f"{name:>18}" for name in FIGURES))
        for row in done.figures["rows"]:
            print(f"{row['label']:40}" + "".join(f"{number(row[name], digits[name]):>18}" for name in FIGURES))
        print(f"the whole report: {page}")
    return done.figures


def _heads(args: argparse.Namespace) -> dict[str, Any]:
    if args.out is None:
        raise BadInput("--heads distils several heads; say where with -o FOLDER")
    preset = preset_for(ORACLE_SIZE if args.heads == ORACLE else prior_size(args.heads), args.preset)
    rows = args.rows.split(",") if args.rows else list(ROWS)
    for row in rows:
        if row not in ROWS:
            raise BadInput(unknown("row", row, ROWS))
    device = choose_device(args.device)
    source = OracleSource(ORACLE_SIZE) if args.heads == ORACLE else PriorSource(load_prior(args.heads, device))
    done = evaluate_heads(source, args.heads, preset, args.out, rows=rows)
    page = write_heads_page(done, args.out)
    if not args.json:
        print(f"{'':24}" + "".join(f"{metric.label:>14}" for metric in HEAD_METRICS))
        for row in [*done.figures["rows"], {"label": "the truth itself"} | done.figures["truth"]]:
            cells = "".join(f"{number(row[metric.key], metric.digits):>14}" for metric in HEAD_METRICS)
            print(f"{row['label']:24}{cells}")
        print(f"the whole report: {page}")
    return done.figures
