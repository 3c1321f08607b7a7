"""The baked graphs against the modules that they come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from export.bake import bake, enough_cells
from export.fast_rendering import FastRenderer
from export.graphs import GeneratorGraph, SuperResolutionGraph, enlarging_kernel
from export.onnx_export import export_graph
from export.parity import trial_states
from export.subject import Trained, drive_tensors
from offline.tri2plane.checkpoint import Run
from offline.tri2plane.model import Rendered
from runtime.avatar.choose import ENGINES
from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.bundle import read_bundle
from runtime.errors import BadInput, MienError


@pytest.fixture(scope="module")
def bundle(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "tiny.mien"
    bake(run, path, "tiny")
    return path


@pytest.mark.parametrize("cells", [64, 20])
@pytest.mark.parametrize("warp", ["neck", "face"])
def test_the_fast_renderer_equals_the_readable_one(request: pytest.FixtureRequest, warp: str, cells: int) -> None:
    """Over the whole picture with all cells, and with fewer of them where it fills the picture."""
    run: Run = request.getfixturevalue("run" if warp == "neck" else "face_run")
    model, graph = run.averaged, GeneratorGraph(run.averaged, run.maps)
    drive = drive_tensors(trial_states(), model.preset.latent)
    fast = FastRenderer(model)
    fast.preset = replace(model.preset, cells=cells)
    with torch.no_grad():
        maps = run.motion_maps(drive["expression"], drive["detail"])
        levels = model.planes(maps, *_some(drive, "expression detail latent"))
        view = drive["pose"], drive["intrinsics"], drive["extrinsics"]
        expected = model.render(levels, 2, *view, model.preset.rays, model.warped(drive["expression"]))
        coarse, _, fine, *warped = graph(*_some(drive, "expression detail latent"))
        features, alpha, depth = fast(coarse, fine, *view, *warped)
    filled = torch.ones_like(alpha) if cells == 64 else (alpha > 0).float()
    assert filled.mean() > 0.2
    for got, want in ((features, expected.features), (alpha, expected.alpha), (depth, expected.depth)):
        # float32 sums in another order; depths are of the order of 10
        torch.testing.assert_close(got * filled, want * filled, atol=2e-3, rtol=1e-3)


@pytest.mark.slow
def test_the_warp_of_the_face_bakes_to_what_it_was(face_run: Run, tmp_path: Path) -> None:
    """On every engine, over heads that turn, wink and open their mouths (`trial_states`). Tracing its graphs takes a
    minute or two."""
    made = bake(face_run, tmp_path / "face.mien", "face")
    assert made.parity and all(p.passed for p in made.parity)
    assert {"face", "carried"} <= {t.name for t in made.manifest.graphs["renderer"].inputs}


def test_a_subject_that_fills_the_picture_gets_the_cells_it_needs(run: Run) -> None:
    """After a few steps the head is still a haze over the whole picture."""
    model = run.averaged
    kept = model.preset
    model.preset = replace(kept, cells=4)
    needed = enough_cells(Trained(run))
    model.preset = kept
    assert 4 < needed <= kept.guide_rays**2


def _some(values: dict[str, torch.Tensor], names: str) -> tuple[torch.Tensor, ...]:
    return tuple(values[name] for name in names.split())


def test_the_enlarging_kernel_is_bilinear() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 4, 6, 6)
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    got = F.pixel_shuffle(F.conv2d(padded, enlarging_kernel(4)), 4)
    expected = F.interpolate(picture, scale_factor=4.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("lens", [False, True])
def test_super_resolution_equals_the_module(request: pytest.FixtureRequest, lens: bool) -> None:
    run: Run = request.getfixturevalue("face_run" if lens else "run")
    assert (run.averaged.lens is not None) == lens
    torch.manual_seed(0)
    preset = run.averaged.preset
    features = torch.rand(1, preset.features, preset.rays, preset.rays)
    alpha = torch.rand(1, 1, preset.rays, preset.rays)
    with torch.no_grad():
        expected = run.averaged.finished(Rendered(features, alpha, alpha))
        got = SuperResolutionGraph(run.averaged)(features, alpha)
    assert (got[0].float() / 255 - expected[0].permute(1, 2, 0)).abs().max() <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_lens_is_baked_for_any_batch(face_run: Run, engine: str) -> None:
    """Traced with two pictures, run with one."""
    model, preset = face_run.averaged, face_run.averaged.preset
    graph = SuperResolutionGraph(model)
    torch.manual_seed(0)
    features = torch.rand(2, preset.features, preset.rays, preset.rays)
    given = {"features": features, "alpha": torch.rand(2, 1, preset.rays, preset.rays)}
    onnx, info = export_graph(graph, given, graph.outputs, graph.float32)
    made = ENGINES[engine]().load(onnx, info).new_session().run({k: v[:1].numpy() for k, v in given.items()})["rgba"]
    with torch.no_grad():
        expected = graph(*(v[:1] for v in given.values())).numpy()
    assert np.abs(made.astype(int) - expected).mean() < 3  # as `HALF_DB`: engines may work in half precision


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_every_engine_renders_the_bundle(bundle: Path, run: Run, engine: str) -> None:
    avatar = LoadedAvatar.load(bundle, engine)
    assert (avatar.name, avatar.size) == ("tiny", 64)
    session = avatar.new_renderer()
    for state in trial_states():
        picture = session.render(state)
        assert picture.rgba.shape == (64, 64, 4) and picture.rgba.dtype == np.uint8
        assert np.isfinite(picture.depth).all() and set(picture.seconds) == {"graphs"}
        assert picture.rgba[..., 3].max() > 50


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_the_same_state_gives_the_same_frame(bundle: Path, engine: str) -> None:
    avatar = LoadedAvatar.load(bundle, engine)
    one, two = avatar.new_renderer(), avatar.new_renderer()
    first = one.render(trial_states()[1]).rgba.copy()
    two.render(trial_states()[2])
    assert np.array_equal(one.render(trial_states()[1]).rgba, first)
    assert np.array_equal(two.render(trial_states()[1]).rgba, first)


def test_auto_says_what_it_chose_and_why(bundle: Path) -> None:
    assert "fastest of" in LoadedAvatar.load(bundle, "auto").engine


def test_an_unknown_engine_names_the_nearest(bundle: Path) -> None:
    with pytest.raises(BadInput, match=r"'openvin'; did you mean 'openvino'\?"):
        LoadedAvatar.load(bundle, "openvin")


def test_graphs_take_any_batch(bundle: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(read_bundle(bundle).files["generator.onnx"])
    drive = drive_tensors(trial_states(), 4)
    planes = session.run(None, {k: drive[k].numpy() for k in ("expression", "detail", "latent")})
    assert [len(p) for p in planes] == [3, 3, 3]


def test_a_bundle_that_differs_is_not_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.graphs.enlarging_kernel", lambda factor: enlarging_kernel(factor).flip(-1))
    with pytest.raises(MienError, match="no bundle was written"):
        bake(run, tmp_path / "bad.mien", "bad")
    assert list(tmp_path.iterdir()) == []


def test_the_bundle_names_no_path_of_this_machine(bundle: Path) -> None:
    files = read_bundle(bundle).files
    for name in ("generator.onnx", "renderer.onnx", "sr.onnx"):
        assert b"/offline/" not in files[name] and b".py" not in files[name]
