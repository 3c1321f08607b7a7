"""The presets at full size, once."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.presets import LIVE, PAPER, PRESETS
from offline.tri2plane.rendering import camera_rays, squares
from runtime.contract.drive import DETAIL
from tests.tri2plane.tiny import BOX, DETAIL_RANGE, mean_atlas
from tests.tri2plane.variants import front_view

pytestmark = pytest.mark.slow


def millions(module: nn.Module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


def memory(name: str) -> float:
    """A field of /proc/self/status, GB."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1e6


@pytest.fixture(scope="module")
def paper() -> Tri2Plane:
    torch.manual_seed(0)
    return Tri2Plane(PAPER, torch.from_numpy(BOX), torch.from_numpy(DETAIL_RANGE)).eval()


def test_paper_has_about_as_many_parameters_as_the_released_networks(paper: Tri2Plane) -> None:
    """The released networks have 24.6 million: encoder and mapping 4.8, generator 12.9, decoder 0.016, U-Net 7.0."""
    parts = {name: millions(part) for name, part in paper.named_children()}
    print(parts, millions(paper))
    assert parts["encoder"] + parts["mapping"] == pytest.approx(4.8, rel=0.05)
    # ours begins with a learned constant instead of a transposed convolution of 0.5 and a convolution of 0.6 million
    assert parts["generator"] == pytest.approx(12.9 - 1.1, rel=0.05)
    assert parts["decoder"] == pytest.approx(0.016, rel=0.1)
    assert parts["super_resolution"] == pytest.approx(7.0, rel=0.1)
    assert millions(paper) == pytest.approx(24.6, rel=0.06)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@torch.no_grad()
def test_one_patch_of_paper_at_full_size(paper: Tri2Plane) -> None:
    """The generator, and 128² rays × 64 samples through three levels; says what they took."""
    torch.manual_seed(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew at what is held now (proc(5))
    held = memory("VmRSS")
    began = time.perf_counter()
    levels = paper.planes(torch.rand(1, 6, 128, 128), torch.rand(1, 52), torch.zeros(1, DETAIL), torch.zeros(1, 32))
    generated = time.perf_counter()
    assert [tuple(level.shape) for level in levels] == [(1, 3, 32, size, size) for size in (128, 256, 512)]
    pose, intrinsics, extrinsics = front_view()
    near, far = paper.interval(levels, 0, pose, intrinsics, extrinsics, 512)
    origins, directions = camera_rays(intrinsics, extrinsics, 512)
    ray, low, high = (squares(t, 4)[5] for t in (directions, near, far))
    made = paper.compose(levels, (origins, ray), low, high, 64, pose)
    rendered = time.perf_counter()
    assert made.features.shape == (1, 32, 128, 128) and torch.isfinite(made.features).all()
    assert made.alpha.min() >= 0 and made.alpha.max() <= 1 + 1e-5
    peak = memory("VmHWM") - held
    print(f"planes {generated - began:.1f} s, one patch of 16 {rendered - generated:.1f} s, peak {peak:.1f} GB")
    features = 4 * 128**2 * 64 * 3 * PAPER.plane_channels / 1e9  # of all samples of the patch, from three planes
    assert peak < 6 * features


@pytest.mark.parametrize("name", PRESETS)
def test_super_resolution_makes_the_pictures_size(name: str) -> None:
    """With all inputs of one value, from few rays: the networks do not depend on how many there are."""
    preset = PRESETS[name]
    small = replace(preset, picture=preset.picture // 8, rays=preset.rays // 8, guide_rays=1)
    model = Tri2Plane(small, torch.from_numpy(BOX), torch.from_numpy(DETAIL_RANGE)).eval()
    features = torch.rand(1, preset.features, small.rays, small.rays)
    picture: Tensor = model.super_resolution(features, torch.rand(1, 1, small.rays, small.rays))
    assert picture.shape == (1, 4, small.picture, small.picture)


def test_live_is_light(paper: Tri2Plane) -> None:
    live = Tri2Plane(LIVE, torch.from_numpy(BOX), torch.from_numpy(DETAIL_RANGE), mean_atlas())
    planes = sum(p.numel() for name, p in live.named_parameters() if name.endswith(".still")) / 1e6
    assert planes == pytest.approx(3 * 16 * (128**2 + 256**2 + 512**2) / 1e6)
    print(f"live: {millions(live):.1f} million, {planes:.1f} of them still planes")
    assert millions(live) - planes < millions(paper) / 4
