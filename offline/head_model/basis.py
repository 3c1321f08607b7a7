"""How heads differ: principal components of sampled people, laid over each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.tracking.bounded import Floats

SMOOTH = 1e-3
"""Ridge of the map from traits to identity, as a share of a sample's weight."""


@dataclass(frozen=True)
class Similarity:
    """``scale · R x + shift``."""

    scale: float
    rotation: Floats
    shift: Floats

    def __call__(self, points: NDArray[np.floating]) -> Floats:
        """Points [..., 3] moved."""
        return self.scale * points @ self.rotation.T + self.shift

    def displaced(self, field: NDArray[np.floating]) -> Floats:
        """Displacements [..., 3] turned and scaled."""
        return self.scale * field @ self.rotation.T


def similarity(points: Floats, target: Floats) -> Similarity:
    """The one that lays points [n, 3] on targets [n, 3], least squares (Umeyama, 1991)."""
    a, b = points - points.mean(0), target - target.mean(0)
    u, values, vt = np.linalg.svd(b.T @ a)
    turn = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * turn) @ vt
    scale = float((values * turn).sum() / np.square(a).sum())
    return Similarity(scale, rotation, target.mean(0) - scale * rotation @ points.mean(0))


@dataclass(frozen=True)
class Basis:
    """A Gaussian over heads and how it depends on traits."""

    mean: Floats
    """[V, 3]."""
    axes: Floats
    """[K, V, 3], one standard deviation each."""
    explained: float
    """Share of the weighted variance."""
    traits: Floats
    """[P, K]."""
    spread: Floats
    """[K, K], Cholesky factor."""


def principal_basis(heads: NDArray[np.float32], traits: Floats, weights: Floats, count: int) -> Basis:
    """Of aligned heads [N, V, 3] whose traits are [N, P]; weights [V] say how much a vertex matters."""
    mean = heads.mean(0)
    centred = (heads - mean).reshape(len(heads), -1)
    root = np.repeat(np.sqrt(weights), 3).astype(np.float32)
    weighted = centred * root
    values, vectors = np.linalg.eigh((weighted @ weighted.T).astype(np.float64) / len(heads))
    leading, variance = vectors[:, ::-1][:, :count], values[::-1][:count]
    coefficients = leading * np.sqrt(len(heads))
    axes = (coefficients.T.astype(np.float32) @ centred / len(heads)).reshape(count, *mean.shape)
    normal = traits.T @ traits + SMOOTH * len(traits) * np.eye(traits.shape[1])
    linear = np.linalg.solve(normal, traits.T @ coefficients)
    left = coefficients - traits @ linear
    spread = np.linalg.cholesky(left.T @ left / len(left) + 1e-6 * np.eye(count))
    return Basis(mean, axes, float(variance.sum() / values.sum()), linear, spread)
