"""What an unfinished head keeps on disk, so that it can go on after a kill at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from offline.joker.bank.folder import load_tensors, save_tensors
from offline.joker.distill.nerf import DistilledHead
from offline.tensors import AGAIN
from offline.training.optimiser import optimiser_tensors, restore_optimiser
from runtime.errors import BadInput


@dataclass
class Progress:
    """How far a distillation is."""

    round: int = 0
    iteration: int = 0
    """Of all rounds together."""
    seconds: float = 0.0
    """Time spent."""


class Work:
    """The folder of one unfinished head.

        state.safetensors      what is learned, the optimiser, the progress
        targets.safetensors    the round's targets, 8 bits a value
        preview/               grids of targets and renderings

    The state is written as a round begins, before its targets are made, and now and then while they are fitted; so
    targets of another round than the state's are old ones.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings

    @property
    def previews(self) -> Path:
        return self.folder / "preview"

    def save(self, head: DistilledHead, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
        tensors = _learned(head) | optimiser_tensors(optimiser)
        self._write("state", tensors, {"progress": vars(progress)})

    def load(self, head: DistilledHead, optimiser: torch.optim.Optimizer) -> Progress:
        """Puts head and optimiser back; where nothing was kept, they stay. Raises BadInput on other settings."""
        found = self._read("state")
        if found is None:
            return Progress()
        tensors, meta = found
        if meta.get("settings") != self.settings:
            raise BadInput(f"'{self.folder}' was begun with other settings; delete it, or take another output folder")
        for name, value in _learned(head).items():
            value.data.copy_(tensors[name])
        restore_optimiser(optimiser, {k: v for k, v in tensors.items() if k.startswith("optimiser.")})
        return _progress(self._path("state"), meta)

    def save_targets(self, targets: Tensor, progress: Progress) -> None:
        self._write("targets", {"targets": targets}, {"progress": vars(progress)})

    def load_targets(self, progress: Progress) -> Tensor | None:
        """The targets [V, 3, P, P], uint8, of the round, or None where they have to be made."""
        found = self._read("targets")
        if found is None or found[1].get("settings") != self.settings:
            return None
        if _progress(self._path("targets"), found[1]).round != progress.round:
            return None
        return found[0]["targets"]

    def clear(self) -> None:
        """Deletes all but the previews."""
        for name in ("state", "targets"):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def _write(self, name: str, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        save_tensors(self._path(name), tensors, {"settings": self.settings, **meta})

    def _read(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        return load_tensors(self._path(name)) if self._path(name).is_file() else None


def _progress(path: Path, meta: dict[str, Any]) -> Progress:
    try:
        return Progress(**meta["progress"])
    except (KeyError, TypeError) as error:
        raise BadInput(f"'{path}' does not say how far it is; {AGAIN}") from error


def _learned(head: DistilledHead) -> dict[str, Tensor]:
    """Everything that the optimiser moves, by name."""
    return {name: value for name, value in head.named_parameters() if value.requires_grad}
