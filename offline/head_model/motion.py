"""Landmark motion in head space, and how much of it the model's axes explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offline.track.performance import Performance
from runtime.tracking.bounded import Floats


@dataclass(frozen=True)
class Motion:
    """A performance without pose and identity. Depth is MediaPipe's."""

    coefficients: Floats
    """[N, 60]."""
    motion: Floats
    """[N, 478, 3], dm: seen landmarks in head space, without the slide that turning brings, less their mean."""
    residual: Floats
    """[N, 478, 3], dm: what the fitted expression and detail leave of `motion`."""

    def explained(self, axes: slice = slice(None)) -> float:
        """Share of the squared motion that is explained, along the given coordinates (0 right, 1 up, 2 depth)."""
        left, all_of_it = np.square(self.residual[..., axes]).sum(), np.square(self.motion[..., axes]).sum()
        return float(1 - left / max(all_of_it, 1e-12))


def motion_of(performance: Performance) -> Motion:
    """Compares what was seen with what was fitted."""
    face = performance.person.face
    coefficients = np.array([s.coefficients for s in performance.solutions])
    fitted = np.array([face.shape(s) for s in performance.solutions])
    slide = np.array([face.slide.at(s.rotation) for s in performance.solutions])
    seen = np.empty_like(fitted)
    for i, (o, s) in enumerate(zip(performance.observations, performance.solutions, strict=True)):
        placed = s.place(fitted[i])
        distance = -s.translation[2]
        deep = distance * o.points[:, 2]
        z = deep + (placed[:, 2] - deep).mean()
        camera = np.column_stack([o.points[:, :2] * -placed[:, 2:], z])
        seen[i] = (camera - s.translation) @ s.rotation
    residual = seen - fitted
    seen -= slide
    return Motion(coefficients, seen - seen.mean(0), residual - residual.mean(0))
