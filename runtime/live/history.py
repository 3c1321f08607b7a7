"""What happened to a frame on its way, and how long each stage took."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

WINDOW = 300
"""Frames over which medians are taken."""


@dataclass(frozen=True)
class CameraStamp:
    """Where one camera frame's drive state came from. Times are seconds of `time.monotonic`."""

    rtp: int
    """RTP timestamp of the camera frame, as its sender wrote it."""
    received: float
    """When its last packet came."""
    tracked: float
    """When its drive state was ready."""


@dataclass(frozen=True)
class FrameRecord:
    """The history of one frame up to its encoder. Times are seconds of `time.monotonic`."""

    index: int
    """Counts the pictures made, from 0."""
    pts: int
    source: str
    """The source that spoke loudest in it: camera, coefficients, script, prompt or idle."""
    camera: CameraStamp | None
    """The camera frame it shows, if a camera drives it."""
    sampled: float
    """When its drive state was taken."""
    rendered: float
    stages: Mapping[str, float] = field(default_factory=dict)
    """Seconds inside the renderer, by stage."""


class StageTimes:
    """Medians and percentiles of the last `WINDOW` durations of each stage; written by one thread at a time."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Remembers one duration."""
        self._seconds.setdefault(stage, deque(maxlen=WINDOW)).append(seconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """``{stage: {"p50": ms, "p95": ms}}``, milliseconds."""
        return {stage: percentiles(list(values)) for stage, values in list(self._seconds.items())}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """``{"p50", "p95"}`` in milliseconds of durations in seconds; zeros without any."""
    if not seconds:
        return {"p50": 0.0, "p95": 0.0}
    ordered = sorted(seconds)
    pick = {"p50": 0.5, "p95": 0.95}
    return {name: round(ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1e3, 2) for name, q in pick.items()}
