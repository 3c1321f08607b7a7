"""A trained run → a bundle, refused where its graphs differ from the torch modules they come from."""

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from export.fast_rendering import FastRenderer
from export.graphs import GeneratorGraph, RendererGraph, SuperResolutionGraph
from export.onnx_export import export_graph
from export.parity import Parity, check_parity, trial_states
from offline.tri2plane.checkpoint import HEAD_MODEL, Run
from offline.tri2plane.presets import Preset
from runtime.contract.axes import portrait_camera
from runtime.contract.bundle import GraphInfo, Manifest, write_bundle
from runtime.contract.drive import DETAIL, EXPRESSIONS, DriveState
from runtime.errors import BadInput, MienError

KIND = "tri2plane"


@dataclass(frozen=True)
class Baked:
    manifest: Manifest
    parity: list[Parity]


def bake(run: Run, path: Path, name: str) -> Baked:
    """Export the run's averaged weights to the bundle `path`.

    Raises BadInput where the preset has no graphs, MienError where parity fails; nothing is written then.
    """
    check_bakeable(run.model.preset)
    model, maps = run.averaged.eval(), run.maps.eval()
    model.preset = replace(model.preset, cells=enough_cells(run))
    graphs: dict[str, nn.Module] = {
        "generator": GeneratorGraph(model, maps),
        "renderer": RendererGraph(model),
        "sr": SuperResolutionGraph(model),
    }
    inputs = _examples(run, graphs)
    onnx: dict[str, bytes] = {}
    infos: dict[str, GraphInfo] = {}
    for key, graph in graphs.items():
        onnx[key], infos[key] = export_graph(graph, inputs[key], graph.outputs, graph.float32)  # type: ignore[arg-type]
    parity = check_parity(run, onnx, infos)
    failed = [p for p in parity if not p.passed]
    if failed:
        raise MienError("no bundle was written, its graphs differ from the model: " + "; ".join(map(str, failed)))
    manifest = Manifest(
        name=name, kind=KIND, picture=model.preset.picture, latent=model.preset.latent, preset=model.preset.as_dict(),
        subject=run.subject, consent=run.consent, graphs=infos, created=datetime.date.today().isoformat(),
    )  # fmt: skip
    files = {f"{key}.onnx": data for key, data in onnx.items()}
    files |= {
        "head_model.npz": (run.folder / HEAD_MODEL).read_bytes(),
        "identity.npz": _identity(run),
        "thumbnail.png": _thumbnail(run),
    }
    return Baked(write_bundle(path, manifest, files), parity)


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


def enough_cells(run: Run) -> int:
    """How many of the guide's cells this subject needs: the preset's, or more where the subject fills more."""
    model = run.averaged
    drive = drive_tensors(trial_states(), model.preset.latent)
    with torch.no_grad():
        coarse = GeneratorGraph(model, run.maps)(drive["expression"], drive["detail"], drive["latent"])[0]
    needed = FastRenderer(model).needed_cells(coarse, drive["pose"], drive["intrinsics"], drive["extrinsics"])
    return min(max(model.preset.cells, needed), model.preset.guide_rays**2)


def drive_tensors(states: list[DriveState], latent: int) -> dict[str, Tensor]:
    """What the three graphs take of B states seen by the portrait camera, by input name."""
    camera, b = portrait_camera(), len(states)
    return {
        "expression": torch.from_numpy(np.stack([s.expression for s in states])),
        "detail": torch.from_numpy(np.stack([s.detail for s in states])),
        "latent": torch.zeros(b, latent),
        "pose": torch.from_numpy(np.stack([s.pose for s in states])),
        "intrinsics": torch.from_numpy(camera.intrinsics).expand(b, -1).contiguous(),
        "extrinsics": torch.from_numpy(camera.extrinsics).expand(b, -1, -1).contiguous(),
    }


def _examples(run: Run, graphs: dict[str, nn.Module]) -> dict[str, dict[str, Tensor]]:
    """Inputs of each graph for a batch of two neutral heads."""
    drive = drive_tensors([DriveState(), DriveState()], run.model.preset.latent)
    assert drive["expression"].shape[1] == len(EXPRESSIONS) and drive["detail"].shape[1] == DETAIL
    generator = {k: drive[k] for k in ("expression", "detail", "latent")}
    with torch.no_grad():
        coarse, *_, fine = graphs["generator"](*generator.values())
        renderer = {"coarse": coarse, "fine": fine} | {k: drive[k] for k in ("pose", "intrinsics", "extrinsics")}
        features, alpha, _ = graphs["renderer"](*renderer.values())
    return {"generator": generator, "renderer": renderer, "sr": {"features": features, "alpha": alpha}}


def _identity(run: Run) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, identity=run.identity.astype(np.float32), texture=run.texture.astype(np.float16))
    return buffer.getvalue()


def _thumbnail(run: Run, size: int = 256) -> bytes:
    """The neutral head on nothing, straight alpha."""
    drive = drive_tensors([DriveState()], run.model.preset.latent)
    with torch.no_grad():
        maps = run.maps(drive["expression"], drive["detail"])
        order = ("expression", "detail", "latent", "pose", "intrinsics", "extrinsics")
        picture = run.averaged(maps, *(drive[k] for k in order))[0].permute(1, 2, 0).numpy()
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    colour = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    straight = np.concatenate([colour[..., ::-1], small[..., 3:]], 2)
    return cv2.imencode(".png", (straight.clip(0, 1) * 255 + 0.5).astype(np.uint8))[1].tobytes()
