"""The whole model: patches, what inference sees, alpha and depth against bodies of known shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from offline.precision import in_float32
from offline.tri2plane.model import Tri2Plane
from offline.tri2plane.presets import LIVE, PAPER, PRESETS, Preset, decoder_work
from offline.warp.face import Warped
from runtime.contract.drive import DETAIL
from runtime.errors import BadInput
from tests.tri2plane.tiny import BOX, DETAIL_RANGE
from tests.tri2plane.variants import TINY_LIVE, TINY_PAPER, VARIANTS, front_view, model_of

DISTANCE = 9.0
"""From the portrait camera to the head's origin, dm."""


def drive(preset: Preset, batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(batch, 6, preset.motion_map, preset.motion_map), torch.rand(batch, 52), torch.zeros(batch, DETAIL)


@pytest.mark.parametrize("preset", VARIANTS.values(), ids=VARIANTS)
@torch.no_grad()
def test_the_same_state_gives_the_same_frame_exactly(preset: Preset) -> None:
    model = model_of(preset)
    inputs = (*drive(preset), model.resting_latent(1), *front_view())
    first = model(*inputs)
    assert first.shape == (1, 4, preset.picture, preset.picture)
    torch.manual_seed(7)
    assert torch.equal(model(*inputs), first)


@pytest.mark.parametrize("preset", [TINY_LIVE, TINY_PAPER], ids=lambda p: p.name)
@torch.no_grad()
def test_the_patches_make_up_the_picture(preset: Preset) -> None:
    model = model_of(preset)
    levels = model.planes(*drive(preset, 2), model.resting_latent(2))
    view = front_view(2)
    patched = model.whole(levels, *view)
    at_once = model.render(levels, len(levels) - 1, *view, preset.rays)
    assert patched.alpha.max() > 0.1
    for name in ("features", "alpha", "depth"):
        torch.testing.assert_close(getattr(patched, name), getattr(at_once, name), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("preset", [TINY_LIVE, TINY_PAPER], ids=lambda p: p.name)
def test_only_active_patches_carry_a_gradient(preset: Preset) -> None:
    model = model_of(preset)
    levels = [level.detach().requires_grad_() for level in model.planes(*drive(preset), model.resting_latent(1))]
    made = model.whole(levels, *front_view(), active={5, 6})
    side = preset.rays // preset.patches
    parts = made.features.unfold(2, side, side).unfold(3, side, side).abs().sum((0, 1, 4, 5)).reshape(-1)
    for number, total in enumerate(parts):
        gradient = torch.autograd.grad(total, levels[-1], retain_graph=True, allow_unused=True)[0]
        reached = gradient is not None and bool(gradient.any())
        assert reached == (number in (5, 6)), number


@pytest.mark.parametrize("preset", VARIANTS.values(), ids=VARIANTS)
def test_computing_again_changes_no_gradient(preset: Preset) -> None:
    """Jittered samples too: the second time they are where they were the first."""
    model = model_of(preset).train()
    results = []
    for again in (False, True):
        model.recompute = again
        model.zero_grad()
        torch.manual_seed(2)
        given = drive(preset)
        levels = model.planes(*given, model.resting_latent(1))
        face = model.warped(given[1])
        model.whole(levels, *front_view(), active={0, 5}, face=face).features.square().sum().backward()
        results.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert len(results[0]) == len(results[1])
    assert sum(bool(gradient.any()) for gradient in results[0]) > len(results[0]) / 2
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_latent_at_inference_is_zero() -> None:
    model = model_of(TINY_LIVE)
    assert model.resting_latent(3).shape == (3, TINY_LIVE.latent) and not model.resting_latent(3).any()


def test_live_asks_the_decoder_for_an_eighth_of_what_paper_asks_at_most() -> None:
    assert decoder_work(PAPER) == 512 * 512 * 64
    assert decoder_work(LIVE) <= decoder_work(PAPER) / 8


def test_presets_refuse_what_does_not_fit() -> None:
    assert PRESETS["paper"].plane_sizes == PRESETS["live"].plane_sizes == (128, 256, 512)
    with pytest.raises(BadInput, match="features, planes"):
        Preset("x", lateral="sum")
    with pytest.raises(BadInput, match="multiple of 'patches'"):
        Preset("x", patches=3)


class Body(Tri2Plane):
    """A model whose density is given: `thickness` dm of σ = `sigma` from z = `front` of head space backwards."""

    def __init__(self, preset: Preset, sigma: float, front: float, thickness: float, radius: float = 0.0) -> None:
        super().__init__(preset, torch.from_numpy(BOX), torch.from_numpy(DETAIL_RANGE))
        self.sigma, self.front, self.thickness, self.radius = sigma, front, thickness, radius

    def density(
        self, planes: Sequence[Tensor], world: Tensor, pose: Tensor, *given: Tensor | Warped | None
    ) -> tuple[Tensor, Tensor]:
        z = world[..., 2]
        inside = (z <= self.front) & (z >= self.front - self.thickness)
        if self.radius:
            inside = world.square().sum(-1) <= self.radius**2
        return inside * self.sigma, world.new_zeros(*z.shape, self.preset.plane_channels)


def rendered(body: Body) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        made = body.eval().whole([torch.empty(0)] * 3, *front_view())
    return made.alpha[0, 0], made.depth[0, 0]


@pytest.mark.parametrize("preset", [TINY_LIVE, TINY_PAPER], ids=lambda p: p.name)
def test_a_hazy_slab_has_its_opacity_and_its_middle_as_depth(preset: Preset) -> None:
    sigma, front, thickness = 0.05, 0.4, 0.8
    alpha, depth = rendered(Body(preset, sigma, front, thickness))
    # The fine samples span the box or, led by the guide, less: σ is met in whole samples of at most this length.
    step = (BOX[1, 2] - BOX[0, 2] + 0.2) / preset.samples
    low, high = (1 - math.exp(-sigma * (thickness + sign * step)) for sign in (-1, 1))
    assert low - 1e-6 <= alpha.min() and alpha.max() <= high + 1e-6
    assert (depth - (DISTANCE - front + thickness / 2)).abs().max() < step / 2 + 0.05


@pytest.mark.parametrize("preset", [TINY_LIVE, TINY_PAPER], ids=lambda p: p.name)
def test_a_solid_ball_is_where_its_surface_is(preset: Preset) -> None:
    radius = 0.6
    alpha, depth = rendered(Body(preset, 200.0, 0.0, 0.0, radius))
    # the camera looks at y = -0.3: the ball's middle lies above the picture's
    row, column = int((0.5 - 0.3 / DISTANCE * 2.2) * preset.rays), preset.rays // 2
    assert alpha[row, column] > 0.999 and alpha[0, 0] == alpha[-1, -1] == 0 and depth[0, 0] == 0
    step = (BOX[1, 2] - BOX[0, 2] + 0.2) / preset.samples
    assert abs(float(depth[row, column]) - (DISTANCE - radius)) < step
    area = (alpha > 0.5).float().mean()
    expected = math.pi * (radius * 2.2 / DISTANCE) ** 2
    assert area == pytest.approx(expected, rel=0.1)  # the outline is 60 pixels long, the area 280 of them


def test_the_guide_makes_depth_finer_than_even_samples_would() -> None:
    """Led, a solid wall is found to within an interval of the guide's, cut into the fine samples. Narrowed, to within
    half an interval of what narrows (a hard front may lie so far before the fine samples) and half of one of these."""
    front = 0.3
    guided = 2 * (BOX[1, 2] - BOX[0, 2] + 0.2) / TINY_LIVE.guide_samples  # the wall is met in one; one to each side
    narrowed = guided / TINY_LIVE.narrow_samples
    for preset, most in (
        (replace(TINY_LIVE, narrow_samples=0), guided / TINY_LIVE.samples),
        (TINY_LIVE, narrowed / 2 + narrowed / TINY_LIVE.samples / 2),
    ):
        _, depth = rendered(Body(preset, 200.0, front, 1.0))
        assert (depth - (DISTANCE - front)).abs().max() < most


def test_nothing_inside_runs_in_half_precision_on_any_device() -> None:
    @in_float32
    def probe() -> tuple[bool, bool]:
        return torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")

    torch.set_autocast_enabled("cuda", True)  # without CUDA here, as the context manager would
    try:
        with torch.autocast("cpu", torch.bfloat16):
            assert probe() == (False, False) and torch.is_autocast_enabled("cpu")
    finally:
        torch.set_autocast_enabled("cuda", False)
