"""The same work for many things, in several processes of one thread each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
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
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        jobs = [pool.submit(work, thing) for thing in things]
        try:
            for job in as_completed(jobs):
                job.result()
                yield
        except BrokenProcessPool as error:
            raise Unavailable("a working process stopped; run the same command again to go on") from error
        finally:
            pool.shutdown(cancel_futures=True)
