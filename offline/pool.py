"""The same work for many things, in several processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import TypeVar

import torch

from runtime.errors import Unavailable

T = TypeVar("T")


def in_processes(work: Callable[[T], object], things: Sequence[T], workers: int) -> Iterator[None]:
    """Call `work` with each of `things`, yielding as each is done; in this process where one worker is enough.

    `work` and `things` must survive pickling. Raises what `work` raises, and Unavailable where a process dies.
    """
    workers = min(workers, len(things))
    if workers < 2:
        for thing in things:
            work(thing)
            yield
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin) as pool:
        jobs = [pool.submit(work, thing) for thing in things]
        try:
            for job in as_completed(jobs):
                job.result()
                yield
        except BrokenProcessPool as error:
            raise Unavailable("a working process stopped; run the same command again to go on") from error
        finally:
            pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """In a worker process: ends it once the process that started it is gone, also where that was killed.

    A pool's workers would wait for ever otherwise, since each of them holds the queue open for the others.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _begin() -> None:
    torch.set_num_threads(1)
    end_with_parent()
