"""The distillation with a denoiser that knows the true head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from offline.joker.bank.folder import Planes
from offline.joker.captures.views import between, camera_tensors, grid
from offline.joker.distill.distill import Distillation
from offline.joker.distill.losses import fit_terms, score_terms
from offline.joker.distill.memory import Batches
from offline.joker.distill.nerf import BLOB, HEAD_BOX, DistilledHead, HeadRenderer, enlarged, fresh_planes
from offline.joker.distill.presets import STUDIO
from offline.joker.distill.resizing import resized
from offline.joker.distill.targets import (
    Targets,
    Window,
    display_values,
    eight_bits,
    make_targets,
    sample_views,
    stream,
)
from offline.joker.distill.work import Progress
from offline.tensors import read_tensors, write_tensors
from runtime.errors import BadInput, Unavailable
from tests.joker.balls import PLAIN, TONGUE_OUT, Oracle, pictures, psnr
from tests.tri2plane.tiny import TINY

NETWORKS = replace(TINY, rays=32, picture=64, guide_rays=16, guide_samples=16, samples=6)
QUICK = replace(
    STUDIO, azimuths=3, elevations=2, levels=4, single=2, iterations=3, after=4, views=3, resolutions=((0, 16),),
    patch=16, skipped=0.0, autocast=False,
)  # fmt: skip


def fresh_head(seed: int = 0) -> DistilledHead:
    torch.manual_seed(seed)
    return DistilledHead(HeadRenderer(NETWORKS, torch.tensor(HEAD_BOX)), fresh_planes(NETWORKS, stream(seed)))


def distillation(folder: Path, oracle: Oracle, head: DistilledHead | None = None, **more: object) -> Distillation:
    given = {"learn_networks": True, "log": lambda text: None} | more
    return Distillation(head or fresh_head(), oracle, given.pop("preset", QUICK), folder, **given)  # type: ignore[arg-type]


def oracle(size: int = 16) -> Oracle:
    return Oracle(pictures(TONGUE_OUT, grid(3, 2), size))


def test_area_means_and_enlarged_planes_by_hand() -> None:
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert resized(picture, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert resized(picture, 4) is not None and torch.equal(resized(picture, 4), picture)
    assert enlarged(torch.full((3, 1, 2, 2), 0.7), 8).shape == (3, 1, 8, 8)


def test_a_head_shows_what_its_start_shows_until_it_learns() -> None:
    head = fresh_head().eval()
    for learned, start in zip(head.planes, head.start, strict=True):
        assert torch.equal(learned, start)
    with torch.no_grad():
        head.coarse_added.add_(0.5)
    torch.testing.assert_close(head.planes.fine, head.start.fine + 0.5)  # the fine level follows the coarse one


def test_a_window_is_a_part_of_the_whole() -> None:
    head, cameras = fresh_head().eval(), camera_tensors(grid(2, 1))
    with torch.no_grad():
        whole = head.shown(cameras, 48)
        part, alpha = head.window(cameras, (0.25, 0.5), 0.5, 24)
    assert alpha.shape == (2, 1, 12, 12)
    # the guide's grid is another, so samples lie elsewhere on their rays; the planes are smooth noise
    assert psnr(part, whole[..., 24:48, 12:36]) > 30


def test_targets_are_noised_denoised_and_counted() -> None:
    seen = oracle()
    shown = torch.rand(6, 3, 16, 16, generator=stream(1))
    made = make_targets(seen, shown, (999, 500), (0, 0), Batches(4, "denoising", print))
    assert seen.asked == [(999, 4), (999, 2), (500, 4), (500, 2)]  # all views at a level before the next
    assert made.dtype == torch.uint8
    assert psnr(display_values(made), seen.truth) > 50  # 8 bits a value: 59 dB for even errors
    assert psnr(sample_views(seen, 6, (999,), 0, Batches(6, "x", print)), seen.truth) > 50


@pytest.mark.parametrize(("resolution", "patch"), [(48, 20), (36, 13), (24, 24), (12, 5), (40, 7)])
def test_windows_that_are_cut_out_first_are_those_of_whole_pictures(resolution: int, patch: int) -> None:
    """384 of 512 and such need blocks of several pixels; 40 of 48 pixels are 5 of 6."""
    pictures = torch.randint(256, (5, 3, 48, 48), dtype=torch.uint8, generator=stream(2))
    targets, views = Targets(pictures, 10), torch.tensor([3, 0])
    whole = resized(pictures[views].float() / 255, resolution)
    for left, top in ((0, 0), (resolution - patch, 0), ((resolution - patch) // 2, resolution - patch)):
        window = targets.window(views, resolution, (left, top), patch)
        assert torch.equal(window.picture, whole[..., top : top + patch, left : left + patch])
        assert torch.equal(window.coarse, resized(whole, 10))
        assert (*window.corner, window.share) == (left / resolution, top / resolution, patch / resolution)


class LargestTensor(TorchDispatchMode):
    """The most bytes that a tensor of floats made meanwhile holds."""

    bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.is_floating_point():
            self.bytes = max(self.bytes, made.nbytes)
        return made


def test_an_iteration_converts_no_whole_targets(tmp_path: Path) -> None:
    """What the paper's 64 views of 512² would take as display values is 201 MB an iteration."""
    work = distillation(tmp_path, Oracle(torch.rand(6, 3, 128, 128)), preset=replace(QUICK, resolutions=((0, 128),)))
    targets = work.as_targets(eight_bits(torch.rand(6, 3, 128, 128)))
    assert targets.pictures.dtype == torch.uint8
    targets.window(torch.arange(6), 128, (0, 0), 16)
    with LargestTensor() as largest:
        targets.window(torch.arange(6), 128, (0, 0), 16)
    assert largest.bytes <= 6 * 3 * 16 * 16 * 4


