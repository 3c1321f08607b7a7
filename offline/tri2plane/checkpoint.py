"""A run on disk: a config that rebuilds the model, and tensors in safetensors. No pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from offline.files import replaced, write_text
from offline.tensors import read_tensors, write_tensors
from offline.training.optimiser import optimiser_tensors
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.motion import MotionMaps
from offline.tri2plane.presets import Preset
from offline.warp.atlas import FaceAtlas
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput

FORMAT = "mien-run"
VERSION = 2
HEAD_MODEL = "head_model.npz"
FACE_ATLAS = "face_atlas.npz"
CPU = torch.device("cpu")


@dataclass
class Polishing:
    """Where an unfinished polishing goes on."""

    seconds: float
    """Time spent."""
    step: int
    random: dict[str, Any]
    """State of the generator that draws its steps (`numpy.random.PCG64.state`)."""
    optimiser: dict[str, Tensor]
    """Its optimiser's tensors, for `restore_optimiser`."""


@dataclass
class Run:
    """A model with everything needed to render with it and to go on training it."""

    folder: Path
    clip: str
    subject: str
    consent: str
    config: TrainConfig
    model: Tri2Plane
    averaged: Tri2Plane
    """The moving average of `model`'s weights."""
    maps: MotionMaps | None
    """None where the preset encodes no motion map."""
    latents: Tensor
    """[N, γ], one for each training frame."""
    texture: np.ndarray
    """[T, T, 3], mean texture, 0..1."""
    identity: np.ndarray
    """[K], identity coefficients of the head model."""
    head_model: HeadModel
    """The one that the motion maps were made with; kept with the run, since the shipped one may change."""
    atlas: FaceAtlas | None
    """What the warp of the face knows of the subject; likewise."""
    step: int = 0
    seconds: float = 0.0
    """Time spent training."""
    polishing: Polishing | None = None
    """How far `polish` came since the last training step."""
    judge: nn.Module | None = None
    """LPIPS while a run trains that asks for it; not part of the checkpoint."""

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.model.box.device

    def motion_maps(self, expression: Tensor, detail: Tensor) -> Tensor | None:
        """The maps [B, 6, M, M] of coefficients [B, 52] and [B, 8], for a preset that encodes them."""
        return self.maps(expression, detail) if self.maps else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the averaged weights: another one as soon as the run is trained on."""
        digest = hashlib.sha256()
        for name, value in sorted(self.averaged.state_dict().items()):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def build(
    folder: Path, clip: str, subject: str, consent: str, config: TrainConfig, preset: Preset,
    bounds: tuple[np.ndarray, np.ndarray], detail_range: np.ndarray, frames: int, texture: np.ndarray,
    identity: np.ndarray, head_model: HeadModel, atlas: FaceAtlas | None, device: torch.device = CPU,
    frame: Tensor | None = None,
) -> Run:  # fmt: skip
    """A run at step 0 on `device`, its weights drawn from the config's seed; `bounds` as `subject_box` gives them,
    and `frame` as `face_frame` does."""
    torch.manual_seed(config.seed)
    limits = torch.from_numpy(np.asarray(bounds[0], np.float32)), torch.from_numpy(np.asarray(detail_range, np.float32))
    cut = torch.from_numpy(np.asarray(bounds[1], bool))
    model, averaged = (Tri2Plane(preset, *limits, atlas, cut, frame) for _ in range(2))
    averaged.load_state_dict(model.state_dict())
    averaged.eval().requires_grad_(False)
    maps: MotionMaps | None = None
    if preset.encoder:
        maps = MotionMaps(head_model, np.asarray(identity, np.float32), texture, preset.motion_map, limits[1]).eval()
        maps.to(device)
    latents = torch.zeros(frames, preset.latent, device=device, requires_grad=True)
    for module in (model, averaged):
        module.to(device)
    return Run(
        folder, clip, subject, consent, config, model, averaged, maps, latents, texture, identity, head_model, atlas
    )


def sampled(run: Run, samples: int | None, guide_samples: int | None) -> Run:
    """`run`, rendering with other numbers of samples along a ray than it was trained with, where given; no guide's
    samples for none: the samples then are even, as the paper's are."""
    given = {"samples": samples, "guide_samples": guide_samples}
    changed = {name: value for name, value in given.items() if value is not None}
    if any(not (name == "samples") <= value <= 128 for name, value in changed.items()):
        raise BadInput(f"samples along a ray must be 1 to 128, those of the guide 0 to 128, got {changed}")
    if guide_samples is not None and not run.model.preset.guide_samples:
        raise BadInput(f"preset '{run.model.preset.name}' renders without a guide; leave --guide-samples out")
    for model in (run.model, run.averaged):
        model.preset = replace(model.preset, **changed)  # type: ignore[arg-type]
    return run


