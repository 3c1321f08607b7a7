"""What a video shows of one person: the frames that are used, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.track.look import Looks, look_at
from offline.track.reasons import Reason, Verdicts
from offline.track.verdict import judge
from runtime.contract.axes import Array
from runtime.errors import BadInput
from runtime.media.reading import VideoReader
from runtime.tracking.fit import Observation

SHORTEST = 2.0
"""Seconds of face that a clip needs."""
COMPLETE = 0.95
"""Share of a file's stated length below which it counts as cut."""
STEADY = 0.2
"""Deviation from the usual time between frames, and the share of frames that show it in a variable frame rate."""
SHOWN = 15
"""Frames of a dropped run that are shown; the rest would only take time."""
NAMED = 3
"""Runs of frames that a refusal names."""


@dataclass(frozen=True)
class Run:
    """Consecutive decoded frames that are dropped for one reason."""

    reason: Reason
    first: int
    last: int
    start: float
    end: float
    """Seconds of the first and the last frame."""

    @property
    def frames(self) -> int:
        return self.last - self.first + 1

    def shown(self) -> range:
        """The frames that stand for the run where it is shown to people: a few, and none of repeats."""
        return range(0) if self.reason is Reason.REPEAT else range(self.first, min(self.last + 1, self.first + SHOWN))

    def __str__(self) -> str:
        if self.first == self.last:
            return f"frame {self.first} ({self.start:.1f} s)"
        return f"frames {self.first}-{self.last} ({self.start:.1f}-{self.end:.1f} s)"


@dataclass(frozen=True)
class Seen:
    """The frames of a video that can be used, and the verdict on all."""

    index: list[int]
    """[N], numbers of the decoded frames."""
    times: Array
    """[N], seconds."""
    landmarks: Array
    """[N, 478, 3], fractions of the whole picture."""
    seen: Array
    """[N, n], what the tracker's network made of each face."""
    segments: NDArray[np.intp]
    """[N], from 0 up; nothing may be smoothed or carried on from one to the next."""
    width: int
    height: int
    all_times: NDArray[np.float64]
    """[M], seconds of every decoded frame."""
    verdicts: Verdicts
    """[M]."""
    notes: list[str]
    """Sentences on the file as a whole."""

    @property
    def fps(self) -> float:
        """Frames a second without the repeats, nominal: from the steps of about the usual length."""
        steps = np.diff(self.all_times[[verdict is not Reason.REPEAT for verdict in self.verdicts]])
        usual = np.median(steps)
        return float(1 / steps[np.abs(steps / usual - 1) <= STEADY].mean())

    def only(self, chosen: NDArray[np.intp]) -> Seen:
        """Only the chosen of the used frames [n]; to the others no head could be fitted."""
        verdicts = list(self.verdicts)
        for i in np.setdiff1d(np.arange(len(self.index)), chosen):
            verdicts[self.index[i]] = Reason.NO_FIT
        return replace(
            self,
            index=[self.index[i] for i in chosen],
            times=self.times[chosen],
            landmarks=self.landmarks[chosen],
            seen=self.seen[chosen],
            segments=self.segments[chosen],
            verdicts=verdicts,
        )

    def observations(self, focal: float) -> list[Observation]:
        return [
            Observation.of(landmarks, self.width, self.height, focal, seen)
            for landmarks, seen in zip(self.landmarks, self.seen, strict=True)
        ]

    def runs(self) -> list[Run]:
        """What is dropped, in order of time."""
        return list(_runs(self.verdicts, self.all_times))


def see(video: Path, progress: bool = True) -> Seen:
    """Looks at every frame of a video. Raises BadInput where too few can be used, naming what is wrong where."""
    looks = look_at(video, progress)
    verdicts, segments = judge(looks)
    _refuse_what_is_short(video, looks, verdicts, segments)
    index = np.flatnonzero([verdict is None for verdict in verdicts])
    return Seen(
        index.tolist(),
        looks.times[index].astype(np.float32),
        looks.landmarks[index],
        looks.seen[index],
        segments[index],
        looks.width,
        looks.height,
        looks.times,
        verdicts,
        list(_notes(video, looks)),
    )


def _runs(verdicts: Verdicts, times: NDArray[np.float64]) -> Iterator[Run]:
    first = 0
    for i, verdict in enumerate(verdicts):
        if i + 1 == len(verdicts) or verdicts[i + 1] is not verdict:
            if verdict is not None:
                yield Run(verdict, first, i, float(times[first]), float(times[i]))
            first = i + 1


def _refuse_what_is_short(video: Path, looks: Looks, verdicts: Verdicts, segments: NDArray[np.intp]) -> None:
    seconds = _length(looks.times, segments)
    if seconds >= SHORTEST:
        return
    if all(verdict in (Reason.NO_FACE, Reason.REPEAT) for verdict in verdicts) and Reason.NO_FACE in verdicts:
        raise BadInput(f"'{video}' shows no face; film yourself alone, looking into the camera.")
    runs = sorted(_runs(verdicts, looks.times), key=lambda run: -run.frames)
    wrong = "; ".join(f"{run.reason.words} in {run}" for run in runs[:NAMED])
    more = f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    raise BadInput(
        f"'{video}' shows a usable face for {seconds:.1f} s only and {SHORTEST:.0f} s are the least"
        + (f" ({wrong}{more})" if runs else "")
        + f"; {_advice(runs)}."
    )


def _length(times: NDArray[np.float64], segments: NDArray[np.intp]) -> float:
    """Seconds that the used frames last, gaps and cuts left out."""
    used = np.flatnonzero(segments >= 0)
    if len(used) < 2:
        return 0.0
    steps = np.diff(times[used])[np.diff(segments[used]) == 0]
    return float(steps.sum() + np.median(np.diff(times)) * (segments.max() + 1))


def _advice(runs: list[Run]) -> str:
    """What to film instead, the commonest faults first."""
    frames: dict[str, int] = {}
    for run in runs:
        weight = 0 if run.reason is Reason.REPEAT else run.frames  # repeats cost nothing, unless nothing else is there
        frames[run.reason.advice] = frames.get(run.reason.advice, 0) + weight
    commonest = sorted(frames, key=lambda advice: -frames[advice])[:2]
    return " and ".join(commonest) or "film half a minute or more"


def _notes(video: Path, looks: Looks) -> Iterator[str]:
    with VideoReader(video) as file:
        seconds, hdr = file.seconds, file.hdr
    end = float(looks.times[-1] - looks.times[0])
    if looks.limited:
        yield f"Only the first {end / 60:.1f} minutes are used."
    elif seconds and end < COMPLETE * seconds - SHORTEST / 2:
        yield f"The file says that it lasts {seconds:.1f} s, but only {end:.1f} s of it can be read: it was cut."
    sizes = np.unique(looks.scale[np.isfinite(looks.scale)])
    if len(sizes) > 1:
        yield (
            f"The picture's height changes between {sizes[0] * looks.height:.0f} and {looks.height} pixels; all is "
            f"used at {looks.width} × {looks.height}."
        )
    if not np.isfinite(looks.scale).all():
        other = float(np.isnan(looks.scale).mean())
        yield f"The picture's shape changes; {other:.0%} of the frames have another than most and are left out."
    if hdr:
        yield "The file is coded for HDR screens; colours will look pale. Film without HDR."
    steps = np.diff(looks.times)
    if len(steps) and float(np.mean(np.abs(steps / np.median(steps) - 1) > STEADY)) > STEADY:
        yield "The frame rate varies; the file's own times are used."
