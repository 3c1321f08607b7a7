"""From examples to what the network learns: landmarks as the live tracker hands them on, and crops of the face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from offline.head_model.refine import mirror_names
from offline.track.performance import Performance, fit_performance
from offline.tracker.examples import Examples
from runtime.contract.axes import Array, angles_from_rotation
from runtime.contract.head_model import LIPS, HeadModel
from runtime.tracking.crop import face_crop
from runtime.tracking.fit import Observation
from runtime.tracking.mesh import FaceMesh
from runtime.tracking.reader import READ, CoefficientReader
from runtime.tracking.tracker import FOCAL

HIDDEN_EVERY = 3
"""Every so manyth picture counts once more with the mouth hidden."""
SKIN_OF = (50, 280, 205, 425, 151)
"""Landmarks whose colour a hand takes."""


@dataclass(frozen=True)
class Pairs:
    """N pictures, as the network takes them."""

    away: Array
    """[N, n, 3], dm: how far the landmarks of `READ` are from the person's neutral face."""
    angles: Array
    """[N, 3]: yaw, pitch, roll."""
    crops: NDArray[np.uint8]
    """[N, 96, 64, 3]."""
    expression: Array
    """[N, 52], true."""
    visible: Array
    """[N], 0 where something hides the mouth."""

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """All of them."""
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in cls.__dataclass_fields__))

    def mirrored(self) -> Pairs:
        """The same people as a mirror shows them."""
        face = HeadModel.load().mean[READ]
        _, swap = linear_sum_assignment(np.linalg.norm((face * [-1, 1, 1])[:, None] - face, axis=-1))
        turned = self.away[:, swap] * np.array([-1, 1, 1], np.float32)
        return Pairs(
            turned, self.angles * np.array([-1, 1, -1], np.float32), self.crops[:, :, ::-1],
            self.expression[:, mirror_names()], self.visible,
        )  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """One person's pairs and the fit that they come from, of those pictures to which a head could be fitted."""

    pairs: Pairs
    performance: Performance


def fitted(examples: Examples, model: HeadModel, reader: CoefficientReader | None = None) -> Fitted:
    """Fits a person as the tracker does that knows no focal length, each picture by itself."""
    pictures = examples.pictures()
    observations = [
        Observation.of(points, 1, 1, FOCAL, reader.look(rgb, points) if reader else None)
        for rgb, points in zip(pictures, examples.landmarks, strict=True)
    ]
    apart = np.arange(len(observations))
    performance = fit_performance(observations, 0.1 * apart, model, segments=apart, reader=reader)
    chosen = performance.frames.tolist()
    rows = [
        _row(performance, observations[i], face_crop(pictures[i], examples.landmarks[i]), examples.expression[i], 1.0)
        for i in chosen
    ]
    rng = np.random.default_rng(len(examples.jpeg))
    with FaceMesh() as mesh:
        for i in chosen[::HIDDEN_EVERY]:
            rgb = hidden(pictures[i], examples.landmarks[i], rng)
            mesh.reset()
            found = mesh.detect(rgb, 0.0)
            if found is not None:
                seen = Observation.of(found, 1, 1, FOCAL)
                rows.append(_row(performance, seen, face_crop(rgb, found), examples.expression[i], 0.0))
    return Fitted(Pairs(*(np.array(column) for column in zip(*rows, strict=True))), performance)


def _row(
    performance: Performance, observation: Observation, crop: NDArray[np.uint8], expression: Array, visible: float
) -> tuple[Array, Array, NDArray[np.uint8], Array, np.float32]:
    face = performance.person.face
    pose = face.posed(observation)
    away = face.left(observation, pose, READ).astype(np.float32)
    return away, np.array(angles_from_rotation(pose.rotation), np.float32), crop, expression, np.float32(visible)


def hidden(rgb: NDArray[np.uint8], landmarks: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture [H, W, 3] with fingers or a thing before the mouth of the face with these landmarks [478, 3]."""
    size = np.array([rgb.shape[1], rgb.shape[0]])
    points = landmarks[:, :2] * size
    unit = float(np.linalg.norm(points[263] - points[33]))
    middle = points[list(LIPS)].mean(0) + rng.normal(0, 0.08, 2) * unit
    places = np.clip(points[list(SKIN_OF)], 0, size - 1).astype(int)
    skin = np.median(rgb[places[:, 1], places[:, 0]], 0)
    layer = rgb.copy()
    angle = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    if rng.uniform() < 0.7:
        thick = rng.uniform(0.16, 0.26) * unit
        count = int(rng.integers(3, 5))
        tone = skin * np.exp(rng.normal(0, 0.15))
        for finger in range(count):
            start = middle + across * (finger - (count - 1) / 2) * thick * 1.05 + along * rng.uniform(0.3, 0.6) * unit
            end = start - along * 2.5 * unit
            for share, shade in ((1.0, 0.72), (0.8, 0.95), (0.45, 1.08)):
                colour = (tone * shade).clip(0, 255).tolist()
                cv2.line(layer, _pixel(start), _pixel(end), colour, max(int(thick * share), 1), cv2.LINE_AA)
    else:
        radii = rng.uniform(0.35, 0.8, 2) * unit
        colour = (skin if rng.uniform() < 0.3 else rng.uniform(0, 255, 3)).tolist()
        cv2.ellipse(layer, (_pixel(middle), _pixel(2 * radii), np.degrees(angle)), colour, -1, cv2.LINE_AA)
    light = cv2.resize(rng.uniform(0.8, 1.15, (3, 3)).astype(np.float32), size.tolist(), interpolation=cv2.INTER_CUBIC)
    changed = (layer != rgb).any(2, keepdims=True)
    shaded = np.where(changed, layer * light[..., None] + rng.normal(0, 3, rgb.shape), rgb).clip(0, 255)
    return cv2.GaussianBlur(shaded.astype(np.uint8), (0, 0), 0.6).astype(np.uint8)


def _pixel(place: NDArray[np.floating]) -> tuple[int, int]:
    return int(place[0]), int(place[1])
