"""The frame clock: regular, never behind, in step with arrivals."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from runtime.live.clock import LEAD, FrameClock, Tick


class Time(threading.Event):
    """A monotonic clock that stands still but for who waits on it, as the event that ends a clock's waiting."""

    now = 1000.0

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set() and timeout is not None:
            self.now += timeout
        return self.is_set()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    virtual = Time()
    monkeypatch.setattr("runtime.live.clock.time", SimpleNamespace(monotonic=lambda: virtual.now))
    return virtual


def tick(clock: FrameClock, time: Time) -> Tick:
    found = clock.wait(time)
    assert found is not None
    return found


def test_timestamps_are_regular_and_each_tick_is_waited_for(time: Time) -> None:
    clock = FrameClock(100.0)
    for i in range(8):
        seen = tick(clock, time)
        assert (seen.index, seen.pts) == (i, 900 * i)
        assert time.now == pytest.approx(seen.due) == pytest.approx(1000 + i / 100)
    assert clock.skipped == 0


@pytest.mark.parametrize(("late", "skipped"), [(0.009, 0), (0.019, 0), (0.021, 1), (0.055, 4)])
def test_a_slow_consumer_loses_ticks_and_is_not_behind(time: Time, late: float, skipped: int) -> None:
    clock = FrameClock(100.0)
    first = tick(clock, time)
    time.now += late
    second = tick(clock, time)
    assert clock.skipped == skipped
    assert second.index == first.index + 1 + skipped
    assert second.pts == 900 * second.index
    assert -1e-6 < time.now - second.due < clock.period


def test_stopping_ends_the_wait() -> None:
    clock = FrameClock(0.001)
    stop = threading.Event()
    clock.wait(stop)
    threading.Timer(0.01, stop.set).start()
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
