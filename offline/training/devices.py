"""Where a run trains, and what that takes."""

from __future__ import annotations

import os
import resource
import sys

import torch

from runtime.errors import BadInput
from runtime.naming import unknown

DEVICES = ("auto", "cpu", "cuda")
SLOW_BFLOAT16 = ("DEFAULT", "AVX2")
"""What torch calls processors without quick kernels for bfloat16."""


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" is a GPU where there is one. Under torchrun, this process's own GPU.

    Convolutions may use TF32. Matrix products may not: those that learn run in bfloat16 anyway, and what is left is
    geometry, where ten bits of mantissa would move rays.
    """
    if name not in DEVICES:
        raise BadInput(unknown("device", name, DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda was asked for, but torch finds no CUDA device; leave it out to train on the CPU")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def bfloat16(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Autocast to bfloat16 where it is `wanted` and saves time: on a GPU, and on processors with AVX-512 or better.

    On others torch has only its slowest convolution for it, which takes eight times as long as float32.
    """
    quick = device.type != "cpu" or torch.backends.cpu.get_cpu_capability() not in SLOW_BFLOAT16
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and quick)


def readers_for(device: torch.device) -> int:
    """Threads that read frames ahead: one beside a CPU that has better to do, some for a GPU that must not wait."""
    return 1 if device.type == "cpu" else max(1, min(6, (os.cpu_count() or 2) - 1))


def peak_memory(device: torch.device) -> float:
    """The most memory that was in use so far, MB: the GPU's allocations, or this process's resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
