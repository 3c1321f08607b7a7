"""What the `paper` preset costs with Stable Diffusion 1.5's shapes: every part run once here, with random weights.

    python -m offline.joker.measure_paper -o FILE

Each part's time, floating-point operations and the process's peak memory are written as JSON, with how often the preset
runs it and what that comes to on a GPU of a given speed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel

from offline.joker.losses import fit_terms
from offline.joker.nerf import HEAD_BOX, DistilledHead, HeadRenderer, fresh_planes
from offline.joker.networks import JokerPrior
from offline.joker.presets import PAPER
from offline.joker.prior import Prior
from offline.joker.small import word_tokenizer
from offline.joker.targets import stream
from offline.joker.views import camera_tensors, grid
from offline.joker.world import words
from offline.tri2plane.devices import choose_device, peak_memory
from offline.tri2plane.presets import PRESETS
from runtime.machine import machine

H200_BF16 = 989e12
"""Dense bfloat16 operations a second of an H200 (NVIDIA's data sheet)."""
SHARES = (0.2, 0.5)
"""Shares of that which networks of this kind reach, pessimistic and optimistic: an assumption."""
STEP = 500


@dataclass(frozen=True)
class Part:
    """One part of the distillation, run once."""

    name: str
    seconds: float
    flop: float
    """Of matrix products and convolutions, as torch counts them."""
    times: int
    """How often the preset runs it for a head."""


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


def parts(device: torch.device) -> list[Part]:
    """Every part of a step of the distillation, run and counted once."""
    networks = stable_diffusion_shapes().to(device)
    prior = Prior(networks)
    sizes = PRESETS[PAPER.networks]
    head = DistilledHead(HeadRenderer(sizes, torch.tensor(HEAD_BOX)), fresh_planes(sizes, stream(0))).to(device)
    views = grid(PAPER.azimuths, PAPER.elevations)
    one, some = camera_tensors(views[:1], device), camera_tensors(views[:: len(views) // 4][:4], device)
    size = networks.size
    picture = torch.rand(1, 3, size, size, device=device)
    bound = prior.bind(picture[0].cpu(), torch.rand(1, 3, size, size), "a face", PAPER.guidance)
    latents, view = bound.encode(picture), torch.tensor([0])
    evaluations = PAPER.single * len(views)
    multi = (PAPER.levels - PAPER.single) * len(views)
    pictures = evaluations + len(views)
    iterations = PAPER.single * PAPER.iterations + PAPER.after

    def iterate() -> None:
        targets = torch.rand(4, 3, PAPER.resolution(0, size), PAPER.resolution(0, size), device=device)
        terms = fit_terms(head, some, targets, (0.0, 0.0), PAPER, None)
        torch.stack(list(terms.values())).sum().backward()

    @torch.no_grad()
    def show() -> None:
        head.shown(one, size)

    plan: list[tuple[str, Callable[[], object], int]] = [
        ("render a view", show, pictures),
        ("encode a view", lambda: bound.encode(picture), pictures),
        ("look at the reference, with and without text", lambda: bound.look_again(STEP), PAPER.levels),
        ("denoise a view, with and without text", lambda: bound.clean(latents, STEP, view), evaluations + multi),
        ("decode a view", lambda: bound.decode(latents), pictures),
        ("fit 4 of an iteration's 64 patches", iterate, iterations * PAPER.views // 4),
    ]
    return [_run(name, what, times, device) for name, what, times in tqdm(plan, unit="part")]


def _run(name: str, what: Callable[[], object], times: int, device: torch.device) -> Part:
    with FlopCounterMode(display=False) as counter:
        _finished(what, device)
    begun = time.monotonic()
    _finished(what, device)
    return Part(name, time.monotonic() - begun, float(counter.get_total_flops()), times)


def _finished(what: Callable[[], object], device: torch.device) -> None:
    what()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def hours(done: list[Part], operations_a_second: float) -> float:
    """For one head at a speed."""
    return sum(part.flop * part.times for part in done) / operations_a_second / 3600


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = choose_device(args.device)
    done = parts(device)
    peak, (slow, fast) = peak_memory(device) / 1e3, (hours(done, share * H200_BF16) for share in SHARES)
    figures = {
        "machine": machine(), "device": str(device), "peak_gigabytes": peak,
        "parts": [asdict(part) for part in done],
        "hours_here": sum(part.seconds * part.times for part in done) / 3600,
        "hours_on_h200": [slow, fast], "assumed_shares": SHARES,
    }  # fmt: skip
    args.out.write_text(json.dumps(figures, indent=1))
    for part in done:
        print(f"{part.name:48} {part.seconds:8.2f} s {part.flop / 1e12:9.2f} TFLOP x {part.times}")
    print(f"peak {peak:.1f} GB; by operations alone {fast:.1f} to {slow:.1f} hours a head on an H200")


if __name__ == "__main__":
    main()
