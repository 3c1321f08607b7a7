"""What the `paper` preset costs with Stable Diffusion 1.5's shapes and random weights.

    python -m offline.joker.distill.measure_paper -o FILE

Runs every part once, and then one full step of the distillation as `mien distill` runs it. Each part's time and
floating-point operations, the step's time and the process's peak memory are written as JSON, with how often the preset
runs each part and what that comes to on a GPU of a given speed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel

from offline.files import write_text
from offline.joker.captures.views import View, camera_tensors, grid
from offline.joker.distill.distill import Distillation
from offline.joker.distill.losses import fit_terms
from offline.joker.distill.nerf import DistilledHead
from offline.joker.distill.presets import PAPER
from offline.joker.distill.targets import Targets, stream
from offline.joker.prior.bound import BoundPrior, Prior
from offline.joker.prior.networks import JokerPrior
from offline.joker.prior.small import word_tokenizer
from offline.joker.world.looks import words
from offline.training.devices import choose_device, peak_memory
from offline.tri2plane.presets import PRESETS
from runtime.machine import machine

H200_OPERATIONS, H200_BYTES = 989e12, 4.8e12
"""Dense bfloat16 operations and bytes of memory a second of an H200 (NVIDIA's data sheet)."""
SHARES = (0.2, 0.5)
"""Shares of both that networks of these kinds reach, pessimistic and optimistic: an assumption."""
COPIED = 2**28
"""Numbers that are copied to measure this machine's memory."""
Plan = tuple[str, Callable[[], object], int]
"""A part's name, what runs it once, and how often the preset does."""
STEP = 500
FITTED = 4
"""Views whose fitting is measured; an iteration of the preset fits more."""
ONE_STEP = replace(PAPER, azimuths=FITTED, elevations=1, levels=2, single=1, iterations=1, after=1, views=FITTED)
"""Both stages with all their parts, once each."""


@dataclass(frozen=True)
class Part:
    """One part of the distillation, run once."""

    name: str
    seconds: float
    flop: float
    """Of matrix products and convolutions, as torch counts them."""
    times: int
    """How often the preset runs it for a head."""
    bound: str
    """What it waits for: "operations", as the 2D prior, or "memory", as volume rendering with its small networks."""


def stable_diffusion_shapes(dtype: torch.dtype = torch.bfloat16) -> JokerPrior:
    """A prior of Stable Diffusion 1.5's shapes with random weights."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(0)
        unets = [UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8) for _ in range(2)]
        driving = ControlNetModel(cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        )  # fmt: skip
        text = CLIPTextModel(
            CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        )
    finally:
        torch.set_default_dtype(before)
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    denoiser, reference = unets
    return JokerPrior(denoiser, reference, driving, vae, text, word_tokenizer(words()), scheduler)


def fresh_head(device: torch.device) -> DistilledHead:
    """A head that the preset would begin with."""
    return DistilledHead.fresh(PRESETS[PAPER.networks]).to(device)


def bind(prior: Prior, views: Sequence[View]) -> BoundPrior:
    """The prior told noise: what is seen costs the same."""
    reference, *normals = torch.rand(1 + len(views), 3, prior.size, prior.size, generator=stream(1))
    return prior.bind(reference, torch.stack(normals), "a face", PAPER.guidance)


def parts(prior: Prior) -> list[Part]:
    """Every part of the distillation, run and counted once."""
    device, size = prior.networks.device, prior.size
    head, views = fresh_head(device), grid(PAPER.azimuths, PAPER.elevations)
    one = camera_tensors(views[:1], device)
    bound, picture = bind(prior, views[:1]), torch.rand(1, 3, size, size, device=device)
    latents, view = bound.encode(picture), torch.tensor([0])
    evaluations = PAPER.levels * len(views)
    pictures = (PAPER.single + 1) * len(views)

    @torch.no_grad()
    def show() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=PAPER.autocast):
            head.shown(one, size)

    prior_plan: list[Plan] = [
        ("encode a view", lambda: bound.encode(picture), pictures),
        ("the reference's states, with and without text", lambda: bound.reference_states(STEP), PAPER.levels),
        ("denoise a view, with and without text", lambda: bound.clean(latents, STEP, view), evaluations),
        ("decode a view", lambda: bound.decode(latents), pictures),
    ]
    head_plan: list[Plan] = [("render a view", show, pictures), *_fits(head, size)]
    plan = [*((part, "operations") for part in prior_plan), *((part, "memory") for part in head_plan)]
    return [_run(*part, bound_by, device) for part, bound_by in tqdm(plan, unit="part")]


def _fits(head: DistilledHead, size: int) -> list[Plan]:
    """Fitting at each of the preset's resolutions, and how often."""
    device = head.coarse_added.device
    cameras = camera_tensors(grid(FITTED, 1), device)
    iterations = PAPER.single * PAPER.iterations + PAPER.after

    def fit(resolution: int) -> None:
        targets = Targets(torch.randint(256, (FITTED, 3, size, size), dtype=torch.uint8), head.guide_size, device)
        wanted = targets.window(torch.arange(FITTED), resolution, (0, 0), min(PAPER.patch, resolution))
        with torch.autocast(device.type, torch.bfloat16, enabled=PAPER.autocast):
            terms = fit_terms(head, cameras, wanted, PAPER, None)
        torch.stack(list(terms.values())).sum().backward()

    schedule = [*PAPER.resolutions, (iterations, size)]
    return [
        (
            f"fit {FITTED} patches of pictures of {resolution}²", partial(fit, min(resolution, size)),
            (end - start) * PAPER.views // FITTED,
        )
        for (start, resolution), (end, _) in pairwise(schedule)
    ]  # fmt: skip


def one_step(prior: Prior) -> float:
    """Seconds of one full step of each stage, from a rendering by way of the prior to a step of the optimiser."""
    device = prior.networks.device
    head = fresh_head(device)
    with tempfile.TemporaryDirectory() as folder:
        work = Distillation(
            head, bind(prior, grid(ONE_STEP.azimuths, 1)), ONE_STEP, Path(folder), learn_networks=True,
            on_progress=lambda done, doing: print(doing, flush=True),
        )  # fmt: skip
        return work.run().seconds


def _run(name: str, what: Callable[[], object], times: int, bound: str, device: torch.device) -> Part:
    with FlopCounterMode(display=False) as counter:
        _finished(what, device)
    begun = time.monotonic()
    _finished(what, device)
    return Part(name, time.monotonic() - begun, float(counter.get_total_flops()), times, bound)


def _finished(what: Callable[[], object], device: torch.device) -> None:
    what()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy reads and writes here."""
    given = torch.ones(COPIED, device=device)
    made = torch.empty_like(given)
    _finished(lambda: made.copy_(given), device)
    begun = time.monotonic()
    _finished(lambda: made.copy_(given), device)
    return 2 * given.nbytes / (time.monotonic() - begun)


def hours(done: list[Part], here: float, share: float) -> float:
    """For one head on an H200 that reaches `share` of its speed; `here` is this machine's `bandwidth`.

    What is bound by operations takes as long as they do, what is bound by memory as much less than here as memory is
    faster.
    """
    operations, seconds = loads(done)
    return (operations / H200_OPERATIONS + seconds * here / H200_BYTES) / share / 3600


def loads(done: list[Part]) -> tuple[float, float]:
    """For one head: the operations of what they bound, and the seconds here of what memory bounds."""
    operations = sum(part.flop * part.times for part in done if part.bound == "operations")
    return operations, sum(part.seconds * part.times for part in done if part.bound == "memory")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = choose_device(args.device)
    prior = Prior(stable_diffusion_shapes().to(device))
    done = parts(prior)
    step = one_step(prior)
    peak, here = peak_memory(device) / 1e3, bandwidth(device)
    slow, fast = (hours(done, here, share) for share in SHARES)
    figures = {
        "machine": machine(), "device": str(device), "torch": torch.__version__, "peak_gigabytes": peak,
        "one_step": {"views": FITTED, "seconds": step},
        "parts": [asdict(part) for part in done],
        "hours_here": sum(part.seconds * part.times for part in done) / 3600,
        "gigabytes_a_second": here / 1e9, "hours_on_h200": [slow, fast], "assumed_shares": SHARES,
    }  # fmt: skip
    write_text(args.out, json.dumps(figures, indent=1))
    for part in done:
        print(f"{part.name:48} {part.seconds:8.2f} s {part.flop / 1e12:9.2f} TFLOP x {part.times}")
    print(f"one step of both stages for {FITTED} views {step:10.2f} s")
    operations, seconds = loads(done)
    print(
        f"a head: {operations:.2g} operations of the prior, {seconds / 3600:.0f} hours here for rendering and fitting"
    )
    print(
        f"on an H200 at full speed {operations / H200_OPERATIONS / 60:.0f} + {seconds * here / H200_BYTES / 60:.0f} min"
    )
    print(f"peak {peak:.1f} GB; memory {here / 1e9:.0f} GB/s; on an H200 {fast:.1f} to {slow:.1f} hours a head")


if __name__ == "__main__":
    main()
