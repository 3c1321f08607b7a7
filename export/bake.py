"""A trained run or a bank → a bundle, refused where its graphs differ from the torch modules they come from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from export.bank import packed, stored
from export.fast_rendering import FastRenderer
from export.fast_warp import FACE
from export.graphs import RendererGraph, SuperResolutionGraph
from export.onnx_export import export_graph
from export.parity import Parity, all_states, check_parity, check_storing
from export.subject import Alone, Subject, Trained, drive_tensors, pictures
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.presets import Preset
from runtime.avatar.bank import LEVELS
from runtime.contract.bundle import BANK_FILE, TRI2PLANE, GraphInfo, Manifest, write_bundle
from runtime.contract.drive import DETAIL, EXPRESSIONS, DriveState
from runtime.errors import BadInput, MienError

DRIVE = ("expression", "detail", "latent")
VIEW = ("pose", "intrinsics", "extrinsics")


@dataclass(frozen=True)
class Baked:
    manifest: Manifest
    parity: list[Parity]


def bake(run: Run, path: Path, name: str, bank: Path | None = None) -> Baked:
    """Export the run's averaged weights, and the expressions of the folder `bank`, to the bundle `path`.

    Raises BadInput where the preset has no graphs or the bank does not fit the run, MienError where parity fails;
    nothing is written then.
    """
    check_bakeable(run.model.preset)
    return _bake(Trained(run, bank), path, name)


def bake_alone(bank: Path, path: Path, name: str) -> Baked:
    """Export the folder `bank` of an avatar from one picture to the bundle `path`. Raises as `bake`."""
    subject = Alone(bank)
    check_bakeable(subject.model.preset)
    return _bake(subject, path, name)


def _bake(subject: Subject, path: Path, name: str) -> Baked:
    model = subject.model
    parity: list[Parity] = []
    if subject.bank:
        distilled, subject.bank = subject.bank, stored(subject.bank)
        parity.append(check_storing(subject, distilled))
        _refuse_failed(parity)
    model.preset = replace(model.preset, cells=enough_cells(subject))
    graphs: dict[str, nn.Module] = {
        "generator": subject.generator(),
        "renderer": RendererGraph(model),
        "sr": SuperResolutionGraph(model),
    }
    inputs = _examples(subject, graphs)
    onnx: dict[str, bytes] = {}
    infos: dict[str, GraphInfo] = {}
    for key, graph in graphs.items():
        onnx[key], infos[key] = export_graph(graph, inputs[key], graph.outputs, graph.float32)  # type: ignore[arg-type]
    files = {f"{key}.onnx": data for key, data in onnx.items()}
    files |= subject.files() | {"thumbnail.png": _thumbnail(subject)}
    files |= {BANK_FILE: packed(subject.bank)} if subject.bank else {}
    manifest = Manifest(
        name=name, kind=subject.kind, picture=model.preset.picture, latent=model.preset.latent,
        preset=model.preset.as_dict(), subject=subject.subject, consent=subject.consent, graphs=infos,
        created=datetime.date.today().isoformat(), bank=subject.bank.expressions if subject.bank else (),
    )  # fmt: skip
    parity += check_parity(subject, manifest, files)
    _refuse_failed(parity)
    return Baked(write_bundle(path, manifest, files), parity)


def _refuse_failed(parity: list[Parity]) -> None:
    failed = [p for p in parity if not p.passed]
    if failed:
        raise MienError("no bundle was written, it differs from the model: " + "; ".join(map(str, failed)))


def check_bakeable(preset: Preset) -> None:
    """Raises BadInput where a preset needs what the graphs do not have: each was made for one fetch a point, samples
    led by a guide, and super-resolution at the rendered size."""
    wanted = {
        "sums fetched features": preset.lateral != "planes",
        "renders without a guide": preset.guide_samples == 0,
        "has a U-Net": preset.super_resolution != "light",
    }
    reasons = [reason for reason, present in wanted.items() if present]
    if reasons:
        raise BadInput(
            f"preset '{preset.name}' cannot be baked ({', '.join(reasons)}); it is there to compare with: "
            "train 'live' or 'lite' for a bundle"
        )


def enough_cells(subject: Subject) -> int:
    """How many of the guide's cells this subject needs: the preset's, or more where the subject fills more."""
    model, states = subject.model, all_states(subject)
    drive = drive_tensors(states, model.preset.latent)
    coarse = subject.levels(states)[0].permute(0, 1, 3, 4, 2)
    face = model.warped(drive["expression"])
    warped = (face.maps.permute(0, 2, 3, 1), face.carried) if face else None
    needed = FastRenderer(model).needed_cells(coarse, drive["pose"], drive["intrinsics"], drive["extrinsics"], warped)
    return min(max(model.preset.cells, needed), model.preset.guide_rays**2)


def _examples(subject: Subject, graphs: Mapping[str, nn.Module]) -> dict[str, dict[str, Tensor]]:
    """Inputs of each graph for a batch of two neutral heads."""
    drive = drive_tensors([DriveState(), DriveState()], subject.model.preset.latent)
    assert drive["expression"].shape[1] == len(EXPRESSIONS) and drive["detail"].shape[1] == DETAIL
    generator = {k: drive[k] for k in DRIVE} if subject.kind == TRI2PLANE else {}
    if subject.bank:
        for level in LEVELS:
            _, planes, channels, height, width = getattr(subject.bank, level).shape
            generator[f"bank_{level}"] = torch.zeros(2, planes, height, width * channels, dtype=torch.int8)
            generator[f"bank_{level}_scale"] = torch.zeros(2, planes, 1, width * channels)
    with torch.no_grad():
        made = dict(zip(graphs["generator"].outputs, graphs["generator"](*generator.values()), strict=True))  # type: ignore[arg-type]
        renderer = {k: made[k] for k in ("coarse", "fine")} | {k: drive[k] for k in VIEW}
        renderer |= {k: made[k] for k in FACE if k in made}
        features, alpha, _ = graphs["renderer"](*renderer.values())
    return {"generator": generator, "renderer": renderer, "sr": {"features": features, "alpha": alpha}}


def _thumbnail(subject: Subject, size: int = 256) -> bytes:
    """The neutral head on nothing, straight alpha."""
    picture = pictures(subject, [DriveState()])[0].permute(1, 2, 0).numpy()
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    colour = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    straight = np.concatenate([colour[..., ::-1], small[..., 3:]], 2)
    return cv2.imencode(".png", (straight.clip(0, 1) * 255 + 0.5).astype(np.uint8))[1].tobytes()
