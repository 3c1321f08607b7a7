"""A performance that shows everything a face can do, so that an avatar that is judged axis by axis has seen each axis.

Events follow one another like cards from a deck: every one of the 52 coefficients alone, at a strength of its own;
expressions that people make; phrases of speech; mixtures by chance. A coefficient that plays alone plays alone: speech,
gaze and blinks make room. Blinks and winks, a wandering gaze and a wandering head go on beneath. Everything is random
but seeded.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW, INDEX, DriveState, coefficients, gaze_coefficients

Track = NDArray[np.float64]

YAW, PITCH, ROLL = np.radians([35.0, 20.0, 16.0])
SHIFT = np.array([0.35, 0.30, 0.7])
"""Largest translation along x, y and z, dm."""
SHARE_BY = 0.75
"""Share of a performance by which every coefficient has played alone, where there is the time for it."""
SHORTEST, LONGEST = 0.30, 1.0
"""Seconds that a coefficient plays alone."""


def _both(name: str, value: float) -> dict[str, float]:
    return {name + "Left": value, name + "Right": value}


VISEMES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.45, **_both("mouthLowerDown", 0.25), **_both("mouthUpperUp", 0.15)},
    {"jawOpen": 0.18, **_both("mouthStretch", 0.5), **_both("mouthLowerDown", 0.45), **_both("mouthUpperUp", 0.2)},
    {"jawOpen": 0.25, "mouthFunnel": 0.65},
    {"jawOpen": 0.10, "mouthPucker": 0.75},
    {"jawOpen": 0.10, "mouthClose": 0.10, "mouthRollLower": 0.35, "mouthRollUpper": 0.3, **_both("mouthPress", 0.35)},
    {"jawOpen": 0.06, "mouthRollLower": 0.6, **_both("mouthUpperUp", 0.3)},
    {"jawOpen": 0.20, "tongueOut": 0.25, **_both("mouthLowerDown", 0.3), **_both("mouthUpperUp", 0.25)},
    {"jawOpen": 0.12, "jawForward": 0.35, "mouthFunnel": 0.35, "mouthShrugUpper": 0.3},
    {"jawOpen": 0.22, **_both("mouthSmile", 0.25), **_both("mouthLowerDown", 0.3)},
)
"""Mouth shapes of speech: rest, a, i, o, u, m, f, l, sh, e."""

EXPRESSIONS_OF_PEOPLE: tuple[dict[str, float], ...] = (
    {**_both("mouthSmile", 0.6)},
    {**_both("mouthSmile", 0.9), **_both("cheekSquint", 0.6), **_both("eyeSquint", 0.4), **_both("mouthDimple", 0.3)},
    {
        **_both("mouthSmile", 0.9),
        **_both("mouthUpperUp", 0.5),
        **_both("mouthLowerDown", 0.3),
        **_both("cheekSquint", 0.6),
    },
    {**_both("mouthSmile", 0.8), "jawOpen": 0.35, **_both("cheekSquint", 0.8), **_both("mouthUpperUp", 0.3)},
    {"mouthSmileLeft": 0.8, "mouthDimpleLeft": 0.4, "cheekSquintLeft": 0.3},
    {"mouthSmileRight": 0.8, "mouthDimpleRight": 0.4, "cheekSquintRight": 0.3},
    {"mouthSmileLeft": 0.7, "browOuterUpRight": 0.7},
    {**_both("mouthFrown", 0.8), "browInnerUp": 0.8, "mouthShrugLower": 0.4},
    {**_both("mouthFrown", 0.5), "browInnerUp": 0.9, **_both("eyeSquint", 0.3)},
    {**_both("browDown", 0.9), **_both("noseSneer", 0.4), **_both("mouthPress", 0.6), **_both("eyeSquint", 0.5)},
    {
        **_both("browDown", 1.0),
        **_both("noseSneer", 0.6),
        "jawOpen": 0.4,
        **_both("mouthUpperUp", 0.6),
        **_both("mouthStretch", 0.4),
    },
    {"browInnerUp": 0.8, **_both("browOuterUp", 0.9), **_both("eyeWide", 0.9), "jawOpen": 0.55, "mouthFunnel": 0.2},
    {"browInnerUp": 1.0, **_both("eyeWide", 1.0), **_both("mouthStretch", 0.7), "jawOpen": 0.2},
    {**_both("noseSneer", 0.9), **_both("mouthUpperUp", 0.7), **_both("browDown", 0.5), **_both("eyeSquint", 0.4)},
    {"noseSneerLeft": 0.8, "mouthUpperUpLeft": 0.7, "eyeSquintLeft": 0.5},
    {"noseSneerRight": 0.8, "mouthUpperUpRight": 0.7, "eyeSquintRight": 0.5},
    {"jawOpen": 1.0, **_both("eyeSquint", 0.8), **_both("mouthStretch", 0.6), **_both("browDown", 0.6)},
    {"jawOpen": 0.9, "browInnerUp": 0.5, **_both("eyeBlink", 0.9)},
    {"jawOpen": 0.35, "tongueOut": 1.0},
    {"jawOpen": 0.15, "tongueOut": 0.6, **_both("mouthSmile", 0.4)},
    {"cheekPuff": 1.0, "mouthPucker": 0.25, **_both("mouthPress", 0.4)},
    {"mouthPucker": 1.0, **_both("browOuterUp", 0.4)},
    {"mouthPucker": 0.8, "eyeBlinkLeft": 1.0},
    {"mouthFunnel": 0.9, "jawOpen": 0.4},
    {"mouthLeft": 0.9, "mouthSmileLeft": 0.5, "browOuterUpLeft": 0.8},
    {"mouthRight": 0.9, "mouthSmileRight": 0.5, "browOuterUpRight": 0.8},
    {"mouthRollLower": 0.9, "mouthRollUpper": 0.9, **_both("mouthPress", 0.5)},
    {"mouthRollLower": 0.9, "jawOpen": 0.1},
    {"jawOpen": 0.5, "mouthClose": 0.5, "mouthFunnel": 0.2},
    {**_both("mouthStretch", 1.0), **_both("mouthLowerDown", 0.8), "jawOpen": 0.15},
    {"jawLeft": 0.9, "jawOpen": 0.2},
    {"jawRight": 0.9, "jawOpen": 0.2},
    {"jawForward": 0.9, **_both("mouthFrown", 0.3)},
    {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.7, **_both("mouthFrown", 0.4), "browInnerUp": 0.5},
    {"browOuterUpLeft": 0.9, "browDownRight": 0.6},
    {"browOuterUpRight": 0.9, "browDownLeft": 0.6},
    {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6, **_both("mouthSmile", 0.5)},
    {"eyeBlinkRight": 1.0, "cheekSquintRight": 0.6, **_both("mouthSmile", 0.5)},
    {**_both("eyeBlink", 1.0), **_both("mouthSmile", 0.6)},
    {**_both("eyeBlink", 1.0), **_both("browDown", 0.7), **_both("noseSneer", 0.4), **_both("cheekSquint", 0.6)},
    {**_both("eyeSquint", 0.9), **_both("browDown", 0.4)},
    {**_both("eyeWide", 0.8), "browInnerUp": 0.4},
)
"""Whole-face expressions."""

_GAZE = tuple(name for name in EXPRESSIONS if name.startswith("eyeLook"))
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")


def performance(n_frames: int, fps: float, seed: int) -> list[DriveState]:
    """`n_frames` drive states at `fps`, the same for the same seed; see the module."""
    if n_frames < 1 or not fps > 0:
        raise ValueError("a performance needs at least one frame and a positive frame rate")
    rng = np.random.default_rng([seed, 0xAC8])
    times = np.arange(n_frames) / fps
    total, alone = _events(times, rng)
    yaw, pitch, roll, shift = _head(times, rng)
    room = (1 - alone)[:, None]
    expression = (total + room * _gaze(times, rng, yaw, pitch)).clip(0.0, 1.0)
    blinks = _blinks(times, rng) * room
    for side, name in enumerate(_BLINKS):
        expression[:, INDEX[name]] = np.maximum(expression[:, INDEX[name]], blinks[:, side])
        expression[:, INDEX[name.replace("Blink", "Wide")]] *= 1 - expression[:, INDEX[name]]
    expression[:, INDEX["mouthClose"]] = np.minimum(expression[:, INDEX["mouthClose"]], expression[:, INDEX["jawOpen"]])
    return [
        DriveState(
            expression=expression[i].astype(np.float32),
            rotation=quaternion_from_rotation(rotation_from_angles(yaw[i], pitch[i], roll[i])),
            translation=shift[i].astype(np.float32),
            timestamp=float(times[i]),
        )
        for i in range(n_frames)
    ]


def _pulse(times: Track, start: float, rise: float, hold: float) -> Track:
    """A bump 0..1: smooth rise, hold, smooth fall."""
    up = np.clip((times - start) / rise, 0, 1)
    down = np.clip((times - start - rise - hold) / rise, 0, 1)
    t = up - down
    return np.asarray(t * t * (3 - 2 * t))


def _add(total: Track, envelope: Track, values: Mapping[str, float], strength: float) -> None:
    active = np.nonzero(envelope)[0]
    if active.size:
        window = slice(active[0], active[-1] + 1)
        total[window] += envelope[window, None] * coefficients(values)[None] * strength


def _events(times: Track, rng: np.random.Generator) -> tuple[Track, Track]:
    """Coefficients [N, 52] of all events, and how much a single one has the face to itself [N], 0..1."""
    total, alone = np.zeros((len(times), len(EXPRESSIONS))), np.zeros(len(times))
    solos: list[str] = []
    others: list[str | Mapping[str, float]] = []
    end = float(times[-1]) + 1e-6
    each = float(np.clip(0.34 * SHARE_BY * end / len(EXPRESSIONS), SHORTEST, LONGEST))
    start, busy, turn = 0.2, 0.0, 0
    # A coefficient alone, then about as long of all else.
    while start < end:
        turn += 1
        if not solos:
            solos = list(rng.permutation(EXPRESSIONS))
        if not others:
            others = [*EXPRESSIONS_OF_PEOPLE, *(_random_mixture(rng) for _ in range(24)), *["speech"] * 14]
            rng.shuffle(others)  # type: ignore[arg-type]
        name = solos.pop()
        start = max(start, busy)
        length = each * rng.uniform(0.9, 1.1)
        rise = length * rng.uniform(0.38, 0.46)
        envelope = _pulse(times, start, rise, length - 2 * rise)
        values = {name: 1.0} | ({"jawOpen": 1.0} if name == "mouthClose" else {})
        _add(total, envelope, values, 1.0 if turn % 2 else rng.uniform(0.7, 0.95))
        alone = np.maximum(alone, _pulse(times, start - 0.12, 0.12, length))
        start += length
        budget = start + 0.6 * each
        while start < budget:
            start, busy = _other(times, start, others.pop() if others else _random_mixture(rng), total, rng)
    return total, alone


def _other(
    times: Track, start: float, card: str | Mapping[str, float], total: Track, rng: np.random.Generator
) -> tuple[float, float]:
    """Play an expression or a phrase of speech; returns when the next event may begin, and when this one ends."""
    if isinstance(card, str):
        length = rng.uniform(0.9, 2.2)
        here, end = start, start + length
        mood = EXPRESSIONS_OF_PEOPLE[int(rng.integers(len(EXPRESSIONS_OF_PEOPLE)))]
        _add(total, _pulse(times, start, 0.3, max(length - 0.6, 0.1)), mood, rng.uniform(0.0, 0.4))
        while here < end:
            span = rng.uniform(0.10, 0.19)
            _add(
                total,
                _pulse(times, here - 0.05, span, 0.02),
                VISEMES[int(rng.integers(len(VISEMES)))],
                rng.uniform(0.6, 1.1),
            )
            here += span
        return end, end
    rise, hold = rng.uniform(0.14, 0.30), rng.uniform(0.05, 0.35)
    _add(total, _pulse(times, start, rise, hold), card, rng.uniform(0.55, 1.0))
    length = 2 * rise + hold
    return start + length * rng.uniform(0.55, 0.9), start + length


def _random_mixture(rng: np.random.Generator) -> dict[str, float]:
    names = [n for n in EXPRESSIONS if n not in _GAZE]
    return {str(n): float(rng.uniform(0.3, 0.9)) for n in rng.choice(names, size=3, replace=False)}


def _blinks(times: Track, rng: np.random.Generator) -> Track:
    """Closing of the left and right lid [N, 2]: blinks every few seconds, winks and long or half closings between."""
    total = np.zeros((len(times), 2))
    start = rng.uniform(0.4, 1.5)
    while start < times[-1]:
        kind = rng.uniform()
        rise, hold = (rng.uniform(0.07, 0.11), 0.03) if kind < 0.6 else (rng.uniform(0.12, 0.3), rng.uniform(0.1, 0.6))
        sides = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)][0 if kind < 0.75 else int(rng.integers(1, 3))]
        depth = 1.0 if rng.uniform() < 0.75 else rng.uniform(0.3, 0.9)
        total = np.maximum(total, _pulse(times, start, rise, hold)[:, None] * np.array(sides) * depth)
        start += 2 * rise + hold + rng.exponential(1.2) + 0.4
    return total


def _wander(times: Track, rng: np.random.Generator, seconds: float, dwell: float) -> Track:
    """A smooth random track, roughly evenly spread over -1..1, that moves on every `dwell` seconds or so."""
    count = int(times[-1] / dwell) + 4
    # Stratified targets: every part of the range is visited.
    targets = rng.permutation((np.arange(count) + rng.uniform(0, 1, count)) / count) * 2 - 1
    step = times[1] - times[0] if len(times) > 1 else 1.0
    moments = np.cumsum(rng.uniform(0.6, 1.4, count) * dwell) - dwell
    held = targets[np.searchsorted(moments, times).clip(0, count - 1)]
    return np.asarray(gaussian_filter1d(held, max(seconds / step, 0.3), mode="nearest"))


def _gaze(times: Track, rng: np.random.Generator, head_yaw: Track, head_pitch: Track) -> Track:
    """Quick saccades over the whole range, leaning against the head's turn as eyes do."""
    total = np.zeros((len(times), len(EXPRESSIONS)))
    yaw = (_wander(times, rng, 0.035, 0.9) * GAZE_YAW - 0.35 * head_yaw).clip(-GAZE_YAW, GAZE_YAW)
    pitch = (_wander(times, rng, 0.035, 0.9) * GAZE_PITCH - 0.35 * head_pitch).clip(-GAZE_PITCH, GAZE_PITCH)
    for i, (a, b) in enumerate(zip(yaw, pitch, strict=True)):
        for name, value in gaze_coefficients(float(a), float(b)).items():
            total[i, INDEX[name]] = value
    return total


def _head(times: Track, rng: np.random.Generator) -> tuple[Track, Track, Track, Track]:
    """Yaw, pitch, roll [N] in radians and translation [N, 3] in dm."""
    slow, quick = (0.30, 1.3), (0.12, 0.7)

    def track(limit: float) -> Track:
        mixed = 0.85 * _wander(times, rng, *slow) + 0.15 * _wander(times, rng, *quick)
        return np.asarray(np.sign(mixed) * np.abs(mixed) ** 1.25 * limit)

    shift = np.stack([track(float(s)) for s in SHIFT], 1)
    return track(YAW), track(PITCH), track(ROLL), shift