def test_memory_that_is_short_halves_the_batch_and_says_so() -> None:
    seen, said = oracle(), list[str]()
    seen.most = 2
    batches = Batches(6, "denoising", said.append)
    make_targets(seen, torch.zeros(6, 3, 16, 16), (999,), (0, 0), batches)
    assert batches.size == 1 and seen.asked == [(999, 1)] * 6
    assert said == [
        "out of memory; denoising goes on with 3 view(s) at once",
        "out of memory; denoising goes on with 1 view(s) at once",
    ]
    seen.most = 0
    with pytest.raises(Unavailable, match="does not hold denoising of a single view"):
        make_targets(seen, torch.zeros(6, 3, 16, 16), (999,), (0, 0), batches)


def test_rendering_that_runs_out_of_memory_gives_the_same_gradients(tmp_path: Path) -> None:
    whole, halved = (distillation(tmp_path / name, oracle()) for name in ("a", "b"))
    targets = whole.as_targets(eight_bits(oracle().truth))
    whole._iterate(0, targets)
    usual = halved._gradients

    def short(views: torch.Tensor, wanted: Window | None, noise: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
        if len(views) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(views, wanted, noise)

    halved._gradients = short  # type: ignore[method-assign]
    halved._iterate(0, targets)
    assert halved.rendering.size == 1 and whole.rendering.size == 3
    # jitter is drawn view by view in the one and for all in the other, so the steps agree in direction only
    a, b = whole.head.coarse_added.grad, halved.head.coarse_added.grad
    assert a is not None and b is not None
    assert torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), 0) > 0.9


