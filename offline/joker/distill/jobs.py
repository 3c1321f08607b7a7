"""Many expressions at once: one process for each GPU, or some on the processor's cores, under one progress bar."""

from __future__ import annotations

import multiprocessing
import queue as queues
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from multiprocessing.synchronize import Event
from typing import Any

import torch
from tqdm import tqdm

from offline.joker.distill.task import BindsViews, LoadPrior, Task, distil_expression
from offline.pool import end_with_parent
from offline.training.loop import BAR
from runtime.errors import Unavailable

MOST = 64
"""Processes."""
PENDING = 256
"""Reports on their way to the progress bar; more are left out."""
POLL = 0.5
"""Seconds between readings of them."""

Report = tuple[str, float, str]
"""An expression's name; the share that is done, or less than 0 for a message; what is going on."""
_process: dict[str, Any] = {}
"""What `_begin` gives a worker process."""


def run_tasks(tasks: Sequence[Task], jobs: int, devices: Sequence[torch.device], load_prior: LoadPrior) -> None:
    """Distil all tasks, `jobs` at once, the n-th process on the n-th of the devices, over and over.

    Raises Unavailable where a process dies, and what a task raises. The others then stop too; what is finished, and
    what they had begun, is kept.
    """
    with tqdm(total=100.0, unit="%", bar_format=BAR, desc=f"distil {len(tasks)} expression(s)") as bar:
        shares: dict[str, float] = {}

        def report(name: str, share: float, doing: str) -> None:
            if share < 0:
                bar.write(f"{name}: {doing}")
                return
            shares[name] = share
            bar.n = round(100 * sum(shares.values()) / len(tasks), 2)
            bar.set_postfix_str(f"{name}: {doing}")

        if jobs == 1:
            cached = _once(load_prior)
            for task in tasks:
                _run(task, devices[0], cached, report)
                report(task.expression.name, 1.0, "finished")
        else:
            _in_processes(tasks, jobs, devices, load_prior, report)


def _in_processes(
    tasks: Sequence[Task], jobs: int, devices: Sequence[torch.device], load_prior: LoadPrior,
    report: Callable[[str, float, str], None],
) -> None:  # fmt: skip
    context = multiprocessing.get_context("spawn")
    reports: multiprocessing.Queue[Report] = context.Queue(PENDING)
    free: multiprocessing.Queue[str] = context.Queue()
    stop = context.Event()
    for n in range(jobs):
        free.put(str(devices[n % len(devices)]))
    threads = max(1, torch.get_num_threads() // jobs)
    pool = ProcessPoolExecutor(jobs, context, _begin, (free, reports, stop, threads, load_prior))
    names: dict[Future[None], str] = {}
    due, left = list(tasks), set[Future[None]]()
    try:
        while due or left:
            while due and len(left) < jobs:  # what a pool has queued it also does after an error
                task = due.pop(0)
                begun = pool.submit(_in_process, task)
                names[begun] = task.expression.name
                left.add(begun)
            done, left = wait(left, POLL, FIRST_COMPLETED)
            _drain(reports, report)
            for future in done:
                future.result()
                report(names[future], 1.0, "finished")
    except BrokenProcessPool as error:
        raise Unavailable("a process that distils stopped; run the same command again to go on") from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _drain(reports: multiprocessing.Queue[Report], report: Callable[[str, float, str], None]) -> None:
    for _ in range(PENDING):
        try:
            report(*reports.get_nowait())
        except queues.Empty:
            return


def _begin(
    free: multiprocessing.Queue[str], reports: multiprocessing.Queue[Report], stop: Event, threads: int,
    load_prior: LoadPrior,
) -> None:  # fmt: skip
    """In a new process: take a device."""
    end_with_parent()
    torch.set_num_threads(threads)
    device = torch.device(free.get(timeout=60))
    _process.update(device=device, reports=reports, stop=stop, load_prior=_once(load_prior))


def _in_process(task: Task) -> None:
    reports: multiprocessing.Queue[Report] = _process["reports"]
    stop: Event = _process["stop"]

    def send(*report: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # the distillation saves what it has
        try:
            reports.put_nowait(report)
        except queues.Full:
            return

    _run(task, _process["device"], _process["load_prior"], send)


def _run(task: Task, device: torch.device, load_prior: LoadPrior, report: Callable[[str, float, str], None]) -> None:
    name = task.expression.name
    try:
        distil_expression(task, device, load_prior, partial(report, name, -1.0), partial(report, name))
    except torch.OutOfMemoryError as error:  # of what no smaller batch helps
        raise Unavailable(
            f"the memory of {device} does not hold the prior and a head; free some, or give less --jobs"
        ) from error


def _once(load_prior: LoadPrior) -> LoadPrior:
    """The same, keeping the last prior that it loaded."""

    @lru_cache(maxsize=1)
    def kept(name: str, device: torch.device) -> BindsViews:
        return load_prior(name, device)

    return kept
