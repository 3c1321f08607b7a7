"""What is baked: an avatar with a generator, an avatar with a bank added, or a bank alone, behind one face."""

from __future__ import annotations

import io
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from export.bank import Differences, differences, read_bank
from export.graphs import BankedGeneratorGraph, BankGraph, GeneratorGraph
from offline.joker.bank.folder import BankInfo, Planes, base_path, read_base
from offline.tri2plane.checkpoint import HEAD_MODEL, Run
from offline.tri2plane.model import Tri2Plane
from runtime.avatar.follow import Follow
from runtime.contract.axes import portrait_camera
from runtime.contract.bundle import JOKER, TRI2PLANE
from runtime.contract.drive import BANK, DETAIL, DriveState, coefficients
from runtime.contract.head_model import HeadModel
from runtime.errors import BadInput


class Trained:
    """A trained run, to which a bank may be added."""

    kind = TRI2PLANE

    def __init__(self, run: Run, bank: Path | None = None) -> None:
        """`bank` is a folder that `mien distill` wrote for this run. Raises BadInput where it does not fit."""
        self.model, self._run = run.averaged.eval(), run
        self.subject, self.consent = run.subject, run.consent
        self.bank: Differences | None = None
        if bank:
            self.bank = self._added(bank)

    def generator(self) -> nn.Module:
        """Its generator, as a module with `outputs` and `float32`."""
        return (BankedGeneratorGraph if self.bank else GeneratorGraph)(self.model, self._run.maps)

    @torch.no_grad()
    def levels(self, states: list[DriveState]) -> list[Tensor]:
        """The planes of B states from the torch modules, coarse to fine, [B, 3, C, H, W] each."""
        drive = drive_tensors(states, self.model.preset.latent)
        expression, detail, latent = (drive[k] for k in ("expression", "detail", "latent"))
        levels = self.model.planes(self._run.motion_maps(expression, detail), expression, detail, latent)
        if self.bank:
            weights = torch.from_numpy(np.stack([s.bank[: len(self.bank.expressions)] for s in states]))
            added = self.bank.mixed(weights)
            levels = [levels[0] + added[0], *levels[1:-1], levels[-1] + added[1]]
        return levels

    def files(self) -> dict[str, bytes]:
        """The members that say whose head it is."""
        head_model = (self._run.folder / HEAD_MODEL).read_bytes()
        return {"head_model.npz": head_model, "identity.npz": _identity(self._run.identity, self._run.texture)}

    def _added(self, folder: Path) -> Differences:
        if self.model.preset.levels == 1:
            raise BadInput("a bank needs an avatar with two levels of planes at least; train it with another preset")
        info = read_bank(folder, "avatar")
        if info.fingerprint != self._run.fingerprint:
            raise BadInput(
                f"the bank '{folder}' was distilled from '{info.avatar}', which is not '{self._run.folder}' or was "
                f"trained on since; distil it again: mien distill --avatar {self._run.folder} ..."
            )
        return differences(folder, info, [self._base(info, k) for k in range(len(info.played))])

    def _base(self, info: BankInfo, k: int) -> Planes:
        """The avatar's planes under an expression's own coefficients."""
        given = info.played[k].given
        levels = self.levels([DriveState(coefficients(given))])
        return Planes(levels[0][0], levels[-1][0])


class Alone:
    """A bank alone: an avatar from one picture."""

    kind = JOKER

    def __init__(self, folder: Path) -> None:
        """`folder` is what `mien distill` wrote. Raises BadInput where something of it is missing or does not fit."""
        info, base = read_bank(folder, "alone"), read_base(folder)
        self.subject, self.consent = info.subject, info.consent
        preset = replace(base.preset, warp="neck", lens=1.0)  # its planes are one head's, its rays were even
        self.model = Tri2Plane(preset, base.box, torch.zeros(2, DETAIL)).eval()
        unfit = self.model.load_state_dict(dict(base.networks), strict=False)
        lacking = [k for k in unfit.missing_keys if k.startswith(("decoder.", "super_resolution."))]
        if lacking or unfit.unexpected_keys:
            wrong = [*lacking, *unfit.unexpected_keys][0]
            raise BadInput(f"'{base_path(folder)}' does not fit its preset ('{wrong}'); distil the bank again")
        self._neutral = base.neutral
        self.bank: Differences | None = differences(folder, info, [base.neutral] * len(info.played))
        self._follow = Follow(self.bank.expressions)

    def generator(self) -> nn.Module:
        """As `Trained.generator`."""
        return BankGraph(self._neutral.coarse, self._neutral.fine)

    def levels(self, states: list[DriveState]) -> list[Tensor]:
        """As `Trained.levels`: coarse and fine."""
        assert self.bank is not None
        added = self.bank.mixed(torch.from_numpy(np.stack([self._follow.weights(s) for s in states])))
        return [neutral + level for neutral, level in zip(self._neutral, added, strict=True)]

    def files(self) -> dict[str, bytes]:
        """As `Trained.files`; the head model is the one that Mien ships, at its mean."""
        head_model = resources.files("runtime.contract").joinpath("data", HEAD_MODEL).read_bytes()
        components = len(HeadModel.load(head_model).identity)
        identity = _identity(np.zeros(components), np.full((1, 1, 3), 0.5))
        return {"head_model.npz": head_model, "identity.npz": identity}


Subject = Trained | Alone


@torch.no_grad()
def pictures(subject: Subject, states: list[DriveState]) -> Tensor:
    """The reference: premultiplied RGBA [B, 4, P, P], 0..1, of states seen by the portrait camera."""
    drive = drive_tensors(states, subject.model.preset.latent)
    face = subject.model.warped(drive["expression"])
    made = subject.model.whole(
        subject.levels(states), drive["pose"], drive["intrinsics"], drive["extrinsics"], face=face
    )
    return subject.model.finished(made)


def bank_states(count: int) -> list[DriveState]:
    """Moments in which each of `count` expressions plays, and in which several do."""
    weights = [0.8 * row for row in np.eye(BANK, dtype=np.float32)[:count]]
    weights.append(np.where(np.arange(BANK) < min(count, 3), 0.4, 0.0).astype(np.float32))
    return [DriveState(coefficients({"browInnerUp": 0.3}), bank=w) for w in weights]


def drive_tensors(states: list[DriveState], latent: int) -> dict[str, Tensor]:
    """What the three graphs take of B states seen by the portrait camera, by input name."""
    camera, b = portrait_camera(), len(states)
    return {
        "expression": torch.from_numpy(np.stack([s.expression for s in states])),
        "detail": torch.from_numpy(np.stack([s.detail for s in states])),
        "latent": torch.zeros(b, latent),
        "pose": torch.from_numpy(np.stack([s.pose for s in states])),
        "intrinsics": torch.from_numpy(camera.intrinsics).expand(b, -1).contiguous(),
        "extrinsics": torch.from_numpy(camera.extrinsics).expand(b, -1, -1).contiguous(),
    }


def _identity(identity: np.ndarray, texture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, identity=identity.astype(np.float32), texture=texture.astype(np.float16))
    return buffer.getvalue()
