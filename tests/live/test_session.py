"""A session ends whatever its renders are doing."""

from __future__ import annotations

import itertools
import threading
from typing import Any

from runtime.driving.performance import Performance
from runtime.live.session import Frame, Session
from tests.streaming.fakes import FakeAvatar, FakeSession


class FirstLate(FakeAvatar):
    """The first picture waits for `late`, later ones do not."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count()
        self.late, self.overtaken = threading.Event(), threading.Event()

    def new_renderer(self) -> FakeSession:
        return FirstLateSession(self)


class FirstLateSession(FakeSession):
    avatar: FirstLate

    def render(self, state: Any, camera: Any = None) -> Any:
        if next(self.avatar.numbers) == 0:
            self.avatar.late.wait()
        else:
            self.avatar.overtaken.set()
        return super().render(state, camera)


class Kept:
    """A sink that keeps the numbers of its frames."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def consume(self, frame: Frame) -> None:
        self.numbers.append(frame.record.index)


def test_a_picture_that_waits_for_an_earlier_one_does_not_outlive_its_session() -> None:
    avatar, kept = FirstLate(), Kept()
    session = Session(avatar, Performance(), 60.0)
    session.add(kept)
    session.start()
    assert avatar.overtaken.wait(5)
    assert not session.join(0.2) and kept.numbers == [], "the second waits for the first"
    session.stop()
    avatar.late.set()
    assert session.join(5)
    assert kept.numbers == sorted(kept.numbers)
