"""One expression of a bank, from its sentence to its finished head."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from offline.files import write_png, write_text
from offline.joker.bank.expressions import NEUTRAL, DistilledExpression
from offline.joker.bank.folder import (
    Base,
    Planes,
    is_finished,
    read_base,
    work_path,
    write_base,
    write_head,
)
from offline.joker.captures.layout import FITTED
from offline.joker.captures.normals import head_normals
from offline.joker.captures.views import View, camera_tensors, grid
from offline.joker.distill.distill import Distillation, OnProgress
from offline.joker.distill.nerf import DistilledHead, HeadRenderer
from offline.joker.distill.presets import DistillPreset
from offline.joker.distill.reference import Reference
from offline.joker.distill.resizing import resized
from offline.joker.prior.denoiser import Denoiser
from offline.perceptual import Lpips
from offline.tensors import AGAIN
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.checkpoint import load as load_run
from offline.tri2plane.presets import PRESETS as SIZES
from runtime.contract.axes import Array
from runtime.contract.drive import DETAIL, coefficients
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput

REFERENCE = "reference.png"
"""The picture that the prior knows the person by, RGB over the background, in the bank's folder."""
IDENTITY = "reference.json"
"""The identity that fits them, ``{"identity": [K]}``, beside it."""
MAX_IDENTITY = 64 * 1024
"""Bytes of it that are read."""
SAME = 2.0
"""Mean difference (8-bit levels) up to which two reference pictures are the same one."""
PICTURE = 512
"""Width of the pictures of an avatar from one photo, pixels."""


class BindsViews(Protocol):
    """The part of a prior that a task needs."""

    @property
    def size(self) -> int: ...

    @property
    def head(self) -> str: ...

    def bind(self, reference: Tensor, normals: Tensor, prompt: str, guidance: float) -> Denoiser: ...


LoadPrior = Callable[[str, torch.device], BindsViews]


@dataclass(frozen=True)
class Task:
    """What a process needs to know to distil one expression."""

    folder: Path
    """The bank's."""
    expression: DistilledExpression
    preset: DistillPreset
    prior: str
    avatar: str = ""
    """Folder of the avatar's run; empty for a bank from one picture."""
    lpips: Path | None = None
    """Folder of the weights of LPIPS."""
    seed: int = 0


def distil_expression(
    task: Task, device: torch.device, load_prior: LoadPrior, log: Callable[[str], object], on_progress: OnProgress
) -> None:
    """Distil one expression into the bank; one that is finished is left alone, one that was begun goes on."""
    if is_finished(task.folder, task.expression):
        return
    prior = load_prior(task.prior, device)
    views = grid(task.preset.azimuths, task.preset.elevations)
    identity = read_identity(task.folder) if prior.head == FITTED else None
    normals = view_normals(task.expression.vector, views, prior.size, identity)
    reference = read_reference(task.folder, prior.size)
    denoiser = prior.bind(
        reference.to(device), normals.to(device), task.expression.prompt, guidance=task.preset.guidance
    )
    head, fresh = _start(task)
    distillation = Distillation(
        head.to(device), denoiser, task.preset, work_path(task.folder, task.expression),
        skipped=task.preset.skipped if task.avatar else 0.0, learn_networks=fresh,
        judge=Lpips.load(task.lpips).to(device) if task.lpips else None, seed=task.seed,
        settings={
            "prompt": task.expression.prompt, "coefficients": dict(task.expression.coefficients), "prior": task.prior,
            "lpips": str(task.lpips or ""), "identity": None if identity is None else identity.tolist(),
        },
        log=log, on_progress=on_progress,
    )  # fmt: skip
    progress = distillation.run()
    notes = {"seconds": round(progress.seconds, 1), "iterations": progress.iteration, "preset": task.preset.name}
    _finish(task, head, notes)
    distillation.work.clear()


def avatar_planes(run: Run, expression: Array) -> Planes:
    """What a trained avatar's generator makes of an expression [52]: G(c) of the first and the last level."""
    given = torch.from_numpy(expression)[None].to(run.device)
    detail = torch.zeros(1, DETAIL, device=run.device)
    model = run.averaged
    with torch.no_grad():
        levels = model.planes(run.motion_maps(given, detail), given, detail, model.resting_latent(1))
    return Planes(levels[0][0], levels[-1][0])


