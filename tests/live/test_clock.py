"""The frame clock: regular, never behind, in step with arrivals."""

from __future__ import annotations

import threading
import time

import pytest

from runtime.live.clock import LEAD, FrameClock, Tick


def ticks(clock: FrameClock, count: int) -> list[Tick]:
    stop = threading.Event()
    found = [clock.wait(stop) for _ in range(count)]
    return [tick for tick in found if tick is not None]


def test_timestamps_are_regular() -> None:
    seen = ticks(FrameClock(100.0), 8)
    assert [t.index for t in seen] == list(range(8))
    assert [t.pts for t in seen] == [900 * i for i in range(8)]


def test_it_waits_for_each_tick() -> None:
    clock = FrameClock(100.0)
    begun = time.monotonic()
    ticks(clock, 6)
    assert time.monotonic() - begun >= 0.05 - 0.001


def test_a_slow_consumer_loses_ticks_and_is_not_behind() -> None:
    clock = FrameClock(100.0)
    stop = threading.Event()
    first = clock.wait(stop)
    time.sleep(0.055)
    second = clock.wait(stop)
    assert first is not None and second is not None
    assert clock.skipped >= 4
    assert second.index == first.index + 1 + clock.skipped
    assert second.pts == 900 * second.index
    assert time.monotonic() - second.due < 0.03


def test_stopping_ends_the_wait() -> None:
    clock = FrameClock(1.0)
    stop = threading.Event()
    clock.wait(stop)
    stop.set()
    assert clock.wait(stop) is None


@pytest.mark.parametrize("phase", [0.003, 0.017, 0.031])
def test_ticks_settle_right_after_arrivals(phase: float) -> None:
    """Virtual time: arrivals every period at a fixed phase pull the ticks to `LEAD` behind them."""
    clock = FrameClock(30.0)
    clock.wait(threading.Event())
    origin = clock._due
    for i in range(200):
        clock.align(origin + i * clock.period + phase)
    behind = (clock._due - (origin + phase)) % clock.period
    assert behind == pytest.approx(LEAD, abs=0.0005)
