"""A person's neutral face, vertex by vertex, from all views of a video."""

from __future__ import annotations

import numpy as np

from offline.head_model.topology import Floats
from offline.track.performance import Performance
from runtime.contract.head_model import HeadModel
from runtime.tracking.fit import DEPTH_WEIGHT, NOISE

SPREAD = 0.05
"""dm, how far a vertex may be from where the model puts it, as a standard deviation."""


def free_neutral(performance: Performance, model: HeadModel) -> Floats:
    """[478, 3] dm: where each vertex must be at rest to appear where it was seen, fits of pose and expression given."""
    axes = np.concatenate([model.expression, model.detail]).astype(np.float64)
    neutral = performance.person.face.neutral
    normal = np.zeros((len(neutral), 3, 3))
    gradient = np.zeros((len(neutral), 3))
    for o, s in zip(performance.observations, performance.solutions, strict=True):
        placed = s.place(neutral + np.tensordot(s.coefficients, axes, 1))
        depth, distance = -placed[:, 2], -s.translation[2]
        tangents = placed[:, :2] / depth[:, None]
        scale = (distance / depth)[:, None]
        jacobian = np.empty((len(neutral), 3, 3))
        jacobian[:, :2] = (s.rotation[:2] + tangents[:, :, None] * s.rotation[2]) * scale[..., None]
        jacobian[:, 2] = DEPTH_WEIGHT * s.rotation[2]
        deep = distance * o.points[:, 2] - placed[:, 2]
        residual = np.column_stack([distance * (o.points[:, :2] - tangents), DEPTH_WEIGHT * (deep - deep.mean())])
        normal += np.einsum("vki,vkj->vij", jacobian, jacobian)
        gradient += np.einsum("vki,vk->vi", jacobian, residual)
    prior = (NOISE / SPREAD) ** 2 * len(performance.solutions) * 0.02
    return neutral + np.linalg.solve(normal + prior * np.eye(3), gradient[..., None])[..., 0]