def save(run: Run, optimiser: torch.optim.Optimizer) -> None:
    """Write the run's checkpoint; a kill at any moment leaves the old one or the new one."""
    run.folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{k}": v for k, v in run.model.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in run.averaged.state_dict().items()}
    tensors |= optimiser_tensors(optimiser)
    tensors["latents"] = run.latents
    tensors["texture"] = torch.from_numpy(np.asarray(run.texture, np.float32))
    tensors["identity"] = torch.from_numpy(np.asarray(run.identity, np.float32))
    meta = {
        "format": FORMAT, "version": VERSION, "clip": run.clip, "subject": run.subject, "consent": run.consent,
        "step": run.step, "seconds": run.seconds, "preset": run.model.preset.as_dict(), "train": asdict(run.config),
    }  # fmt: skip
    if run.polishing:
        tensors |= {f"polish.{k}": v for k, v in run.polishing.optimiser.items()}
        meta["polish"] = {"seconds": run.polishing.seconds, "random": run.polishing.random}
    if not (run.folder / HEAD_MODEL).exists():
        replaced(run.folder / HEAD_MODEL, run.head_model.save)
    if run.atlas and not (run.folder / FACE_ATLAS).exists():
        replaced(run.folder / FACE_ATLAS, run.atlas.save)
    write_tensors(run.folder / "checkpoint.safetensors", tensors, meta)
    write_text(run.folder / "config.json", json.dumps(meta, indent=1))


def load(folder: Path, device: torch.device = CPU) -> tuple[Run, dict[str, Tensor]]:
    """The run in `folder` on `device`, and its optimiser's tensors for `restore_optimiser`.

    Raises BadInput with the reason.
    """
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        raise BadInput(f"'{folder}' holds no checkpoint; train one with: mien train VIDEO -o {folder}")
    tensors, meta = read_tensors(path, "train the avatar again")
    if meta.get("format") != FORMAT or meta.get("version") != VERSION:
        raise BadInput(f"'{path}' is version {meta.get('version')} of {meta.get('format')}, this Mien reads {VERSION}")
    latents, preset = tensors["latents"], Preset.from_dict(meta["preset"])
    atlas = FaceAtlas.load(folder / FACE_ATLAS) if preset.warp == "face" else None
    run = build(
        folder, meta["clip"], meta["subject"], meta["consent"], TrainConfig.from_dict(meta["train"]), preset,
        _bounds(tensors), tensors["model.detail_range"].numpy(),
        len(latents), tensors["texture"].numpy(), tensors["identity"].numpy(), HeadModel.load(folder / HEAD_MODEL),
        atlas, device,
    )  # fmt: skip
    for name, module in (("model.", run.model), ("averaged.", run.averaged)):
        module.load_state_dict(_under(name, tensors))
    run.latents.data.copy_(latents)
    run.step, run.seconds = meta["step"], meta["seconds"]
    if "polish" in meta:
        own, taken = meta["polish"], _under("polish.", tensors)
        step = int(taken["optimiser.0.step"])  # Adam counts them
        run.polishing = Polishing(own["seconds"], step, own["random"], taken)
    return run, {k: v for k, v in tensors.items() if k.startswith("optimiser.")}


def _bounds(tensors: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """What a saved model's planes cover of the subject, as `build` takes it."""
    if "model.face.head_box" not in tensors:
        return tensors["model.box"].numpy(), np.zeros((2, 2), bool)
    return tensors["model.face.head_box"].numpy(), tensors["model.face.cut"].numpy()


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
