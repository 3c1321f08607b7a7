"""`mien distill`: a picture and a list of expressions → a bank of heads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from offline.config import add_setting_arguments, setting_values, with_settings
from offline.files import held
from offline.joker.bank.expressions import NEUTRAL, DistilledExpression, load_expressions, shipped
from offline.joker.bank.folder import BankInfo, is_finished, read_info, write_info
from offline.joker.distill.jobs import MOST, run_tasks
from offline.joker.distill.presets import PRESETS, DistillPreset, preset_for
from offline.joker.distill.reference import SIZE, photo_reference
from offline.joker.distill.task import BindsViews, LoadPrior, Task, avatar_identity, avatar_reference, write_reference
from offline.joker.prior.folder import SHIPPED_PRIOR, prior_fingerprint, prior_size
from offline.training.devices import DEVICES, choose_device
from offline.tri2plane.checkpoint import load as load_run
from runtime.errors import BadInput
from runtime.naming import unknown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reference", type=Path, metavar="PHOTO",
        help="a photo of one person from the front; with --avatar its own picture is taken where there is none",
    )  # fmt: skip
    parser.add_argument(
        "--expressions", type=Path, metavar="FILE", help="YAML list of expressions (default: one that comes with Mien)"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="BANK", help="folder; goes on if there")
    parser.add_argument("--avatar", type=Path, metavar="RUN", help="a trained avatar that the bank is for")
    parser.add_argument(
        "--prior", default=SHIPPED_PRIOR, metavar="NAME_OR_FOLDER",
        help="the 2D prior, a pipeline folder (default: the small one that comes with Mien, for the studio's people)",
    )  # fmt: skip
    parser.add_argument("--preset", help=f"how to distil: {', '.join(PRESETS)} (default: the one for the prior's size)")
    parser.add_argument("--jobs", type=int, metavar="N", help="expressions at once (default: one for each GPU)")
    parser.add_argument("--device", default="auto", help=f"{', '.join(DEVICES)} (default %(default)s)")
    parser.add_argument("--lpips", type=Path, metavar="FOLDER", help="weights for the perceptual loss LPIPS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subject", default="", metavar="NAME", help="whose likeness it is (default: the avatar's)")
    parser.add_argument("--consent", default="", metavar="TEXT", help="who agreed to it, when (default: the avatar's)")
    add_setting_arguments(parser, lambda args: (wanted_preset(args),))


def wanted_preset(args: argparse.Namespace) -> DistillPreset:
    """The preset for the prior's size, with what `--set` says otherwise.

    Raises BadInput where `--preset` is for other pictures, or a setting cannot be.
    """
    if args.preset is not None and args.preset not in PRESETS:
        raise BadInput(unknown("preset", args.preset, PRESETS))
    preset = preset_for(prior_size(args.prior), args.preset)
    return with_settings(preset, setting_values(args.set, preset))


def run(args: argparse.Namespace) -> None:
    """Raises BadInput where an option, the photo, the list or the folder cannot be used."""
    distil_bank(args, _load_prior)


def distil_bank(args: argparse.Namespace, load_prior: LoadPrior) -> None:
    """`run` with any prior."""
    preset = wanted_preset(args)
    if args.jobs is not None and not 1 <= args.jobs <= MOST:
        raise BadInput(f"--jobs must be 1 to {MOST}, not {args.jobs}")
    device = choose_device(args.device)
    info = bank_info(args, preset)
    with held(args.out):
        _distil_all(args, info, preset, device, load_prior)


def _distil_all(
    args: argparse.Namespace, info: BankInfo, preset: DistillPreset, device: torch.device, load_prior: LoadPrior
) -> None:
    prepare(args, info)
    tasks = [
        Task(args.out, expression, preset, info.prior, info.avatar, args.lpips, args.seed)
        for expression in info.expressions
    ]
    due = [task for task in tasks if not is_finished(args.out, task.expression)]
    print(f"{len(tasks) - len(due)} of {len(tasks)} expressions are finished; {len(due)} to go on {device}")
    devices = [device] if device.type == "cpu" else [torch.device("cuda", n) for n in range(torch.cuda.device_count())]
    first = [task for task in due if task.expression.name == NEUTRAL]  # the others start from its networks
    for part in (first, due[len(first) :]):
        if part:
            run_tasks(part, min(args.jobs or len(devices), len(part)), devices, load_prior)
        if device.type == "cuda":
            torch.cuda.empty_cache()  # for the processes that come
    print(f"{len(tasks)} expressions in {args.out}; next: mien bake {args.out} -o avatar.mien")


def _load_prior(name: str, device: torch.device) -> BindsViews:
    from offline.joker.prior.bound import load_prior  # diffusers takes seconds, and a wrong option is told at once

    return load_prior(name, device)


def bank_info(args: argparse.Namespace, preset: DistillPreset) -> BankInfo:
    """What the command line asks for, checked against what the folder holds."""
    kind = "avatar" if args.avatar else "alone"
    name = "extremes" if args.avatar else "alone"
    expressions = load_expressions(args.expressions) if args.expressions else shipped(name)
    subject, consent, avatar, fingerprint = args.subject, args.consent, "", ""
    if args.avatar:
        trained = load_run(args.avatar)[0]
        subject, consent = subject or trained.subject, consent or trained.consent
        avatar, fingerprint = str(args.avatar.resolve()), trained.fingerprint
        expressions = [e for e in expressions if e.name != NEUTRAL]
    elif not args.reference:
        raise BadInput("a bank needs --reference PHOTO, or an avatar to belong to: --avatar RUN")
    if not subject or not consent:
        raise BadInput("say whose likeness it is and who agreed to it, with --subject NAME and --consent TEXT")
    prior = str(Path(args.prior).resolve()) if Path(args.prior).is_dir() else args.prior
    info = BankInfo(
        kind, subject, consent, prior, prior_fingerprint(prior), preset.label, tuple(expressions), avatar, fingerprint
    )
    if (args.out / "bank.json").is_file():
        _check_same(args.out, read_info(args.out), info)
    return info


def prepare(args: argparse.Namespace, info: BankInfo) -> None:
    """Write the bank's description and its reference picture."""
    photo: Path | None = args.reference
    reference = photo_reference(photo) if photo else avatar_reference(load_run(args.avatar)[0], SIZE)
    if photo and args.avatar:  # a video says more of a head than a picture
        reference = replace(reference, identity=avatar_identity(load_run(args.avatar)[0]))
    write_reference(args.out, reference)
    write_info(args.out, info)


def _check_same(folder: Path, old: BankInfo, new: BankInfo) -> None:
    """A bank may get more expressions, or lose some; nothing else may change."""
    if replace(old, expressions=new.expressions) != new:
        raise BadInput(f"'{folder}' holds a bank of another {_difference(old, new)}; take another folder, or delete it")
    before: dict[str, DistilledExpression] = {e.slug: e for e in old.expressions}
    for expression in new.expressions:
        kept = before.get(expression.slug)
        if kept is not None and _looks(kept) != _looks(expression) and is_finished(folder, kept):
            raise BadInput(f"'{expression.name}' is finished with other words or coefficients; give it another name")


def _looks(expression: DistilledExpression) -> tuple[str, Mapping[str, float]]:
    """What of an expression its head depends on; how it is played may change."""
    return expression.prompt, expression.coefficients


def _difference(old: BankInfo, new: BankInfo) -> str:
    names = {name: name for name in ("kind", "avatar", "subject", "consent", "prior", "preset")}
    names["prior_fingerprint"] = "state of the prior, which was trained on since"
    names["fingerprint"] = "state of the avatar, which was trained on since"
    return next(label for name, label in names.items() if getattr(old, name) != getattr(new, name))
