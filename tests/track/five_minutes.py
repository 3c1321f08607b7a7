"""Fits and adjusts five minutes of a talking head, 30 frames a second, and prints the most memory that it held, GB."""

import resource

import numpy as np

from offline.track.performance import fit_performance
from offline.track.refine import refine
from runtime.tracking.fit import Observation
from tests.tracking.synthetic import FOCAL, HEIGHT, MODEL, WIDTH, landmarks

FRAMES, FPS, SHOT = 9000, 30, 900

random = np.random.default_rng(0)
times = np.arange(FRAMES) / FPS
seconds = [landmarks({"jawOpen": 0.1 * (i % 4)}, (0.3 * np.sin(i / 9), 0.1 * np.cos(i / 7), 0.0)) for i in range(60)]
observations = [
    Observation.of(seconds[i % 60] + random.normal(size=(478, 3)) * 5e-4, WIDTH, HEIGHT, FOCAL) for i in range(FRAMES)
]
segments = np.arange(FRAMES) // SHOT
refine(fit_performance(observations, times, MODEL, segments=segments), times, segments)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
