"""Distilled heads against the studio's truth: the paper's two stages, each alone, score distillation, no head at all.

Every row distils the same people with the same looks from the same prior, with as many iterations of the optimiser and
(but for score distillation) as many questions to the prior. What is measured is seen from views that no row was
trained on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from offline.evaluate.head_metrics import depth_error, neighbours, normal_error, surface_normals, warp_error
from offline.evaluate.head_truth import HeadTruth, head_truth
from offline.evaluate.judges import Judges, distance
from offline.evaluate.report import as_json, device_name
from offline.files import write_text
from offline.joker.captures.layout import FITTED
from offline.joker.captures.views import View, camera_tensors, grid
from offline.joker.distill.distill import Distillation
from offline.joker.distill.memory import Batches
from offline.joker.distill.nerf import DistilledHead
from offline.joker.distill.presets import DistillPreset
from offline.joker.distill.targets import sample_views
from offline.joker.distill.task import PICTURE, view_normals
from offline.joker.prior.ambiguity import nearest_look, picture_of
from offline.joker.prior.bound import Prior
from offline.joker.prior.denoiser import Denoiser, noise_levels
from offline.joker.world.fitted import fitted_identity
from offline.joker.world.looks import WHO, expression
from offline.metrics import flip, landmark_error, psnr, ssim
from offline.tri2plane.presets import PRESETS
from runtime.errors import BadInput
from runtime.machine import machine

ROWS = {
    "two-stage": "two stages (Joker)",
    "single-step": "Stage 1 alone",
    "multi-step": "Stage 2 alone",
    "score": "score distillation",
    "2d": "2D samples, no head",
}
FIGURES = ("psnr", "ssim", "flip", "warp", "depth_mm", "normal_deg", "f_lmd_px", "look", "identity")
HEADS = ((300_000, "tongue out"), (300_001, "left cheek"), (300_002, "furious"))
"""Seeds of people that nobody trains on, and their looks."""
LARGE = 256
"""Pixels to which pictures are enlarged for the face mesh and face recognition."""


@dataclass(frozen=True)
class Seen:
    """What a row shows from the truth's views."""

    pictures: Tensor
    """[V, 3, P, P], 0..1."""
    depth: NDArray[np.float32] | None
    """[V, P, P], dm; None where there is no head."""


@dataclass(frozen=True)
class HeadTable:
    """What was distilled and measured."""

    figures: dict[str, Any]
    """Plain values, as heads.json holds them."""
    truths: list[HeadTruth]
    seen: dict[str, list[Seen]]
    """By row, one a head."""


class DenoiserSource(Protocol):
    """What heads are distilled from."""

    size: int
    """Width and height of the pictures, pixels."""
    device: torch.device

    def denoiser(self, truth: HeadTruth, views: Sequence[View], guidance: float) -> Denoiser:
        """The denoiser of a head for views."""


class PriorSource:
    """A prior, which is told the frontal neutral picture, the head model's normals and a sentence."""

    def __init__(self, prior: Prior) -> None:
        self.prior, self.size, self.device = prior, prior.size, prior.networks.device

    def denoiser(self, truth: HeadTruth, views: Sequence[View], guidance: float) -> Denoiser:
        """As `DenoiserSource.denoiser`."""
        own = fitted_identity(truth.person) if self.prior.head == FITTED else None
        normals = view_normals(expression(truth.look).astype(np.float32), list(views), self.size, own)
        return self.prior.bind(truth.reference, normals, f"{WHO[0]} {truth.look.phrases[0]}", guidance)


class OracleSource:
    """One that knows the true head: what the distillation can do with a perfect prior."""

    def __init__(self, size: int) -> None:
        self.size, self.device = size, torch.device("cpu")

    def denoiser(self, truth: HeadTruth, views: Sequence[View], guidance: float) -> Denoiser:
        """As `DenoiserSource.denoiser`; every view is rendered."""
        pictures = [
            picture_of(truth.person, truth.look, v.yaw, v.pitch, self.size)
            for v in tqdm(views, desc="oracle", unit="view", leave=False)
        ]
        return Oracle(torch.stack(pictures))


