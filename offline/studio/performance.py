"""A smooth and varied performance, so that a clip shows everything a face can do.

Layers are added: a gesture score that visits every coefficient alone and in plausible combinations, speech-like mouth
motion, blinks and winks, a wandering gaze, and a wandering head. Every layer is a function of time with random but
seeded events, so the last part of a performance has the same character as the first and different motion.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from runtime.contract.axes import quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW, INDEX, DriveState, coefficients, gaze_coefficients

Track = NDArray[np.float64]

YAW, PITCH, ROLL = np.radians([40.0, 25.0, 20.0])
SHIFT = np.array([0.4, 0.4, 0.8])
"""Largest translation along x, y and z, dm."""


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
    {"jawOpen": 0.16, "tongueOut": 0.12, **_both("mouthLowerDown", 0.35), **_both("mouthUpperUp", 0.25)},
    {"jawOpen": 0.12, "jawForward": 0.35, "mouthFunnel": 0.35, "mouthShrugUpper": 0.3},
)
"""Mouth shapes of speech: rest, a, i, o, u, m, f, l, sh."""

EMOTIONS: tuple[dict[str, float], ...] = (
    {**_both("mouthSmile", 0.9), **_both("cheekSquint", 0.6), **_both("eyeSquint", 0.4), **_both("mouthDimple", 0.3)},
    {**_both("mouthSmile", 0.8), "jawOpen": 0.35, **_both("cheekSquint", 0.8), **_both("mouthUpperUp", 0.3)},
    {**_both("mouthFrown", 0.8), "browInnerUp": 0.8, "mouthShrugLower": 0.4},
    {**_both("browDown", 0.9), **_both("noseSneer", 0.4), **_both("mouthPress", 0.6), **_both("eyeSquint", 0.5)},
    {"browInnerUp": 0.8, **_both("browOuterUp", 0.9), **_both("eyeWide", 0.9), "jawOpen": 0.55, "mouthFunnel": 0.2},
    {**_both("noseSneer", 0.9), **_both("mouthUpperUp", 0.7), **_both("browDown", 0.5), **_both("eyeSquint", 0.4)},
    {"jawOpen": 1.0, **_both("eyeSquint", 0.8), **_both("mouthStretch", 0.6), **_both("browDown", 0.6)},
    {"jawOpen": 0.35, "tongueOut": 1.0},
    {"cheekPuff": 1.0, "mouthPucker": 0.25, **_both("mouthPress", 0.4)},
    {"mouthPucker": 1.0, **_both("browOuterUp", 0.4)},
    {"mouthFunnel": 0.9, "jawOpen": 0.4},
    {"mouthLeft": 0.9, "mouthSmileLeft": 0.5, "browOuterUpLeft": 0.8},
    {"mouthRight": 0.9, "mouthSmileRight": 0.5, "browOuterUpRight": 0.8},
    {"mouthRollLower": 0.9, "mouthRollUpper": 0.9, **_both("mouthPress", 0.5)},
    {"jawOpen": 0.5, "mouthClose": 0.5, "mouthFunnel": 0.2},
    {**_both("mouthStretch", 1.0), **_both("mouthLowerDown", 0.8), "jawOpen": 0.15},
    {"jawLeft": 0.9, "jawOpen": 0.2},
    {"jawRight": 0.9, "jawOpen": 0.2},
    {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.7, **_both("mouthFrown", 0.4), "browInnerUp": 0.5},
)
"""Whole-face expressions that people make."""

_GAZE = tuple(name for name in EXPRESSIONS if name.startswith("eyeLook"))


def performance(n_frames: int, fps: float, seed: int) -> list[DriveState]:
    """`n_frames` drive states at `fps`, the same for the same seed; every coefficient is excited."""
    if n_frames < 1 or not fps > 0:
        raise ValueError("a performance needs at least one frame and a positive frame rate")
    rng = np.random.default_rng([seed, 0xAC7])
    times = np.arange(n_frames) / fps
    expression = _gestures(times, rng) + _speech(times, rng)
    yaw, pitch, roll, shift = _head(times, rng)
    expression += _gaze(times, rng, yaw, pitch)
    blinks = _blinks(times, rng)
    expression = expression.clip(0.0, 1.0)
    for side in range(2):
        index = INDEX[("eyeBlinkLeft", "eyeBlinkRight")[side]]
        expression[:, index] = np.maximum(expression[:, index], blinks[:, side])
        wide = INDEX[("eyeWideLeft", "eyeWideRight")[side]]
        expression[:, wide] *= 1 - expression[:, index]
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


def _gestures(times: Track, rng: np.random.Generator) -> Track:
    """Single coefficients, sided pairs and whole expressions in shuffled rounds, some overlapping."""
    total = np.zeros((len(times), len(EXPRESSIONS)))
    deck: list[Mapping[str, float]] = []
    start = 0.3
    while start < times[-1]:
        if not deck:
            singles = [{name: 1.0} for name in EXPRESSIONS if name not in _GAZE and not name.startswith("eyeBlink")]
            singles = [s | ({"jawOpen": 0.5} if "mouthClose" in s else {}) for s in singles]
            deck = [*singles, *EMOTIONS, *EMOTIONS, *(_random_mixture(rng) for _ in range(30))]
            rng.shuffle(deck)  # type: ignore[arg-type]
        rise, hold = rng.uniform(0.14, 0.30), rng.uniform(0.05, 0.35)
        _add(total, _pulse(times, start, rise, hold), deck.pop(), rng.uniform(0.65, 1.0))
        start += (2 * rise + hold) * rng.uniform(0.35, 0.75)
    return total


def _random_mixture(rng: np.random.Generator) -> dict[str, float]:
    names = [n for n in EXPRESSIONS if n not in _GAZE]
    return {str(n): float(rng.uniform(0.3, 0.9)) for n in rng.choice(names, size=3, replace=False)}


def _speech(times: Track, rng: np.random.Generator) -> Track:
    """Phrases of visemes at about seven a second, with pauses between them."""
    total = np.zeros((len(times), len(EXPRESSIONS)))
    start = rng.uniform(0.5, 2.0)
    while start < times[-1]:
        end = start + rng.uniform(1.5, 4.0)
        while start < end:
            span = rng.uniform(0.10, 0.19)
            shape = VISEMES[int(rng.integers(len(VISEMES)))]
            _add(total, _pulse(times, start - 0.05, span, 0.02), shape, rng.uniform(0.6, 1.1))
            start += span
        start += rng.uniform(1.5, 4.5)
    return total


def _blinks(times: Track, rng: np.random.Generator) -> Track:
    """Closing of the left and right lid [N, 2]: blinks every few seconds, winks and long or half closings between."""
    total = np.zeros((len(times), 2))
    start = rng.uniform(0.4, 1.5)
    while start < times[-1]:
        kind = rng.uniform()
        rise, hold = (rng.uniform(0.07, 0.11), 0.03) if kind < 0.6 else (rng.uniform(0.12, 0.3), rng.uniform(0.1, 0.6))
        sides = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)][0 if kind < 0.7 else int(rng.integers(1, 3))]
        depth = 1.0 if rng.uniform() < 0.8 else rng.uniform(0.3, 0.9)
        total = np.maximum(total, _pulse(times, start, rise, hold)[:, None] * np.array(sides) * depth)
        start += 2 * rise + hold + rng.exponential(0.9) + 0.25
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
