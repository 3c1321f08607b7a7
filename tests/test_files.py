"""Files are written whole or not at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from offline.files import replaced, write_png, write_text
from offline.tensors import read_tensors, write_tensors
from runtime.contract.head_model import HeadModel
from runtime.errors import Unavailable
from tests.tri2plane.tiny import tiny_clip, tiny_run

ROOT = Path(__file__).parent.parent
WRITES = re.compile(r"\.write_text\(|\.write_bytes\(|imwrite\(|np\.savez?\w*\(|save_file\(|\.open\(\"w|json\.dump\(")
ELSEWHERE = {
    "offline/files.py": "is how",
    "offline/tensors.py": "under replaced",
    "offline/clip.py": "under replaced",
    "offline/track/report.py": "in a folder that appears whole",
    "offline/joker/prior/networks.py": "in a folder whose files are moved into place",
    "offline/tracker/examples.py": "under replaced",
    "offline/warp/atlas.py": "under replaced",
    "export/subject.py": "into memory",
    "export/bank.py": "into memory",
}


@pytest.mark.parametrize("room", ["offline", "export"])
def test_nothing_is_written_in_place(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        where = str(path.relative_to(ROOT))
        lines = [
            line for line in path.read_text().splitlines() if WRITES.search(line) and "lambda temporary" not in line
        ]
        assert not lines or where in ELSEWHERE, f"{where} writes in place: {lines}"


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    write_text(path, "old")

    def killed(temporary: Path) -> None:
        temporary.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replaced(path, killed)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["some.json"]


def test_a_run_whose_first_save_was_killed_is_saved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from offline.tri2plane.checkpoint import load, save
    from offline.tri2plane.train import make_optimiser

    run = tiny_run(tmp_path / "run", tiny_clip(tmp_path / "clip"))
    optimiser = make_optimiser(run)

    def half(self: HeadModel, path: Path) -> None:
        path.write_bytes(b"PK half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HeadModel, "save", half)
        with pytest.raises(KeyboardInterrupt):
            save(run, optimiser)
    save(run, optimiser)
    assert load(tmp_path / "run")[0].step == 0


def test_what_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A folder stands where the file should be, as good as a full disk."""
    (tmp_path / "place" / "inside").mkdir(parents=True)
    path = tmp_path / "place"
    for write in (
        lambda: write_text(path, "text"),
        lambda: write_png(path, np.zeros((2, 2, 3), np.uint8)),
        lambda: write_tensors(path, {"a": torch.zeros(1)}, {}),
    ):
        with pytest.raises(Unavailable, match=r"place' could not be written \(.*\); make room"):
            write()
    assert os.listdir(tmp_path) == ["place"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No space left on device"):
        replaced(tmp_path / "a", lambda _: Path("/dev/full").write_text("x" * 100_000))


def test_what_killed_commands_left_of_a_checkpoint_is_deleted(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left, alive = tmp_path / f".{int(dead.stdout)}-state", tmp_path / f".{os.getppid()}-state"
    for path in (left, alive):
        path.write_text("half")
    write_tensors(tmp_path / "state", {"a": torch.ones(2)}, {"b": 1})
    assert not left.exists() and alive.exists()
    tensors, about = read_tensors(tmp_path / "state")
    assert tensors["a"].tolist() == [1, 1] and about == {"b": 1}


def test_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 4)).astype(np.uint8)
    write_png(tmp_path / "a.png", picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED), picture)