class Oracle:
    """A `Denoiser` whose latents are the pictures, and whose predictions are the truth [V, 3, P, P]."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures, self.size = pictures * 2 - 1, pictures.shape[-1]
        self.alphas: Tensor = DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
        ).alphas_cumprod

    def encode(self, pictures: Tensor) -> Tensor:
        """0..1 → -1..1."""
        return pictures * 2 - 1

    def decode(self, latents: Tensor) -> Tensor:
        """-1..1 → 0..1."""
        return (latents + 1) / 2

    def clean(self, latents: Tensor, step: int, views: Tensor) -> Tensor:
        """The truth, whatever the step."""
        return self.pictures[views]


def evaluate_heads(
    source: DenoiserSource, name: str, preset: DistillPreset, folder: Path, heads: Sequence[tuple[int, str]] = HEADS,
    rows: Sequence[str] = tuple(ROWS), views: Sequence[View] | None = None,
) -> HeadTable:  # fmt: skip
    """Distils every head in every row into ``folder/ROW/SEED-LOOK`` and measures it; what is there is gone on with.

    `name` is that of the source. Writes heads.json. Raises BadInput where the folder holds another evaluation.
    """
    settings = json.loads(json.dumps({"prior": name, "preset": asdict(preset), "heads": heads}))
    _claim(folder, settings)
    truths = [head_truth(seed, look, source.size, views) for seed, look in tqdm(heads, desc="truths", unit="head")]
    found: dict[str, list[dict[str, float | None]]] = {row: [] for row in rows}
    seen: dict[str, list[Seen]] = {row: [] for row in rows}
    with Judges() as judges, tqdm(total=len(rows) * len(heads), unit="head") as bar:
        for row in rows:
            for (seed, look), truth in zip(heads, truths, strict=True):
                bar.set_description(f"{ROWS[row]}: {truth.name}")
                home = folder / row / f"{seed}-{look.replace(' ', '-')}"
                made, seconds = _shown(row, source, preset, truth, home, bar)
                found[row].append(measure(made, truth, judges) | {"seconds": seconds})
                seen[row].append(made)
                bar.update()
        truth_row = [measure(Seen(t.pictures, t.depth), t, judges) for t in truths]
        absent = judges.absent
    figures = settings | {
        "machine": machine() | {"device": device_name(source.device)},
        "views": len(truths[0].views), "absent": absent,
        "rows": [{"key": row, "label": ROWS[row], **_means(found[row])} for row in rows],
        "truth": _means(truth_row),
    }  # fmt: skip
    write_text(folder / "heads.json", as_json(figures))
    return HeadTable(figures, truths, seen)


def _claim(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / "evaluation.json"
    if path.is_file() and json.loads(path.read_text()) != settings:
        raise BadInput(f"'{folder}' holds another evaluation; choose another folder or delete it")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(settings))


def _shown(
    row: str, source: DenoiserSource, preset: DistillPreset, truth: HeadTruth, home: Path, bar: tqdm[Any]
) -> tuple[Seen, float]:
    """What a row shows of a head from the truth's views, and the seconds it took."""
    begun = time.monotonic()
    if row == "2d":
        bound = source.denoiser(truth, truth.views, preset.guidance)
        steps = noise_levels(preset.levels, len(bound.alphas))
        pictures = sample_views(bound, len(truth.views), steps, 0, Batches(preset.batch, "denoising", bar.write))
        return Seen(pictures, None), time.monotonic() - begun
    views = grid(preset.azimuths, preset.elevations)
    head = DistilledHead.fresh(replace(PRESETS[preset.networks], picture=PICTURE)).to(source.device)
    work = Distillation(
        head, source.denoiser(truth, views, preset.guidance), preset, home, variant=row, learn_networks=True,
        log=bar.write, on_progress=lambda done, doing: bar.set_postfix_str(f"{done:.0%} {doing}"),
    )  # fmt: skip
    progress = work.run()
    return render_head(head, truth.views, source.size), progress.seconds


