"""Training learns, resumes exactly and survives a kill."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from export.subject import drive_tensors
from offline.clip import Clip, ClipInfo, drive_arrays
from offline.training.devices import choose_device, peak_memory
from offline.training.optimiser import restore_optimiser
from offline.tri2plane import checkpoint
from offline.tri2plane import train as train_module
from offline.tri2plane.checkpoint import load, sampled
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.crops import slide as slide_batch
from offline.tri2plane.dataset import Batch, frames_of_step, load_batch
from offline.tri2plane.losses import feature_weight, sharpness_loss, weighted_l1
from offline.tri2plane.polish import polish
from offline.tri2plane.presets import PRESETS, Preset
from offline.tri2plane.preview import on_white, predict
from offline.tri2plane.train import Budget, subject_box, train
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DETAIL, DriveState
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, tiny_clip, tiny_run
from tests.tri2plane.variants import TINY_LIVE, TINY_PAPER, VARIANTS


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("clip") / "disc")


def test_losses_fall_and_a_preview_appears(clip: Clip, tmp_path: Path) -> None:
    run = tiny_run(tmp_path, clip)
    train(run, clip, Budget(steps=60))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(rows) == run.step == 60
    first, last = (np.mean([row["sr"] for row in part]) for part in (rows[:8], rows[-8:]))
    assert last < 0.6 * first
    sheet = cv2.imread(str(tmp_path / "preview" / "000060.png"))
    assert sheet is not None and sheet.shape == (64, 6 * 32, 3)
    shown = on_white(load_batch(clip, np.array([clip.test[0]])).picture)[0].permute(1, 2, 0).numpy()[..., ::-1]
    expected = cv2.resize(255 * shown, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert np.abs(sheet[:32, :32] - expected).max() < 2, "held-out frames above"


@pytest.mark.parametrize(
    ("autocast", "preset"), [(False, TINY), (True, TINY), (True, TINY_LIVE)], ids=["exact", "autocast", "live"]
)
def test_a_resumed_run_ends_with_the_same_weights(clip: Clip, tmp_path: Path, autocast: bool, preset: Preset) -> None:
    whole, parts = (tiny_run(tmp_path / name, clip, preset, autocast=autocast) for name in ("whole", "parts"))
    train(whole, clip, Budget(steps=6))
    parts_budget = Budget(steps=6)
    for _ in range(3):
        _one_step(parts, clip, parts_budget)
    resumed, optimiser = load(tmp_path / "parts")
    assert resumed.step == 3
    train(resumed, clip, parts_budget, optimiser)
    for (name, a), b in zip(whole.model.state_dict().items(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert torch.equal(whole.latents, resumed.latents)


def _one_step(run: checkpoint.Run, clip: Clip, budget: Budget) -> None:
    """Go on from disk for one step of the same budget, as a run that is killed after each."""
    from offline.tri2plane.dataset import batches
    from offline.tri2plane.train import make_optimiser, step

    optimiser = make_optimiser(run)
    if run.step:
        loaded, tensors = load(run.folder)
        run.model.load_state_dict(loaded.model.state_dict())
        run.averaged.load_state_dict(loaded.averaged.state_dict())
        run.latents.data.copy_(loaded.latents)
        restore_optimiser(optimiser, tensors)
    batch = next(batches(clip, run.config.seed, run.step, run.config.batch))
    step(run, optimiser, batch, budget.progress(run))
    run.step += 1
    checkpoint.save(run, optimiser)


def test_a_kill_while_saving_leaves_the_old_checkpoint(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path, clip)
    train(run, clip, Budget(steps=2))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(run, clip, Budget(steps=3))
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    assert load(tmp_path)[0].step == 2


def test_a_checkpoint_that_is_not_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no checkpoint"):
        load(tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nonsense" * 10)
    with pytest.raises(BadInput, match="cannot be read"):
        load(tmp_path)


def test_a_device_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(BadInput, match=r"'cud'; did you mean 'cuda'\?"):
        choose_device("cud")
    if not torch.cuda.is_available():
        assert choose_device("auto") == torch.device("cpu")
        with pytest.raises(BadInput, match="finds no CUDA device"):
            choose_device("cuda")


def test_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'learning_rat'; did you mean 'learning_rate'\?"):
        TrainConfig.from_dict({"learning_rat": 1e-3})
    with pytest.raises(BadInput, match="'rays' in Preset must be int"):
        Preset.from_dict(TINY.as_dict() | {"rays": "many"})


def test_polishing_changes_super_resolution_alone_and_for_the_better(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path / "run", clip)
    train(run, clip, Budget(steps=2))
    before = {k: v.clone() for k, v in run.averaged.state_dict().items()}

    def error() -> float:
        batch = load_batch(clip, np.array(clip.train))
        return float((predict(run, batch) - batch.picture).abs().mean())

    first = error()
    monkeypatch.setattr("offline.tri2plane.polish.RATE", 2e-2)
    polish(run, clip, Budget(steps=30))
    assert error() < 0.9 * first
    changed = {k.split(".")[0] for k, v in run.averaged.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"super_resolution"}
    learned = run.averaged.super_resolution.state_dict()
    assert all(torch.equal(v, learned[k]) for k, v in run.model.super_resolution.state_dict().items())


def test_a_polishing_that_was_cut_short_goes_on(clip: Clip, tmp_path: Path) -> None:
    """As after a kill: what the last save holds, and nothing else, is there again."""
    run = tiny_run(tmp_path / "run", clip)
    optimiser = train(run, clip, Budget(steps=2))
    polish(run, clip, Budget(steps=2), optimiser)
    again, tensors = load(tmp_path / "run")
    assert run.polishing is not None and again.polishing is not None
    assert (again.polishing.step, again.polishing.seconds) == (2, run.polishing.seconds) and run.polishing.seconds > 0
    assert again.polishing.random == run.polishing.random
    for name, value in run.polishing.optimiser.items():
        assert torch.equal(again.polishing.optimiser[name], value), name
    for spent in (Budget(steps=2), Budget(minutes=again.polishing.seconds / 60)):
        polish(again, clip, spent, optimiser)
        for name, value in run.averaged.state_dict().items():
            assert torch.equal(again.averaged.state_dict()[name], value), name
    polish(again, clip, Budget(steps=5), optimiser)
    assert again.polishing.optimiser["optimiser.0.step"] == again.polishing.step == 5
    train(again, clip, Budget(steps=3), tensors)
    assert again.polishing is None, "another training, another polishing"


def slow_clock(monkeypatch: pytest.MonkeyPatch, seconds: float, module: str = "offline.training.loop") -> None:
    """In the module, usually the loop, every look at the clock finds it `seconds` later."""
    looks = itertools.count()
    monkeypatch.setattr(f"{module}.time", SimpleNamespace(perf_counter=lambda: seconds * next(looks)))


def test_a_long_polishing_saves_on_the_way_and_ends_in_its_time(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path / "run", clip)
    optimiser = train(run, clip, Budget(steps=1))
    saves: list[int] = []
    monkeypatch.setattr("offline.tri2plane.polish.save", lambda run, _: saves.append(run.polishing.step))
    slow_clock(monkeypatch, 15.0)
    polish(run, clip, Budget(minutes=2.0), optimiser)
    # a step takes 15 s of training and 60 s in all; a save takes 15 s, so the next one waits for 19 times as long
    assert saves == [1, 6, 8]


def test_a_call_ends_in_its_own_time_and_the_next_goes_on(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path, clip)
    with monkeypatch.context() as patch:
        slow_clock(patch, 1.0)
        train(run, clip, Budget(steps=500, call=10.0))
    assert 1 <= run.step < 10
    again, tensors = load(tmp_path)
    assert again.step == run.step
    train(again, clip, Budget(steps=run.step + 1), tensors)
    assert again.step == run.step + 1


def test_the_log_holds_time_and_memory(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a clock that steps once at every look: after a frame was waited for, and after the step."""
    slow_clock(monkeypatch, 3.0)
    slow_clock(monkeypatch, 1.0, "offline.tri2plane.train")
    peaks = [peak_memory(torch.device("cpu"))]
    train(tiny_run(tmp_path, clip), clip, Budget(steps=2))
    peaks.append(peak_memory(torch.device("cpu")))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(row["wait_s"], row["step_s"], row["seconds"]) for row in rows] == [(1, 1, 3), (1, 1, 6)]
    assert all(round(peaks[0]) <= row["memory_mb"] <= round(peaks[1]) for row in rows)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_the_kernels_in_megabytes() -> None:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    assert peak_memory(torch.device("cpu")) == pytest.approx(int(line.split()[1]) / 1e3, rel=0.05)


