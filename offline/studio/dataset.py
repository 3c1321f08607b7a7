"""Writing studio clips and videos, with several processes and a progress bar."""

from __future__ import annotations

import multiprocessing
import os
import queue as queues
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from offline.clip import Clip, ClipInfo, drive_arrays
from offline.studio.identity import Identity
from offline.studio.render import render
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState
from runtime.errors import Unavailable

CONSENT = "A synthetic subject; no person's likeness."
COMPILE_FROM = 60
"""Pictures per process from which fusing the distance field saves more time than it takes."""


def write_clip(
    folder: str | os.PathLike[str],
    identity: Identity,
    states: Sequence[DriveState],
    fps: float,
    size: int,
    workers: int = 2,
) -> Clip:
    """Render `states` into a clip folder; frames that are there already are kept, so a stopped run goes on."""
    info = ClipInfo(size, fps, len(states), "studio", identity.name, CONSENT, portrait_camera())
    clip = Clip.create(folder, info, drive_arrays(states))
    missing = clip.missing()
    if missing:
        workers = max(1, min(workers, len(missing)))
        shares = [(Path(folder), identity, missing[i::workers], size) for i in range(workers)]
        with tqdm(total=len(states), initial=len(states) - len(missing), unit="frame") as bar:
            for _ in _frames_done(shares):
                bar.update()
    return Clip.open(folder)


_Share = tuple[Path, Identity, list[int], int]


def _frames_done(shares: list[_Share]) -> Iterator[int]:
    """Indices of frames as the workers finish them. Raises Unavailable where a worker dies."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[int] = context.Queue(maxsize=256)
    workers = [context.Process(target=_render_share, args=(share, queue), daemon=True) for share in shares]
    for worker in workers:
        worker.start()
    try:
        left = sum(len(share[2]) for share in shares)
        while left:
            try:
                yield queue.get(timeout=1.0)
                left -= 1
            except queues.Empty:
                if any(w.exitcode not in (None, 0) for w in workers):
                    raise Unavailable("a rendering process stopped; run the same command again to go on") from None
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _render_share(share: _Share, queue: multiprocessing.Queue[int]) -> None:
    folder, identity, indices, size = share
    torch.set_num_threads(1)
    clip = Clip.open(folder, allow_missing_frames=True)
    for index in indices:
        picture = render(identity, clip.state(index), clip.info.camera, size, compiled=len(indices) >= COMPILE_FROM)
        clip.write_frame(index, picture.rgba())
        queue.put(index)
