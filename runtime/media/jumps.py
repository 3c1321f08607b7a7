"""Times that go on where a file's own jump, as in recordings that were joined end to end."""

from __future__ import annotations

from typing import Any

BACK = 0.5
"""Seconds that a track's times may go back by without the file having jumped."""
FORWARD = 10.0
"""Seconds that they may leap ahead by, in formats whose clocks may jump."""


class Jumps:
    """Shifts packets so that a file's tracks go on together after a jump; feed it all of a file's packets in order.

    What is seen on any track moves all of them, so that pictures and sound stay in step; whoever reads the same tracks
    of the same file comes to the same shifts.
    """

    def __init__(self, discontinuous: bool) -> None:
        """`discontinuous`: whether the format's clock may jump ahead; others say so of a pause."""
        self._discontinuous = discontinuous
        self._shift = 0.0
        self._ends: dict[int, float] = {}

    def mend(self, packet: Any) -> None:
        """Moves the times of one packet."""
        unit = float(packet.time_base or 0)
        if packet.dts is not None and unit:  # pictures are not stored in the order of their pts
            self._notice(packet.stream.index, packet.dts * unit, (packet.duration or 0) * unit)
        ticks = round(self._shift / unit) if unit else 0
        if packet.dts is not None:
            packet.dts += ticks
        if packet.pts is not None:
            packet.pts += ticks

    def _notice(self, track: int, stamp: float, length: float) -> None:
        time, expected = stamp + self._shift, self._ends.get(track)
        if expected is not None and (time < expected - BACK or (self._discontinuous and time > expected + FORWARD)):
            self._shift += expected - time
            time = expected
        self._ends[track] = time + min(length, BACK)
