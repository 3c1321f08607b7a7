"""The identity basis: how faces differ, as a Gaussian process over the mesh.

Too few people are at hand for principal components, so the covariance is stated instead of sampled: nearby vertices
move alike, and both halves of a face alike (Lüthi et al., Gaussian Process Morphable Models, 2018). What a rigid
motion or a change of size can do belongs to the pose and is taken out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.head_model.topology import Floats, mirrored

SCALES = ((0.6, 0.04), (0.25, 0.02))
"""Reach and standard deviation, dm, of the broad and of the fine differences between people."""


def identity_basis(mean: NDArray[np.floating], permutation: NDArray[np.intp], count: int) -> Floats:
    """[count, 478, 3] dm, the leading directions, each scaled to one standard deviation; all are symmetric."""
    distance = np.linalg.norm(mean[:, None] - mean, axis=-1)
    kernel = sum(s * s * np.exp(-0.5 * (distance / reach) ** 2) for reach, s in SCALES)
    covariance = np.kron(kernel, np.eye(3))
    mirror = _mirror_matrix(permutation)
    covariance = (covariance + mirror @ covariance @ mirror.T) / 2
    covariance = (covariance + mirror @ covariance) / 2
    keep = np.eye(mean.size) - _similarity_projector(mean)
    values, vectors = np.linalg.eigh(keep @ ((covariance + covariance.T) / 2) @ keep)
    leading = vectors[:, ::-1][:, :count] * np.sqrt(np.maximum(values[::-1][:count], 0))
    return leading.T.reshape(count, *mean.shape)


def _mirror_matrix(permutation: NDArray[np.intp]) -> Floats:
    size = 3 * len(permutation)
    unit = np.eye(size).reshape(size, -1, 3)
    return mirrored(unit, permutation).reshape(size, size).T


def _similarity_projector(mean: NDArray[np.floating]) -> Floats:
    """Projector [1434, 1434] onto translations, small rotations and scaling of the mean face."""
    centred = mean - mean.mean(0)
    shifts = [np.broadcast_to(axis, mean.shape) for axis in np.eye(3)]
    turns = [np.cross(axis, centred) for axis in np.eye(3)]
    basis = np.stack([np.ravel(m) for m in (*shifts, *turns, centred)], 1)
    orthonormal = np.linalg.qr(basis)[0]
    return orthonormal @ orthonormal.T
