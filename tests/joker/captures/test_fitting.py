"""The identity that one picture of a known head gives."""

from __future__ import annotations

import numpy as np

from offline.joker.captures.fitting import fit_pictures
from offline.joker.captures.framing import Lens
from offline.joker.captures.normals import head_normals
from offline.joker.captures.views import SHARE, head_camera
from runtime.contract.axes import PORTRAIT_FOCAL, Array
from runtime.contract.drive import EXPRESSIONS
from runtime.contract.head_model import HeadModel

LENS = Lens(PORTRAIT_FOCAL / SHARE)


def landmarks(model: HeadModel, identity: Array) -> np.ndarray:
    """[478, 3], as MediaPipe gives them of `head_camera`'s picture: fractions of it, and depth on their scale."""
    vertices = model.vertices(identity, np.zeros(len(EXPRESSIONS), np.float32))
    camera = head_camera()
    depth = vertices @ camera.extrinsics[2, :3] + camera.extrinsics[2, 3]
    relative = (depth - depth.mean()) / depth.mean() * LENS.focal
    return np.column_stack([camera.project(vertices), relative])


def angle(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean angle between normal maps where both show a head, degrees."""
    both = (ours.max(0) > 0) & (theirs.max(0) > 0)
    a, b = (2 * each[:, both] - 1 for each in (ours, theirs))
    return float(np.degrees(np.arccos((a * b).sum(0).clip(-1, 1))).mean())


def test_the_identity_of_a_synthetic_reference_is_recovered() -> None:
    model, rng = HeadModel.load(), np.random.default_rng(0)
    rest = np.zeros(len(EXPRESSIONS), np.float32)
    for _ in range(2):
        identity = rng.uniform(-1.5, 1.5, len(model.identity)).astype(np.float32)
        fitted = fit_pictures([LENS.observation(landmarks(model, identity), 512, 512)], model).identity
        truth, mean, ours = (
            head_normals(model, who, rest, head_camera(0.5, 0.2), 64) for who in (identity, None, fitted.astype("f4"))
        )
        assert angle(mean, truth) > 4
        assert angle(ours, truth) < angle(mean, truth) / 2
        assert np.corrcoef(fitted, identity)[0, 1] > 0.7, "landmarks do not see the back of the head"