def avatar_head(run: Run, expression: Array) -> DistilledHead:
    """A head that begins as what a trained avatar makes of an expression [52]."""
    return DistilledHead(run.averaged.evenly(), avatar_planes(run, expression), torch.from_numpy(expression)[None])


def view_normals(expression: Array, views: list[View], size: int, identity: Array | None = None) -> Tensor:
    """Normal maps of the head of an identity [K] (the mean one of None) with an expression [52], [V, 3, size, size]."""
    model = HeadModel.load()
    return torch.from_numpy(np.stack([head_normals(model, identity, expression, view.camera, size) for view in views]))


def write_reference(folder: Path, reference: Reference) -> None:
    """Keep the reference in the bank's folder. Raises BadInput where it holds that of somebody else.

    One that is there stays: face tracking and networks give other last digits on another machine.
    """
    picture = reference.picture
    path = folder / REFERENCE
    if path.is_file():
        kept = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if kept is None or kept.shape != picture.shape or np.abs(kept[..., ::-1] - picture.astype(float)).mean() > SAME:
            raise BadInput(f"'{folder}' was begun with another reference picture; give that one, or another folder")
        return
    folder.mkdir(parents=True, exist_ok=True)
    if reference.identity is not None:
        write_text(folder / IDENTITY, json.dumps({"identity": reference.identity.tolist()}))
    write_png(path, np.ascontiguousarray(picture[..., ::-1]))


def read_identity(folder: Path) -> Array | None:
    """The identity [K] of the person in the reference; None, the mean head, in a bank that was begun without it.

    Raises BadInput where the file is damaged.
    """
    path = folder / IDENTITY
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            values = np.array(json.loads(file.read(MAX_IDENTITY))["identity"], np.float32)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadInput(f"'{path}' cannot be read ({error}); {AGAIN}") from error
    if values.shape != (len(HeadModel.load().identity),) or not np.isfinite(values).all():
        raise BadInput(f"'{path}' holds no identity of this head model; {AGAIN}")
    return values


def read_reference(folder: Path, size: int) -> Tensor:
    """The reference at the prior's size, [3, size, size], 0..1."""
    pixels = cv2.imread(str(folder / REFERENCE), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadInput(f"'{folder / REFERENCE}' cannot be read; delete it and run the same command again")
    picture = torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1])).permute(2, 0, 1).float() / 255
    return resized(picture[None], size)[0]


def avatar_reference(run: Run, size: int) -> Reference:
    """The avatar's own neutral picture from the front, [size, size, 3], and the identity that it was tracked with."""
    head = avatar_head(run, coefficients({}))
    with torch.no_grad():
        shown = head.shown(camera_tensors([View(0.0, 0.0)], run.device), size)[0]
    picture = np.round(shown.clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)
    return Reference(picture, avatar_identity(run))


def avatar_identity(run: Run) -> Array | None:
    """The identity that an avatar was tracked with; None where that was by a head model of other axes."""
    same = run.identity.shape == (len(HeadModel.load().identity),)
    return np.asarray(run.identity, np.float32) if same else None


def _start(task: Task) -> tuple[DistilledHead, bool]:
    """The head that a task begins with, and whether its networks are to be learnt."""
    if task.avatar:
        run = load_run(Path(task.avatar))[0]
        return avatar_head(run, task.expression.vector), False
    if task.expression.name == NEUTRAL:
        return DistilledHead.fresh(replace(SIZES[task.preset.networks], picture=PICTURE), task.seed), True
    base = read_base(task.folder)
    return DistilledHead(HeadRenderer.of(base), base.neutral), False


def _finish(task: Task, head: DistilledHead, notes: dict[str, Any]) -> None:
    planes = Planes(*(level.detach().cpu() for level in head.planes))
    if task.avatar or task.expression.name != NEUTRAL:
        write_head(task.folder, task.expression, planes, notes)
        return
    renderer = head.renderer
    networks = {k: v.cpu() for k, v in renderer.state_dict().items() if k != "box"}
    write_base(task.folder, task.expression, Base(renderer.preset, renderer.box.cpu(), networks, planes), notes)
