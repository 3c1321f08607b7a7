"""Which of a video's frames an avatar can learn from, and why not the others.

The thresholds were set on nine real videos (speech, shouting, tongue, glasses, turns of 45°) and on spoiled copies of
them; "clean" says what was measured where nothing is wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.track.appearance import correlation, least_agreement, turn
from offline.track.look import Looks
from offline.track.pieces import faces, pieces
from offline.track.reasons import Reason, Verdicts
from runtime.contract.head_model import FACE_VERTICES

SAME = 0.045
"""Change of the face, in 8-bit levels, below which a frame repeats the one before: repeats 0.031 at most, still faces
0.068."""
TINY = 64
"""Height of a face, pixels, below which a 512² clip would be enlarged more than three times."""
OUTSIDE = 0.03
"""Share of the landmarks that may lie beyond the picture's border. Clean: 0.017, a chin at the lower edge."""
BLURRED = 0.2
"""Sharpness relative to the video's median. Clean: 0.50 or more."""
COVERED = 0.3
"""Least agreement with the person's usual look. Clean: 0.37 or more; other people's faces: 0.46 or more; covered: up to
0.3, rarely 0.4."""
COVERING = 0.15
"""Seconds before and after such a frame in which a hand comes and goes."""
SAME_PERSON = 0.75
"""Agreement of the whole face. Half a second of one person: 0.79 or more; different people: 0.72 at most."""
OTHER_HEIGHT = 0.5
"""Relative height of another face near by that disturbs the matte."""
AWAY = 0.75
"""Face heights from the usual place at which the face reaches the border of the clip's square. Clean: 0.31."""
NEARER = 1.6
"""Ratio to the usual face height beyond which the framing is another. Clean: 1.13."""
SHORTEST_RUN = 0.2
"""Seconds; a shorter piece between two breaks says little of motion."""
ALIKE = 50
"""Frames of the main piece, those turned most alike, that another piece is compared with."""


def judge(looks: Looks) -> tuple[Verdicts, NDArray[np.intp]]:
    """The verdict and the segment of each decoded frame, [M] both.

    A segment is a run without a cut, jump or gap: nothing is to be smoothed or carried on from one to the next. They
    count from 0 in the order of time; a dropped frame's is -1. All show the same person in about the same framing.
    """
    verdicts: Verdicts = [None] * len(looks)
    fresh = looks.stir >= SAME
    _mark(verdicts, ~np.isfinite(looks.scale), Reason.OTHER_SHAPE)
    _mark(verdicts, ~fresh, Reason.REPEAT)
    _mark(verdicts, ~np.isfinite(looks.sharpness), Reason.NO_FACE)
    centres, heights = faces(looks)
    _mark(verdicts, heights * looks.scale < TINY, Reason.TINY)
    _mark(verdicts, _outside(looks) > OUTSIDE, Reason.LEAVES)
    if _kept(verdicts).any():
        _mark(verdicts, looks.sharpness < BLURRED * np.nanmedian(looks.sharpness), Reason.BLURRED)
        _mark(verdicts, _accompanied(looks), Reason.OTHER_FACE)
    if _kept(verdicts).any():
        _compare_pieces(looks, verdicts, pieces(looks, _kept(verdicts), fresh), centres, heights)
    _drop_scraps(looks, verdicts, pieces(looks, _kept(verdicts), fresh))
    return verdicts, pieces(looks, _kept(verdicts), fresh)


def _compare_pieces(
    looks: Looks,
    verdicts: Verdicts,
    piece: NDArray[np.intp],
    centres: NDArray[np.float64],
    heights: NDArray[np.float64],
) -> None:
    """Drops what differs from the longest piece: another person, another framing, a covered face."""
    main = piece == np.bincount(piece[piece >= 0]).argmax()
    usual = np.median(looks.brightness[main], 0)
    covered = least_agreement(looks.brightness, looks.landmarks, usual) < COVERED
    for number in range(piece.max() + 1):
        inside = piece == number
        clear = inside & ~covered
        if clear.sum() * 3 < inside.sum():
            _mark(verdicts, inside, Reason.COVERED)
        elif not _same_person(looks, main, clear):
            _mark(verdicts, inside, Reason.OTHER_PERSON)
    _mark(verdicts, _within(looks.times, covered & (piece >= 0), COVERING), Reason.COVERED)
    place, height = np.median(centres[main], 0), np.median(heights[main])
    _mark(verdicts, np.abs(np.log(heights / height)) > np.log(NEARER), Reason.OTHER_FRAMING)
    _mark(verdicts, np.abs(centres - place).max(1) > AWAY * height, Reason.LEAVES)


def _same_person(looks: Looks, main: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> bool:
    """Whether the chosen frames show the face of the main ones, compared where it is turned alike."""
    turned = turn(looks.landmarks)
    candidates = np.flatnonzero(main)
    nearest = candidates[np.abs(turned[candidates] - np.median(turned[chosen])).argsort()[:ALIKE]]
    seen, known = np.median(looks.brightness[chosen], 0), np.median(looks.brightness[nearest], 0)
    return float(correlation(seen, known)) >= SAME_PERSON


def _drop_scraps(looks: Looks, verdicts: Verdicts, piece: NDArray[np.intp]) -> None:
    """Drops pieces that are too short."""
    step = float(np.median(np.diff(looks.times))) if len(looks) > 1 else 0.0
    for number in range(piece.max(initial=-1) + 1):
        times = looks.times[piece == number]
        if times[-1] - times[0] + step < SHORTEST_RUN:
            _mark(verdicts, piece == number, Reason.SCRAP)


def _mark(verdicts: Verdicts, where: NDArray[np.bool_], reason: Reason) -> None:
    """Gives a reason to those that have none yet."""
    for i in np.flatnonzero(where):
        verdicts[i] = verdicts[i] or reason


def _kept(verdicts: Verdicts) -> NDArray[np.bool_]:
    return np.array([verdict is None for verdict in verdicts])


def _within(times: NDArray[np.float64], events: NDArray[np.bool_], seconds: float) -> NDArray[np.bool_]:
    """Which frames [M] are at most so far from one of the `events` [M]."""
    ends = [np.searchsorted(times, times[events] + shift) for shift in (-seconds, seconds)]
    count = np.bincount(ends[0], minlength=len(times) + 1) - np.bincount(ends[1], minlength=len(times) + 1)
    return np.cumsum(count)[:-1] > 0


def _outside(looks: Looks) -> NDArray[np.float64]:
    """Share of the landmarks [M] beyond the picture's border."""
    places = looks.landmarks[:, :FACE_VERTICES, :2]
    return np.asarray(((places < 0) | (places > 1)).any(-1).mean(1))


def _accompanied(looks: Looks) -> NDArray[np.bool_]:
    """Whether another face is near [M], by the looks before and after each frame."""
    looked = np.flatnonzero(np.isfinite(looks.other))
    if len(looked) == 0:
        return np.zeros(len(looks), bool)
    frames = np.arange(len(looks))
    after = np.minimum(np.searchsorted(looked, frames), len(looked) - 1)
    before = np.maximum(np.searchsorted(looked, frames, side="right") - 1, 0)
    near = looks.other > OTHER_HEIGHT
    return near[looked[after]] | near[looked[before]]
