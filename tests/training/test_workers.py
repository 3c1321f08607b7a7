"""Several processes that train one run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from offline.clip import Clip
from offline.training.workers import ALONE, Workers
from offline.tri2plane.dataset import batches, frames_of_step
from offline.tri2plane.train import Budget, train
from runtime.errors import BadInput
from tests.tri2plane.tiny import tiny_clip, tiny_run

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return tiny_clip(tmp_path_factory.mktemp("clip") / "disc")


@pytest.mark.slow  # two processes that import torch
def test_two_processes_end_with_the_same_weights_and_see_each_frame_once(clip: Clip, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = Path(__file__).with_name("two_ranks.py")
    # what torchrun sets
    common = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo",
                           "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, str(script), str(clip.folder), str(tmp_path)],
            env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        for process in started:
            errors = process.communicate(timeout=100)[1]
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in started:
            process.kill()
    one, two = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in one.items():
        assert torch.equal(value, two[name]), name
    assert one["latents"].any()
    seen = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    for step in range(3):
        together = sorted(seen[0][step] + seen[1][step])
        assert len(seen[0][step]) == 2 and together == sorted(frames_of_step(clip, 0, step, 4).tolist())
    rows = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3]  # rank 0 alone writes


def test_frames_that_cannot_be_shared_evenly_are_refused(clip: Clip, tmp_path: Path) -> None:
    run = tiny_run(tmp_path, clip, batch=3)
    with pytest.raises(BadInput, match="batch 3 cannot be shared by 2 workers"):
        train(run, clip, Budget(steps=1), workers=Workers(0, 2))


@pytest.mark.parametrize("readers", [1, 3])
def test_readers_keep_the_order(clip: Clip, readers: int) -> None:
    coming = batches(clip, 5, 2, 3, ALONE, readers)
    for step in range(2, 8):
        np.testing.assert_array_equal(next(coming).index.numpy(), frames_of_step(clip, 5, step, 3))
    coming.close()


def test_one_worker_averages_nothing() -> None:
    weight = torch.ones(2, requires_grad=True)
    weight.sum().backward()
    ALONE.average([weight])
    assert weight.grad is not None and weight.grad.tolist() == [1, 1]
    assert ALONE.agree(0.25, torch.device("cpu")) == 0.25
