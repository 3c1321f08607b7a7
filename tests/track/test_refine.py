"""Bundle adjustment on heads whose movement is known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from offline.track import refine as module
from offline.track.performance import Performance, fit_performance
from offline.track.refine import Refined, refine
from offline.track.smooth import GAZE, steady_gaze
from runtime.contract.axes import angles_from_rotation
from runtime.tracking.eyes import BLINKS
from runtime.tracking.fit import COEFFICIENTS, Observation
from tests.tracking.synthetic import FOCAL, HEIGHT, MODEL, WIDTH, landmarks

FPS = 30
TREMBLE = 0.0007
"""Standard deviation of a landmark in widths of the picture: a third of a pixel at 512, as MediaPipe's tremble."""


def watched(
    yaw: Callable[[float], float], frames: int = 24, spoil: slice | None = None
) -> tuple[Performance, np.ndarray]:
    """The frame-by-frame fit of a head that turns by `yaw` of the time, seen with tremble, and the times; in the frames
    `spoil` something before the face's left side drags those landmarks along."""
    random = np.random.default_rng(0)
    times = np.arange(frames) / FPS
    observations = []
    for time in times:
        points = landmarks({"jawOpen": 0.2}, (yaw(time), 0.05, 0.0))
        points += random.normal(size=points.shape) * TREMBLE
        observations.append(Observation.of(points, WIDTH, HEIGHT, FOCAL))
    return fit_performance(observations, times, MODEL), times


def adjusted(fit: Performance, times: np.ndarray) -> Refined:
    return refine(fit, times, np.zeros(len(times), int))


def yaws(fit: Performance) -> np.ndarray:
    return np.array([angles_from_rotation(s.rotation)[0] for s in fit.solutions])


def jerk(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values, 2)).mean())


def test_a_calm_head_loses_its_tremble_and_stays_where_it_was() -> None:
    fit, times = watched(lambda t: 0.2 * np.sin(2 * t))
    refined = adjusted(fit, times)
    assert min(refined.cost) < refined.cost[0]
    assert jerk(yaws(refined.performance)) < 0.4 * jerk(yaws(fit))
    true = 0.2 * np.sin(2 * times)
    before, after = (np.abs(yaws(each) - true).mean() for each in (fit, refined.performance))
    assert after <= before * 1.05


def test_a_quick_turn_stays_quick() -> None:
    """25° in a tenth of a second: a Gaussian that stills the tremble would spread it over a third."""
    true = lambda t: float(np.clip((t - 0.35) / 0.1, 0, 1)) * 0.44  # noqa: E731
    fit, times = watched(true)
    found = yaws(adjusted(fit, times).performance)
    expected = np.array([true(t) for t in times])
    assert np.abs((found - found[0]) - expected).max() < 0.06
    assert np.ptp(found) > 0.9 * 0.44


def test_shots_do_not_touch() -> None:
    """Adjusted together, two shots give what each gives alone, but for the identity, which they share."""
    fit, times = watched(lambda t: 0.3 if t > 0.38 else -0.3)
    shots = (times > 0.38).astype(int)
    system = module._Equations(fit.person.face, module._Track(fit, times, shots), list(fit.solutions))
    last = int(np.flatnonzero(shots == 0)[-1])
    assert not system.near[last].any() and not system.far[last - 1 : last + 1].any()
    assert system.near[last - 1].any() and system.far[last - 2].any()


def test_the_banded_solution_is_the_dense_one() -> None:
    fit, times = watched(lambda t: t, frames=4)
    system = module._Equations(fit.person.face, module._Track(fit, times, np.zeros(4, int)), list(fit.solutions))
    n, state = system.right.shape
    dense = np.zeros((n, state, n, state))
    for t in range(n):
        dense[t, :, t, :] = system.diagonal[t]
        for gap, band in ((1, system.near), (2, system.far)):
            if t + gap < n:
                dense[t, range(state), t + gap, range(state)] = band[t]
                dense[t + gap, range(state), t, range(state)] = band[t]
    border = system.border.reshape(n * state, -1)
    whole = np.block([[dense.reshape(n * state, -1), border], [border.T, system.corner]])
    expected = np.linalg.solve(whole, np.concatenate([system.right.ravel(), system.below]))
    step, shared = system.solve()
    # HELD is 1e12, so that doubles keep about four digits beside it.
    np.testing.assert_allclose(np.concatenate([step.ravel(), shared]), expected, rtol=1e-3, atol=1e-6)


def test_smoothness_pulls_down_its_own_cost() -> None:
    """The right side is minus the cost's slope, here by finite differences with the landmarks left out."""
    fit, times = watched(lambda t: 0.4 * t * t, frames=6)
    system = module._Equations.__new__(module._Equations)
    track = module._Track(fit, times, np.zeros(6, int))

    def cost(step: np.ndarray) -> float:
        solutions = [module.moved(s, d) for s, d in zip(fit.solutions, step, strict=True)]
        system.diagonal, system.right = np.zeros((6, module.STATE, module.STATE)), np.zeros((6, module.STATE))
        system.near, system.far, system.cost = np.zeros((6, module.STATE)), np.zeros((6, module.STATE)), 0.0
        system._add_smoothness(track, solutions)
        return system.cost

    direction = np.random.default_rng(1).normal(size=(6, module.STATE))
    tiny = 1e-6
    slope = (cost(direction * tiny) - cost(-direction * tiny)) / (2 * tiny)
    cost(direction * 0)
    # A rotation's step adds to the angles up to their square, some hundredths of a radian between frames.
    np.testing.assert_allclose(-(system.right * direction).sum(), slope, rtol=0.02)


def test_gaze_is_steadied_within_a_shot_and_blinks_stay() -> None:
    coefficients = np.zeros((20, COEFFICIENTS))
    coefficients[10:] = 1.0
    steady = steady_gaze(coefficients, (np.arange(20) >= 10).astype(int), FPS)
    np.testing.assert_allclose(steady, coefficients, atol=1e-12)
    steady = steady_gaze(coefficients, np.zeros(20, int), FPS)
    assert 0 < steady[9, GAZE[0]] < 0.5 < steady[10, GAZE[0]] < 1
    assert (steady[10, list(BLINKS.values())] == 1).all() and (steady[9, list(BLINKS.values())] == 0).all()


def test_a_rotation_step_is_about_the_cameras_axes() -> None:
    fit, _ = watched(lambda t: 0.0, frames=2)
    after = module.moved(fit.solutions[0], np.concatenate([[0.0, 0.1, 0.0], np.zeros(63)]))
    turn = Rotation.from_matrix(after.rotation @ fit.solutions[0].rotation.T).as_rotvec()
    np.testing.assert_allclose(turn, [0, 0.1, 0], atol=1e-9)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_minutes_fit_into_memory() -> None:
    """Frames are read from disk; what grows with a video is its landmarks and this adjustment."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.track.five_minutes"], capture_output=True, text=True, check=True
    )
    print(done.stdout)
    assert float(done.stdout) < 12
