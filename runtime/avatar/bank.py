"""What an avatar's own expressions add to its planes: Σ wₖ Δₖ, kept in 8 bits and paid for only while one plays.

`bank.npz` of a bundle holds for each level ("coarse", "fine") the differences Δ of K expressions, int8 [K, 3, H, W·C]
with a texel's channels side by side, and what one step of them is worth, float32 [K, 3, 1, W·C], as `coarse_scale` and
`fine_scale`. The generator takes one such set and its scale (the inputs `bank_coarse` and so on) and adds it to its
planes. While one expression plays, that is its Δ as it is stored, and the weight goes into the scale. While several do,
they are mixed here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.avatar.follow import Follow
from runtime.contract.axes import Array
from runtime.contract.bundle import BANK_FILE, JOKER, LIMIT, UNREADABLE, Bundle
from runtime.contract.drive import DriveState
from runtime.errors import BundleError

LEVELS = ("coarse", "fine")
SILENT = 1e-4
"""Weights up to this are taken for 0: less than a step of 8 bits."""

Steps = NDArray[np.int8]


class BankPlanes:
    """The differences of one bundle, shared by all sessions. Immutable."""

    def __init__(self, steps: Mapping[str, Steps], scales: Mapping[str, Array], follow: Follow | None) -> None:
        """By level, as in the file; `follow` where live coefficients play the bank."""
        self.steps, self.scales, self.follow = steps, scales, follow
        self.count = len(steps[LEVELS[0]])

    def weights(self, state: DriveState) -> Array:
        """[K], 0..1, how far each expression plays."""
        return self.follow.weights(state) if self.follow else state.bank[: self.count]


class BankSession:
    """The generator's inputs for one session; owns its buffers. Use it from one thread at a time."""

    def __init__(self, bank: BankPlanes) -> None:
        self._bank = bank
        self._weights = np.zeros(0, np.float32)
        self._inputs: dict[str, NDArray[Any]] = {}
        self._sums = {level: np.empty((2, *steps.shape[1:]), np.float32) for level, steps in bank.steps.items()}
        self._mixed = {level: np.empty(steps.shape[1:], np.int8) for level, steps in bank.steps.items()}

    def inputs(self, state: DriveState) -> dict[str, NDArray[Any]]:
        """By name, batch of 1; valid until the next call."""
        weights = self._bank.weights(state)
        if not np.array_equal(weights, self._weights):
            self._weights = weights.copy()
            self._inputs = {}
            for level in LEVELS:
                steps, scale = self._level(level, weights)
                self._inputs |= {f"bank_{level}": steps[None], f"bank_{level}_scale": scale[None]}
        return self._inputs

    def _level(self, level: str, weights: Array) -> tuple[Steps, Array]:
        steps, scales = self._bank.steps[level], self._bank.scales[level]
        playing = np.flatnonzero(weights > SILENT)
        if len(playing) < 2:
            k = int(playing[0]) if len(playing) else 0
            return steps[k], (weights[k] if len(playing) else np.float32(0)) * scales[k]
        parts = weights[playing, None, None, None] * scales[playing]
        total = parts.sum(0)
        shares = parts / np.maximum(total, np.finfo(np.float32).tiny)
        mean, part = self._sums[level]
        np.multiply(steps[playing[0]], shares[0], out=mean)
        for k, share in zip(playing[1:], shares[1:], strict=True):
            mean += np.multiply(steps[k], share, out=part)
        self._mixed[level][:] = np.rint(mean, out=mean)
        return self._mixed[level], total


def planes_of(bundle: Bundle) -> BankPlanes | None:
    """The bank of a bundle, None where it has none. Raises BundleError where its planes do not fit the generator."""
    manifest = bundle.manifest
    if not manifest.bank:
        return None
    arrays = _read(bundle.files[BANK_FILE])
    wanted = {t.name.removeprefix("bank_"): t for t in manifest.graphs["generator"].inputs if t.name[:5] == "bank_"}
    if set(arrays) != set(wanted) or set(wanted) != {*LEVELS, *(f"{level}_scale" for level in LEVELS)}:
        raise BundleError(f"{BANK_FILE} holds {', '.join(sorted(arrays))}, not what the generator takes; bake it again")
    for name, tensor in wanted.items():
        shape, array = (len(manifest.bank), *tensor.shape[1:]), arrays[name]
        if array.shape != shape or str(array.dtype) != tensor.dtype:
            raise BundleError(f"'{name}' in {BANK_FILE} is {array.dtype} {array.shape}, not {shape}; bake it again")
        if name.endswith("_scale") and not (np.isfinite(array).all() and (array >= 0).all()):
            raise BundleError(f"'{name}' in {BANK_FILE} holds a value that is no scale; bake it again")
    scales = {level: arrays[f"{level}_scale"] for level in LEVELS}
    follow = Follow(manifest.bank) if manifest.kind == JOKER else None
    return BankPlanes({level: arrays[level] for level in LEVELS}, scales, follow)


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LIMIT:
                raise BundleError(f"{BANK_FILE} unpacks to more than {LIMIT} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (*UNREADABLE, ValueError) as error:
        raise BundleError(f"{BANK_FILE} cannot be read ({error}); bake the bundle again") from error
