"""Work in several processes: all of it, its errors, and a process that dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from offline.pool import in_processes
from runtime.errors import BadInput, Unavailable


def write(folder: Path, number: int) -> None:
    (folder / str(number)).write_text(str(os.getpid()))


def refuse(number: int) -> None:
    raise BadInput(f"not {number}")


def die(number: int) -> None:
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 2])
def test_everything_is_done_and_told_one_by_one(tmp_path: Path, workers: int) -> None:
    assert len(list(in_processes(partial(write, tmp_path), [3, 4, 5], workers))) == 3
    makers = {(tmp_path / str(n)).read_text() for n in (3, 4, 5)}
    assert (makers == {str(os.getpid())}) == (workers == 1)


def test_an_error_is_told_and_a_death_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="not"):
        list(in_processes(refuse, [1, 2], 2))
    with pytest.raises(Unavailable, match="run the same command again"):
        list(in_processes(die, [1, 2], 2))


def sleep_on(folder: Path, number: int) -> None:
    (folder / str(number)).write_text(str(os.getpid()))
    time.sleep(600)


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = (
        "from functools import partial; from pathlib import Path; from offline.pool import in_processes;"
        "from tests.test_pool import sleep_on;"
        f"list(in_processes(partial(sleep_on, Path({str(tmp_path)!r})), [1, 2], 2))"
    )
    root = Path(__file__).parents[1]
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    while len(workers := [int(p.read_text() or 0) for p in tmp_path.iterdir()]) < 2 or not all(workers):
        assert parent.poll() is None
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):  # the test's time limit ends a wait in vain
        time.sleep(0.1)
