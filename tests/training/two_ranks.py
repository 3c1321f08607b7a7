"""What each of two processes runs in `test_workers`: a few steps of a tiny run, its frames and its end written down.

torchrun --nproc_per_node 2 two_ranks.py CLIP OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from offline.clip import Clip
from offline.training.workers import joined_workers
from offline.tri2plane import train as loop
from offline.tri2plane.checkpoint import CPU
from offline.tri2plane.dataset import Batch
from offline.tri2plane.train import Budget, train
from tests.tri2plane.tiny import tiny_run


def main(clip_folder: Path, out: Path) -> None:
    torch.set_num_threads(1)
    clip, seen = Clip.open(clip_folder), []
    step = loop.step

    def noting(run: loop.Run, optimiser: torch.optim.Adam, batch: Batch, *rest: object) -> dict[str, float]:
        seen.append(batch.index.tolist())
        return step(run, optimiser, batch, *rest)  # type: ignore[arg-type]

    loop.step = noting  # type: ignore[assignment]
    with joined_workers(CPU) as workers:
        run = tiny_run(out / "run", clip, batch=4, autocast=False)
        train(run, clip, Budget(steps=3), workers=workers)
        state = {f"model.{k}": v for k, v in run.model.state_dict().items()}
        state |= {f"averaged.{k}": v for k, v in run.averaged.state_dict().items()} | {"latents": run.latents.detach()}
        torch.save(state, out / f"{workers.rank}.pt")
        (out / f"{workers.rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
