"""Where half precision must not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

F = TypeVar("F", bound=Callable[..., object])


def in_float32(function: F) -> F:
    """Decorator for geometry and compositing: computes in the precision of its arguments, on any device, though the
    caller may have switched autocast on."""
    for device in ("cpu", "cuda"):
        function = torch.autocast(device, enabled=False)(function)
    return function
