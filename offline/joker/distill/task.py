"""One expression of a bank, from its sentence to its finished head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from offline.files import write_png
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
from offline.joker.captures.normals import head_normals
from offline.joker.captures.views import View, camera_tensors, grid
from offline.joker.distill.distill import Distillation, OnProgress
from offline.joker.distill.nerf import DistilledHead, HeadRenderer
from offline.joker.distill.presets import DistillPreset
from offline.joker.distill.resizing import resized
from offline.joker.prior.denoiser import Denoiser
from offline.perceptual import Lpips
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.checkpoint import load as load_run
from offline.tri2plane.presets import PRESETS as SIZES
from runtime.contract.axes import Array
from runtime.contract.drive import DETAIL, coefficients
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput

REFERENCE = "reference.png"
"""The picture that the prior knows the person by, RGB over the background, in the bank's folder."""
SAME = 2.0
"""Mean difference (8-bit levels) up to which two reference pictures are the same one."""
PICTURE = 512
"""Width of the pictures of an avatar from one photo, pixels."""


class BindsViews(Protocol):
    """The part of a prior that a task needs."""

    @property
    def size(self) -> int: ...

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
    normals = view_normals(task.expression.vector, views, prior.size)
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
            "lpips": str(task.lpips or ""),
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
        levels = model.planes(run.maps(given, detail), given, detail, model.resting_latent(1))
    return Planes(levels[0][0], levels[-1][0])


def view_normals(expression: Array, views: list[View], size: int) -> Tensor:
    """Normal maps of the mean head with an expression [52], [V, 3, size, size]."""
    model = HeadModel.load()
    return torch.from_numpy(np.stack([head_normals(model, None, expression, view.camera, size) for view in views]))


def write_reference(folder: Path, picture: np.ndarray) -> None:
    """Keep the reference, RGB [H, W, 3], in the bank's folder. Raises BadInput where it holds that of somebody else.

    One that is there stays: face tracking and networks give other last digits on another machine.
    """
    path = folder / REFERENCE
    if path.is_file():
        kept = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if kept is None or kept.shape != picture.shape or np.abs(kept[..., ::-1] - picture.astype(float)).mean() > SAME:
            raise BadInput(f"'{folder}' was begun with another reference picture; give that one, or another folder")
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_png(path, np.ascontiguousarray(picture[..., ::-1]))


def read_reference(folder: Path, size: int) -> Tensor:
    """The reference at the prior's size, [3, size, size], 0..1."""
    pixels = cv2.imread(str(folder / REFERENCE), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadInput(f"'{folder / REFERENCE}' cannot be read; delete it and run the same command again")
    picture = torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1])).permute(2, 0, 1).float() / 255
    return resized(picture[None], size)[0]


def avatar_reference(run: Run, size: int) -> np.ndarray:
    """The avatar's own neutral picture from the front, RGB [size, size, 3] over the background."""
    head = DistilledHead(run.averaged, avatar_planes(run, coefficients({})))
    with torch.no_grad():
        shown = head.shown(camera_tensors([View(0.0, 0.0)], run.device), size)[0]
    return np.round(shown.clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)


def _start(task: Task) -> tuple[DistilledHead, bool]:
    """The head that a task begins with, and whether its networks are to be learnt."""
    if task.avatar:
        run = load_run(Path(task.avatar))[0]
        return DistilledHead(run.averaged, avatar_planes(run, task.expression.vector)), False
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
