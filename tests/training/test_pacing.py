"""How often a training is saved, on a clock that the test turns."""

from __future__ import annotations

from offline.training.pacing import SAVE_EVERY, SHARE, Pace


class Clock:
    """Seconds as the test sets them."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> str:
        self.now += seconds
        return "spent"


def test_a_quick_save_comes_every_minute() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    clock.spend(SAVE_EVERY - 1)
    assert not pace.due
    clock.spend(1)
    assert pace.due
    pace.timed(lambda: clock.spend(0.5))
    clock.spend(SAVE_EVERY - 1)
    assert not pace.due
    clock.spend(1)
    assert pace.due


def test_a_slow_save_takes_a_twentieth_of_the_time() -> None:
    # 40 s a save: it may come again after 19 times as long, so that of 800 s 40 are spent on it.
    clock = Clock()
    pace, began, spent = Pace(clock=clock), clock.now, 0
    while clock.now < began + 100_000:
        clock.spend(1)
        if pace.due:
            pace.timed(lambda: clock.spend(40))
            spent += 40
    assert SHARE * 0.95 < spent / (clock.now - began) <= SHARE


def test_what_is_timed_gives_its_result_and_the_next_time_counts() -> None:
    clock = Clock()
    pace = Pace(10.0, clock)
    assert pace.timed(lambda: clock.spend(100)) == "spent"
    clock.spend(1899)
    assert not pace.due
    clock.spend(1)
    assert pace.due
    pace.timed(lambda: None)
    clock.spend(10)
    assert pace.due
