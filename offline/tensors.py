"""Tensors with a plain description in one safetensors file, which checkpoints are made of. No pickle."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from offline.files import clear_leftovers, replaced
from runtime.errors import BadInput

AGAIN = "delete it and run the same command again"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors, wherever they are, and a description as JSON; a kill leaves the old file or the new one.

    Raises Unavailable where they cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    clear_leftovers(path)
    replaced(path, lambda temporary: _save(kept, temporary, {"mien": json.dumps(about)}))


def _save(tensors: dict[str, Tensor], path: Path, about: dict[str, str]) -> None:
    with as_system_errors():
        save_file(tensors, path, metadata=about)


@contextmanager
def as_system_errors() -> Iterator[None]:
    """What safetensors says in words of a file that could not be written, as the OSError that it was."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def read_tensors(path: Path, otherwise: str = AGAIN) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote. Raises BadInput where it cannot be read, with what to do `otherwise`."""
    with _opened(path, otherwise) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _about(file)  # noqa: SIM118 - it is no mapping


def read_about(path: Path, otherwise: str = AGAIN) -> dict[str, Any]:
    """The description alone, as `read_tensors` gives it."""
    with _opened(path, otherwise) as file:
        return _about(file)


@contextmanager
def _opened(path: Path, otherwise: str) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, ValueError, OSError) as error:
        raise BadInput(f"'{path}' cannot be read ({error}); {otherwise}") from error


def _about(file: Any) -> dict[str, Any]:
    about = json.loads((file.metadata() or {}).get("mien", "{}"))
    if not isinstance(about, dict):
        raise ValueError("its description is not a mapping")
    return about