@torch.no_grad()
def render_head(head: DistilledHead, views: Sequence[View], size: int) -> Seen:
    """Pictures and depth of a distilled head, a view at a time."""
    head.eval()
    pictures, depths = [], []
    for view in views:
        cameras = camera_tensors([view], head.coarse_added.device)
        pictures.append(head.shown(cameras, size).float().clamp(0, 1))
        rendered = head.rendered(cameras, head.rays)
        solid = torch.where(rendered.alpha > 0.5, rendered.depth, 0.0)
        depths.append(F.interpolate(solid.float(), size=(size, size), mode="nearest-exact")[:, 0])
    return Seen(torch.cat(pictures).cpu(), torch.cat(depths).cpu().numpy())


def measure(seen: Seen, truth: HeadTruth, judges: Judges) -> dict[str, float | None]:
    """All figures of a row's head, means over the views where each can be had; None where it nowhere can."""
    ours, theirs = (p.permute(0, 2, 3, 1).numpy() for p in (seen.pictures, truth.pictures))
    cameras = [view.camera for view in truth.views]
    pairs = neighbours([v.yaw for v in truth.views], [v.pitch for v in truth.views])
    per_view: dict[str, list[float]] = {
        "psnr": [psnr(a, b) for a, b in zip(ours, theirs, strict=True)],
        "ssim": [ssim(a, b) for a, b in zip(ours, theirs, strict=True)],
        "flip": [flip(a, b)[0] for a, b in zip(ours, theirs, strict=True)],
        "warp": [
            warp_error(ours[a], ours[b], (truth.depth[a], truth.depth[b]), (cameras[a], cameras[b])) for a, b in pairs
        ],
        "look": [
            float(nearest_look(seen.pictures[n], rivals) == truth.family.index(truth.look.name))
            for n, rivals in truth.rivals.items()
        ],
    }
    if seen.depth is not None:
        per_view["depth_mm"] = [depth_error(a, b) for a, b in zip(seen.depth, truth.depth, strict=True)]
        per_view["normal_deg"] = [
            normal_error(surface_normals(depth, camera), normals)
            for depth, camera, normals in zip(seen.depth, cameras, truth.normals, strict=True)
        ]
    per_view |= _faces(ours, theirs, judges)
    return {name: _mean(per_view.get(name, [])) for name in FIGURES}


def _faces(ours: NDArray[np.float32], theirs: NDArray[np.float32], judges: Judges) -> dict[str, list[float]]:
    """Landmark error (pixels of a 512² picture) and identity distance of each view in which both faces are found."""
    landmarks, identity = [], []
    for pair in zip(ours, theirs, strict=True):
        a, b = (_large(picture) for picture in pair)
        there = judges.landmarks(a), judges.landmarks(b)
        if there[0] is None or there[1] is None:
            continue
        landmarks.append(landmark_error(there[0], there[1]))
        apart = distance(judges.describe(a, there[0]), judges.describe(b, there[1]))
        identity += [] if apart is None else [apart]
    return {"f_lmd_px": landmarks, "identity": identity}


def _large(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    given = torch.from_numpy(picture).permute(2, 0, 1)[None]
    large = F.interpolate(given, size=(LARGE, LARGE), mode="bicubic", align_corners=False)
    return np.asarray(large[0].clamp(0, 1).permute(1, 2, 0).numpy(), np.float32)


def _mean(values: Sequence[float]) -> float | None:
    known = [v for v in values if np.isfinite(v)]
    return float(np.mean(known)) if known else None


def _means(heads: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean over the heads of every figure, where it is known."""
    return {name: _mean([h[name] for h in heads if h[name] is not None]) for name in heads[0]}  # type: ignore[misc]
