"""The newest value wins, each is taken once, and what was lost is counted."""

from __future__ import annotations

import threading

from runtime.live.latest import Latest

LIMIT = 60.0
"""Seconds after which it counts as hanging."""


def test_newest_wins_and_the_overwritten_are_counted() -> None:
    slot: Latest[int] = Latest()
    assert slot.take() is None
    for value in (1, 2, 3):
        slot.put(value)
    assert slot.overwritten == 2
    assert slot.take() == 3
    assert slot.take() is None
    slot.put(4)
    assert (slot.take(), slot.overwritten) == (4, 2)


def test_none_of_the_values_is_lost_uncounted_between_threads() -> None:
    slot: Latest[int] = Latest()
    count = 5000

    def produce() -> None:
        for k in range(count):
            slot.put(k)

    producer = threading.Thread(target=produce)
    producer.start()
    taken: list[int] = []
    while not taken or taken[-1] != count - 1:
        value = slot.take(timeout=LIMIT)
        assert value is not None
        taken.append(value)
    producer.join(LIMIT)
    assert taken == sorted(set(taken))
    assert len(taken) + slot.overwritten == count


def test_a_waiting_taker_is_woken() -> None:
    slot: Latest[str] = Latest()
    threading.Timer(0.02, slot.put, ["now"]).start()
    assert slot.take(timeout=LIMIT) == "now"
