"""The programs in docs/examples do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import torch

from offline.joker.captures.views import camera_tensors, grid
from offline.tri2plane.checkpoint import save
from offline.tri2plane.train import make_optimiser
from runtime.commands.demo import DEMO
from tests.tri2plane.tiny import tiny_clip, tiny_run

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_run_is_rendered(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip", 4))
    save(run, make_optimiser(run))
    example("render_run").main(tmp_path / "run", tmp_path / "out.png")
    assert cv2.imread(str(tmp_path / "out.png")).shape == (64, 64, 3)


def test_a_bundle_is_driven(tmp_path: Path) -> None:
    example("drive_bundle").main(DEMO, tmp_path, fps=2, engine="openvino")
    frames = [cv2.imread(str(p)).astype(int) for p in sorted(tmp_path.glob("0*.png"))]
    assert len(frames) > 4
    smile, still = frames[2], frames[-1]
    assert np.abs(smile - still)[256:400].max() > 40  # the mouth is in the lower half
    assert (tmp_path / "jaw.png").is_file()


def test_a_head_is_distilled_from_a_denoiser_of_ones_own(tmp_path: Path) -> None:
    head = example("own_denoiser").main(tmp_path, iterations=12).eval()
    with torch.no_grad():
        shown = head.shown(camera_tensors(list(grid(3, 2))), 16)
    red, green = shown[:, 0, 7:9, 7:9].mean(), shown[:, 1, 7:9, 7:9].mean()
    assert red - green > 0.15  # the ball is red, what the head began as is grey
    assert list((tmp_path / "preview").glob("*.png"))