def test_a_killed_run_goes_on_as_the_same_run(tmp_path: Path) -> None:
    straight = distillation(tmp_path / "straight", oracle())
    straight.run()
    calls = 0

    def killing(share: float, doing: str) -> None:
        nonlocal calls
        calls += "loss" in doing
        if calls == 5:  # in the second round
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distillation(tmp_path / "killed", oracle(), on_progress=killing).run()
    again = oracle()
    resumed = distillation(tmp_path / "killed", again, fresh_head(seed=9))
    resumed.head.coarse_start.copy_(straight.head.coarse_start)
    resumed.head.fine_start.copy_(straight.head.fine_start)
    progress = resumed.run()
    assert progress.iteration == 10 and progress.round == 3
    assert [step for step, _ in again.asked] == [500, 250]  # the targets of the second round were kept
    for a, b in zip(straight.head.planes, resumed.head.planes, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert sorted(p.name for p in (tmp_path / "killed" / "preview").iterdir()) == [
        "000.png",
        "001.png",
        "002.png",
        "last.png",
    ]
    with pytest.raises(BadInput, match="other settings"):
        distillation(tmp_path / "killed", oracle(), seed=1).run()


def test_targets_of_other_settings_are_not_taken(tmp_path: Path) -> None:
    """A kill before the first state leaves nothing but targets behind."""
    first = distillation(tmp_path, oracle())
    first.work.save_targets(eight_bits(oracle().truth), Progress())
    assert first.work.load_targets(Progress()) is not None
    assert distillation(tmp_path, oracle(), seed=1).work.load_targets(Progress()) is None


def test_a_state_that_does_not_say_how_far_it_is_is_refused(tmp_path: Path) -> None:
    work = distillation(tmp_path, oracle())
    work.work.save(work.head, work.optimiser, Progress())
    tensors, about = read_tensors(tmp_path / "state.safetensors")
    for progress in ({}, {"progress": {"lap": 3}}):
        write_tensors(
            tmp_path / "state.safetensors", tensors, {k: about[k] for k in about if k != "progress"} | progress
        )
        with pytest.raises(BadInput, match="does not say how far it is; delete it"):
            work.work.load(work.head, work.optimiser)


def test_a_head_that_comes_apart_is_not_kept(tmp_path: Path) -> None:
    work = distillation(tmp_path, oracle(), preset=replace(QUICK, sparsity=1e300))
    before = [p.detach().clone() for p in work.head.parameters()]
    with pytest.raises(BadInput, match="no finite loss"):
        work._iterate(0, work.as_targets(eight_bits(oracle().truth)))
    assert all(torch.equal(a, b) for a, b in zip(before, work.head.parameters(), strict=True))


def test_score_distillation_moves_towards_the_truth() -> None:
    head, seen = fresh_head(), oracle()
    terms = score_terms(head, camera_tensors(grid(3, 2)), torch.arange(6), seen, QUICK, stream(0))
    (gradient,) = torch.autograd.grad(terms["score"], [head.fine_added])
    with torch.no_grad():
        before = psnr(head.eval().shown(camera_tensors(grid(3, 2)), 16), seen.truth)
        head.fine_added.sub_(0.1 * gradient / gradient.abs().max())
        after = psnr(head.shown(camera_tensors(grid(3, 2)), 16), seen.truth)
    assert after > before


def test_a_head_that_shows_its_targets_is_left_alone() -> None:
    head, cameras = fresh_head().eval(), camera_tensors(grid(3, 2))
    with torch.no_grad():
        targets = head.shown(cameras, 16)
    terms = fit_terms(head, cameras, Window(targets, resized(targets, head.guide_size), (0.0, 0.0), 1.0), QUICK, None)
    assert terms["l1"].item() == 0 and terms["sharp"].item() == 0 and terms["pull"].item() == 0


def unseen_psnr(head: DistilledHead, balls: tuple, size: int) -> float:
    """Of views between those that were distilled in, dB."""
    views = between(5, 3)
    with torch.no_grad():
        return psnr(head.eval().shown(camera_tensors(views), size), pictures(balls, views, size))


def test_an_oracle_makes_a_head_that_is_right_from_unseen_sides(tmp_path: Path) -> None:
    preset = replace(
        QUICK, azimuths=5, elevations=3, iterations=40, after=260, views=5, resolutions=((0, 32),), patch=32
    )
    work = distillation(tmp_path, Oracle(pictures(TONGUE_OUT, grid(5, 3), 32)), preset=preset)
    work.run()
    assert unseen_psnr(work.head, TONGUE_OUT, 32) >= 30


@pytest.mark.slow
def test_an_oracles_tongue_is_learnt_under_frozen_networks(tmp_path: Path) -> None:
    """As a bank's expressions are: the first head with its networks, the next one from its planes."""
    preset = replace(
        QUICK, azimuths=5, elevations=3, iterations=40, after=460, views=5, resolutions=((0, 32),), patch=32
    )
    base = distillation(tmp_path / "plain", Oracle(pictures(PLAIN, grid(5, 3), 32)), preset=preset)
    base.run()
    head = DistilledHead(base.head.renderer, Planes(*(level.detach() for level in base.head.planes)))
    known = Oracle(pictures(TONGUE_OUT, grid(5, 3), 32))
    distillation(tmp_path / "tongue", known, head, preset=preset, learn_networks=False).run()
    first, before, after = (
        unseen_psnr(shown, balls, 32)
        for shown, balls in ((base.head, PLAIN), (base.head, TONGUE_OUT), (head, TONGUE_OUT))
    )
    print(f"plain {first:.1f} dB, tongue {before:.1f} to {after:.1f} dB")
    assert first >= 30 and after >= 30 and after > before + 3


def test_a_fresh_head_is_a_blob() -> None:
    """The first channel, summed over the planes at their texels' centres, is 2 · (1 - Σ ((x - c) / a)²)."""
    planes = fresh_planes(NETWORKS, stream(0)).fine[:, 0]
    low, high = torch.tensor(HEAD_BOX)
    n = planes.shape[-1]
    i, j, k = 5, 9, 7
    x, y, z = (low + (torch.tensor([i, j, k]) + 0.5) / n * (high - low)).tolist()
    (cx, cy, cz), (ax, ay, az) = BLOB
    wanted = 2 * (1 - ((x - cx) / ax) ** 2 - ((y - cy) / ay) ** 2 - ((z - cz) / az) ** 2)
    # plane 0 holds (x, y), plane 1 (x, z), plane 2 (z, y); the second axis runs along the height
    assert (planes[0, j, i] + planes[1, k, i] + planes[2, j, k]).item() == pytest.approx(wanted, abs=1e-5)
    cameras = camera_tensors(grid(1, 1))
    alpha = fresh_head().eval().window(cameras, (0.0, 0.0), 1.0, 16)[1][0, 0].detach()
    assert alpha[12, 12] > 0.95 and alpha[0, 0] < 0.1
