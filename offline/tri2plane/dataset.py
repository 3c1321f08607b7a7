"""Batches of frames from a clip on disk, read ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from offline.clip import NO_MARGIN, Clip, Margin
from offline.training.workers import ALONE, Workers
from runtime.contract.axes import pose_matrix


@dataclass(frozen=True)
class Batch:
    """B frames with what drives them."""

    index: Tensor
    """[B], frame numbers in the clip."""
    wide: Tensor
    """[B, 4, H, W], premultiplied RGBA, 0..1: the picture with the margin around it."""
    expression: Tensor
    detail: Tensor
    pose: Tensor
    """[B, 3, 5], head to world, and the torso's own shift (`offline.warp`)."""
    intrinsics: Tensor
    """[B, 4]."""
    extrinsics: Tensor
    """[B, 3, 4]."""
    margin: Margin = NO_MARGIN

    @property
    def picture(self) -> Tensor:
        """[B, 4, P, P], what the camera sees, without the margin."""
        left, top, right, bottom = self.margin
        return self.wide[:, :, top : self.wide.shape[2] - bottom, left : self.wide.shape[3] - right]

    def to(self, device: torch.device) -> Batch:
        """The same on a device; the copy of a pinned batch runs beside what the device computes."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Batch:
        """The same in memory that a GPU can copy from by itself."""
        return self._each(lambda tensor: tensor.contiguous().pin_memory())

    def one(self, number: int) -> Batch:
        """A batch of its `number`th frame alone."""
        return self._each(lambda tensor: tensor[number : number + 1])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        changed: dict[str, Any] = {f.name: change(getattr(self, f.name)) for f in fields(self) if f.name != "margin"}
        return replace(self, **changed)


def premultiplied(rgba: np.ndarray) -> Tensor:
    """uint8 [H, W, 4] with straight alpha → float [4, H, W] 0..1 with premultiplied colour."""
    picture = torch.from_numpy(rgba).permute(2, 0, 1).float() / 255
    return torch.cat([picture[:3] * picture[3:], picture[3:]])


def load_batch(clip: Clip, indices: np.ndarray) -> Batch:
    """The frames `indices` [B] of a clip."""
    camera = clip.info.camera
    n = len(indices)
    torso = np.zeros_like(clip.translation) if clip.torso is None else clip.torso
    poses = [np.column_stack([pose_matrix(clip.rotation[i], clip.translation[i]), torso[i]]) for i in indices]
    return Batch(
        torch.from_numpy(np.asarray(indices, np.int64)),
        torch.stack([premultiplied(clip.wide_frame(int(i))) for i in indices]),
        torch.from_numpy(clip.expression[indices]),
        torch.from_numpy(clip.detail[indices]),
        torch.from_numpy(np.stack(poses)),
        torch.from_numpy(camera.intrinsics)[None].expand(n, -1),
        torch.from_numpy(camera.extrinsics)[None].expand(n, -1, -1),
        clip.info.margin,
    )


def frames_of_step(clip: Clip, seed: int, step: int, batch: int) -> np.ndarray:
    """Which training frames step `step` sees: a pure function, so that a resumed run sees the same ones.

    Every epoch is a new permutation; a step takes the next `batch` of the endless sequence.
    """
    n = len(clip.train)
    at = np.arange(step * batch, (step + 1) * batch)
    epochs = {int(e): np.random.default_rng([seed, int(e)]).permutation(n) for e in np.unique(at // n)}
    return np.array([clip.train[int(epochs[int(i // n)][i % n])] for i in at])


def batches(
    clip: Clip, seed: int, start: int, batch: int, workers: Workers = ALONE, readers: int = 1, pinned: bool = False
) -> Generator[Batch, None, None]:
    """Batches of steps `start`, `start + 1`, …, without end: of each step this worker's part of the `batch` frames.

    The next `readers` steps load, each in a thread of its own, while the caller computes.
    """

    def read(step: int) -> Batch:
        frames = frames_of_step(clip, seed, step, batch)
        ready = load_batch(clip, frames[workers.rank :: workers.count])
        return ready.pinned() if pinned else ready

    with ThreadPoolExecutor(readers, "clip-reader") as pool:
        coming: deque[Future[Batch]] = deque(pool.submit(read, start + n) for n in range(readers))
        step = start + readers
        while True:
            ready = coming.popleft().result()
            coming.append(pool.submit(read, step))
            step += 1
            yield ready