def test_a_run_begun_before_there_were_new_options_goes_on(clip: Clip, tmp_path: Path) -> None:
    """Its config lacks them; their defaults are what it was."""
    run = tiny_run(tmp_path, clip)
    train(run, clip, Budget(steps=1))
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        meta = json.loads(file.metadata()["mien"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    for name in ("warp", "encoder", "encoder_norm", "embedding", "mapping", "residual_trunk", "levels", "mixing",
                 "lateral", "density_hidden", "patches", "super_resolution"):  # fmt: skip
        del meta["preset"][name]
    for name in ("losses", "perceptual", "lpips", "active", "recompute"):
        del meta["train"][name]
    save_file(tensors, path, metadata={"mien": json.dumps(meta)})
    old = load(tmp_path)[0]
    assert old.config == run.config and old.model.preset == run.model.preset


def test_what_inference_sees_does_not_depend_on_the_training_frames_latents(clip: Clip, tmp_path: Path) -> None:
    run, batch = tiny_run(tmp_path, clip), load_batch(clip, np.array([8, 9]))
    train(run, clip, Budget(steps=3))
    assert run.latents.any()
    before = predict(run, batch)
    run.latents.data.normal_()
    assert torch.equal(predict(run, batch), before)
    drive = drive_tensors([DriveState()], run.model.preset.latent)
    assert torch.equal(drive["latent"], run.averaged.resting_latent(1))


def test_other_samples_than_trained_with(clip: Clip, tmp_path: Path) -> None:
    run, batch = tiny_run(tmp_path / "a", clip), load_batch(clip, np.array([8]))
    first = predict(run, batch)
    assert not torch.equal(predict(sampled(run, 9, 12), batch), first)
    blind = predict(sampled(run, 64, 0), batch)
    assert blind.isfinite().all() and not torch.equal(blind, first)
    with pytest.raises(BadInput, match="must be 1 to 128"):
        sampled(run, 0, None)
    with pytest.raises(BadInput, match="'tiny-paper' renders without a guide"):
        sampled(tiny_run(tmp_path / "b", clip, TINY_PAPER), None, 8)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("preset", VARIANTS.values(), ids=VARIANTS)
def test_a_run_goes_from_a_gpu_to_the_processor(clip: Clip, tmp_path: Path, preset: Preset) -> None:
    device = choose_device("cuda")
    train(tiny_run(tmp_path, clip, preset), clip, Budget(steps=1))
    run, tensors = load(tmp_path, device)
    optimiser = train(run, clip, Budget(steps=4), tensors)
    polish(run, clip, Budget(steps=3), optimiser)
    batch = load_batch(clip, np.array([8, 9]))
    on_gpu, on_cpu = predict(run, batch), predict(load(tmp_path)[0], batch)
    assert (on_gpu - on_cpu).abs().max() < 2e-2  # TF32 keeps ten bits of mantissa
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(rows) == 4 and all(np.isfinite(row["sr"]) for row in rows)


def test_detail_beyond_what_training_saw_does_not_count(clip: Clip, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", clip)
    expression, latent = torch.zeros(1, 52), torch.zeros(1, 4)

    def planes(value: float) -> torch.Tensor:
        detail = torch.full((1, DETAIL), value)
        return run.averaged.planes(run.motion_maps(expression, detail), expression, detail, latent)[2]

    assert torch.equal(planes(0.5), planes(3.0)) and torch.equal(planes(-1.0), planes(-2.0))
    assert not torch.equal(planes(0.5), planes(-1.0))


def test_presets_go_through_json() -> None:
    for preset in PRESETS.values():
        assert Preset.from_dict(json.loads(json.dumps(preset.as_dict()))) == preset


def test_every_epoch_sees_every_training_frame_once(clip: Clip) -> None:
    n = len(clip.train)
    seen = np.concatenate([frames_of_step(clip, 3, step, 3) for step in range(n)])
    for epoch in range(3):
        assert sorted(seen[epoch * n : (epoch + 1) * n]) == list(clip.train)


def test_the_picture_slides_with_the_pose(clip: Clip) -> None:
    from offline.tri2plane.dataset import load_batch

    torch.manual_seed(1)
    batch = load_batch(clip, np.array([0, 1, 2, 3]))
    pose, known, moved = slide_batch(batch, 0.2, 1.0)
    camera = portrait_camera()
    for i in range(4):
        shift = (camera.project(pose[i, :, 3].numpy()) - camera.project(batch.pose[i, :, 3].numpy())) * 64
        dx, dy = np.rint(shift).astype(int)
        x, y = 32 + dx, 40 + dy  # inside the disc, wherever it went
        if 0 <= x < 64 and 0 <= y < 64 and known[i, 0, y, x]:
            torch.testing.assert_close(moved[i, :, y, x], batch.picture[i, :, 40, 32])


def test_the_window_slides_into_the_margin(clip: Clip) -> None:
    """Every pixel of the moved picture against where it was, by hand."""
    torch.manual_seed(2)
    plain = load_batch(clip, np.array([0, 1, 2, 3, 4, 5]))
    margin = left, top, right, bottom = 9, 4, 0, 20
    wide = torch.rand(6, 4, 64 + top + bottom, 64 + left + right)
    batch = replace(plain, wide=wide, margin=margin)
    assert batch.picture.shape == plain.picture.shape and torch.equal(batch.one(2).picture, batch.picture[2:3])
    state = torch.random.get_rng_state()
    pose, known, moved = slide_batch(batch, 0.2, 1.0)
    torch.random.set_rng_state(state)
    _, masked, _ = slide_batch(batch, 0.2, 1.0, into_margin=False)
    gained = 0
    for i in range(6):
        shift = portrait_camera().project(pose[i, :, 3].numpy()) - portrait_camera().project(
            batch.pose[i, :, 3].numpy()
        )
        dx, dy = np.rint(shift * 64).astype(int)
        for y in range(64):
            for x in range(64):
                row, column = y - dy + top, x - dx + left
                inside = 0 <= row < wide.shape[2] and 0 <= column < wide.shape[3]
                assert bool(known[i, 0, y, x]) == inside
                assert not inside or torch.equal(moved[i, :, y, x], wide[i, :, row, column])
                assert bool(masked[i, 0, y, x]) == (0 <= y - dy < 64 and 0 <= x - dx < 64)
        gained += int((known[i] - masked[i]).sum())
    assert gained > 0


def test_the_box_holds_what_a_slide_brings_in_from_the_margin(tmp_path: Path) -> None:
    """A person who goes on beyond the picture: the box is wider by the slide on the side that has a margin."""
    states = [DriveState(timestamp=i / 25) for i in range(5)]
    for name, margin in (("plain", (0, 0, 0, 0)), ("wide", (0, 0, 20, 0))):
        info = ClipInfo(64, 25.0, 5, "video", "bar", "synthetic", portrait_camera(), margin)
        made = Clip.create(tmp_path / name, info, drive_arrays(states))
        for i in range(5):
            made.write_frame(i, np.full(info.shape, 255, np.uint8))
    plain, wide = Clip.open(tmp_path / "plain"), Clip.open(tmp_path / "wide")
    before, after = subject_box(plain, 0.1)[0], subject_box(wide, 0.1)[0]
    np.testing.assert_array_equal(subject_box(wide)[0], subject_box(plain)[0])
    assert subject_box(plain)[1].all()
    pixel = (before[1, 0] - before[0, 0]) / 63  # from the first pixel's middle to the last one's
    assert after[1, 0] - before[1, 0] == pytest.approx(int(0.1 * 64) * pixel, rel=0.05)
    np.testing.assert_allclose(after[0], before[0], atol=0.01)


def test_weights_and_losses_by_hand() -> None:
    a, b = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    assert weighted_l1(a, b, torch.ones(1, 1, 2, 2)) == 0.5
    assert weighted_l1(a, b, torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])) == 0.5
    ramp = torch.arange(64.0).reshape(1, 1, 8, 8)
    assert sharpness_loss(ramp, ramp + 3, torch.ones(1, 1, 8, 8)) == 0  # another level, the same edges


def test_the_eyes_and_the_mouth_weigh_most() -> None:
    camera = portrait_camera()
    weight = feature_weight(
        torch.eye(3, 4)[None], torch.from_numpy(camera.intrinsics)[None], torch.from_numpy(camera.extrinsics)[None],
        128, 4.0,
    )[0, 0].numpy()  # fmt: skip
    for point in ([0.315, 0.265, 0.38], [-0.315, 0.265, 0.38], [0, -0.45, 0.5]):
        u, v = camera.project(np.array(point)) * 128
        assert weight[int(v), int(u)] > 4.5
    assert weight[5, 5] < 1.01


def test_the_same_seed_and_steps_give_the_same_bits_polished_too(clip: Clip, tmp_path: Path) -> None:
    """Also where the second one trains in three calls."""
    budget = Budget(steps=4)
    one, two = (tiny_run(tmp_path / name, clip) for name in ("one", "two"))
    polish(one, clip, Budget(steps=3), train(one, clip, budget))
    train(two, clip, Budget(steps=4, call=0.0))  # no step at all
    _one_step(two, clip, budget)
    again, tensors = load(tmp_path / "two")
    optimiser = train(again, clip, budget, tensors)
    _one_polishing_step(again, clip, optimiser)
    once_more, tensors = load(tmp_path / "two")
    assert once_more.polishing is not None and once_more.polishing.step == 1
    polish(once_more, clip, Budget(steps=3), optimiser)
    for name, value in one.averaged.state_dict().items():
        assert torch.equal(once_more.averaged.state_dict()[name], value), name


def _one_polishing_step(run: checkpoint.Run, clip: Clip, optimiser: torch.optim.Optimizer) -> None:
    """The first of three, then Ctrl-C."""

    def interrupted(self: object, share: float) -> float:
        if share > 0:
            raise KeyboardInterrupt
        return share

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("offline.training.workers.Workers.agree", lambda self, share, device: interrupted(self, share))
        polish(run, clip, Budget(steps=3), optimiser)


@pytest.mark.parametrize("wrong", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_training_before_anything_is_spoilt(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    run = tiny_run(tmp_path, clip)
    train(run, clip, Budget(steps=2))
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    terms = train_module.loss_terms

    def poisoned(run: checkpoint.Run, batch: Batch) -> dict[str, torch.Tensor]:
        found = terms(run, batch)
        factor = float("nan") if wrong == "loss" else 1.0
        found["sr"] = found["sr"] * factor
        if wrong == "gradient":
            found["latent"] = (
                found["latent"] + (run.model.decoder.density_out.weight.sum() * 0).sqrt()
            )  # its slope is 0/0
        return found

    monkeypatch.setattr(train_module, "loss_terms", poisoned)
    named = "the loss 'sr' is nan" if wrong == "loss" else "the gradient's norm is nan"
    with pytest.raises(BadInput, match=f"{named} in step 3, .* kept; train anew .*--set learning_rate"):
        train(run, clip, Budget(steps=4))
    monkeypatch.undo()
    kept, _ = load(tmp_path)
    assert kept.step == 2
    for name, value in kept.model.state_dict().items():
        assert torch.equal(value, before[name]) and value.isfinite().all(), name


def test_a_polishing_that_is_not_finite_stops(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path, clip)
    optimiser = train(run, clip, Budget(steps=1))
    monkeypatch.setattr("offline.tri2plane.polish.SHARPNESS", float("inf"))
    with pytest.raises(BadInput, match=r"the loss 'sr' is inf in step 1, .*usable as it is"):
        polish(run, clip, Budget(steps=2), optimiser)
    assert all(value.isfinite().all() for value in load(tmp_path)[0].averaged.state_dict().values())
