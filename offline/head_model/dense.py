"""The dense head: a mesh with eyeballs, teeth and tongue that everything offline draws and warps.

Skin and lashes are linear in identity and expression, ``S = mean + identity · α + expression · β``. Eyeballs turn about
their centres, each on its own; the lower teeth and the tongue are carried by the jaw as a rigid body. Space and
units are those of `runtime.contract.axes`: head space, dm. The numbers derive from MakeHuman's head (see NOTICE).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.files import replaced
from offline.head_model.rims import OVERLAP, Rims
from offline.head_model.traits import traits_vector
from runtime.contract.axes import Array, rotation_from_angles
from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW, INDEX
from runtime.contract.head_model import ordered_axes
from runtime.errors import BadInput

LANDMARKS = 478
HUMAN_EYE = 0.12
"""dm, the radius of a human eyeball."""
HUMAN_IRIS = 0.0585
"""dm, the radius of an iris; they differ little."""
LID_REACH, LID_CLEARANCE = 1.6, 1.04
"""Eyeball radii from its centre within which skin is a lid, and which the outside of a lid keeps."""
REACH = 2.5
"""Standard deviations at which a sampled identity's coefficients are clipped."""


class Part(IntEnum):
    """What a vertex belongs to; right and left are the subject's. The mouth's inside and gums are skin."""

    SKIN = 0
    RIGHT_EYE = 1
    LEFT_EYE = 2
    UPPER_TEETH = 3
    LOWER_TEETH = 4
    TONGUE = 5
    RIGHT_LASHES = 6
    LEFT_LASHES = 7


EYES = (Part.RIGHT_EYE, Part.LEFT_EYE)


@dataclass(frozen=True)
class DenseHead:
    """Arrays are float32 and must not be written to."""

    mean: Array
    """[V, 3], dm, the average neutral head with its lips closed and eyes open."""
    identity: Array
    """[K, V, 3], dm for one standard deviation."""
    expression: Array
    """[52, V, 3], dm at coefficient 1, in the order of `EXPRESSIONS`. Zero on eyeballs, which turn, and on lower teeth
    and tongue, which the jaw carries, but for what the tongue does of itself."""
    triangles: NDArray[np.int32]
    """[F, 3], counter-clockwise seen from outside."""
    uv: Array
    """[T, 2], 0..1, v up. Seams are in here alone, so that the surface stays whole: see `uv_triangles`. An eyeball's
    are polar, ``0.5 + angle from its pole / 2π`` in the direction of (left, up): the iris' centre is at (0.5, 0.5)."""
    uv_triangles: NDArray[np.int32]
    """[F, 3], the texture coordinates of the triangles' corners."""
    part: NDArray[np.uint8]
    """[V], of `Part`."""
    landmark_triangle: NDArray[np.int32]
    """[478], the triangle that holds each of MediaPipe's landmarks."""
    landmark_weights: Array
    """[478, 3], its place among the triangle's corners; sums to 1."""
    jaw_hinge: Array
    """[3], dm, a point of the axis (to the subject's left) that the jaw turns about."""
    jaw_moves: Array
    """[52, 4]: the jaw's turn about its hinge (radians, positive opens) and its shift (dm) at coefficient 1."""
    traits: Array
    """[P, K], the mean identity coefficients for `offline.head_model.traits.traits_vector`."""
    spread: Array
    """[K, K], Cholesky factor of the covariance of what traits do not say."""
    regions: Array
    """[R, V], 0..1, how much a vertex belongs to each of `REGIONS`."""
    lid_upper: NDArray[np.int32]
    """[2, n], the rims of the upper lids, right eye first, x rising."""
    lid_lower: NDArray[np.int32]
    """[2, m]."""
    lid_weights: Array
    """[2, V], 0..1, how much a vertex goes with the upper rim beside it."""

    @classmethod
    def load(cls, source: Path | None = None) -> DenseHead:
        """The head in an ``.npz`` file, the shipped one by default. Raises BadInput with the reason."""
        return _shipped() if source is None else _read(source, str(source))

    def vertices(
        self, identity: NDArray[np.floating] | None = None, expression: NDArray[np.floating] | None = None
    ) -> Array:
        """Vertices [V, 3] in head space, dm, of coefficients [K] and [52]; None is zeros."""
        neutral = self.neutral(identity)
        if expression is None:
            return neutral
        expression = np.asarray(expression, np.float32)
        vertices = neutral + _weighted(self.expression, expression)
        self._shut_lids(neutral, vertices, expression)
        centres = self.eye_centres(identity)
        self._keep_out_of_eyes(neutral, vertices, centres, self.eye_radii(identity))
        carried = (self.part == Part.LOWER_TEETH) | (self.part == Part.TONGUE)
        rotation, shift = self.jaw(expression)
        vertices[carried] = (vertices[carried] - self.jaw_hinge) @ rotation.T + self.jaw_hinge + shift
        for part, centre, turn in zip(EYES, centres, self.eye_turns(expression), strict=True):
            ball = self.part == part
            vertices[ball] = (vertices[ball] - centre) @ turn.T + centre
        return vertices

    def neutral(self, identity: NDArray[np.floating] | None = None) -> Array:
        """Vertices [V, 3] of a person without expression."""
        return self.mean.copy() if identity is None else self.mean + _weighted(self.identity, identity)

    def _shut_lids(self, neutral: Array, vertices: Array, expression: Array) -> None:
        """Changes the upper lids in `vertices` so that a blink shuts the eyes of each person, narrow or wide."""
        for i, name in enumerate(("eyeBlinkRight", "eyeBlinkLeft")):
            share = expression[INDEX[name]]
            if share:
                rims = Rims(self.lid_upper[i], self.lid_lower[i], self.lid_weights[i])
                left = rims.gap(neutral + self.expression[INDEX[name]]) - OVERLAP
                vertices += share * rims.spread(neutral, left)

    def _keep_out_of_eyes(self, neutral: Array, vertices: Array, centres: Array, radii: Array) -> None:
        """Pushes lids in `vertices` that have got into an eyeball back to its surface."""
        for centre, radius in zip(centres, radii, strict=True):
            rest = np.linalg.norm(neutral - centre, axis=1) / radius
            lids = np.flatnonzero((rest > 1) & (rest < LID_REACH) & ~np.isin(self.part, EYES))
            away = vertices[lids] - centre
            distance = np.linalg.norm(away, axis=1) / radius
            least = np.minimum(rest[lids], LID_CLEARANCE)
            vertices[lids] += away * np.maximum(least / np.maximum(distance, 1e-3) - 1, 0)[:, None]

    def jaw(self, expression: NDArray[np.floating]) -> tuple[Array, Array]:
        """Rotation [3, 3] about `jaw_hinge` and shift [3], dm, of the lower teeth."""
        turn, *shift = np.asarray(expression, np.float32) @ self.jaw_moves
        return rotation_from_angles(0, float(turn), 0), np.array(shift, np.float32)

    def eye_centres(self, identity: NDArray[np.floating] | None = None) -> Array:
        """Centres of the right and the left eyeball, [2, 3], dm; an eyeball's vertices are spread evenly around it."""
        neutral = self.neutral(identity)
        return np.stack([(neutral[e].max(0) + neutral[e].min(0)) / 2 for e in (self.part == part for part in EYES)])

    def eye_radii(self, identity: NDArray[np.floating] | None = None) -> Array:
        """Radii of the right and the left eyeball, [2], dm."""
        neutral = self.neutral(identity)
        return np.stack([np.ptp(neutral[self.part == part, 1]) / 2 for part in EYES])

    def eye_turns(self, expression: NDArray[np.floating]) -> tuple[Array, Array]:
        """How the eyeLook coefficients of [52] turn the right and the left eyeball about its centre, [3, 3] each.

        A gaze is said in the angles of a human eye. The mesh's eyeballs are larger, so they turn by less, such that
        the irises go as far: ``sin(turn) · radius = sin(gaze) · HUMAN_EYE``.
        """
        share = HUMAN_EYE / float(self.eye_radii().mean())

        def turned(side: str, outwards: int) -> Array:
            out, into, down, up = (float(expression[INDEX[f"eyeLook{d}{side}"]]) for d in ("Out", "In", "Down", "Up"))
            gaze = np.array([outwards * (out - into) * GAZE_YAW, (down - up) * GAZE_PITCH])
            yaw, pitch = np.arcsin(share * np.sin(gaze))
            return rotation_from_angles(yaw, pitch, 0)

        return turned("Right", -1), turned("Left", 1)

    def landmarks(self, vertices: NDArray[np.floating]) -> Array:
        """MediaPipe's landmarks [..., 478, 3] of vertices [..., V, 3] or of displacements."""
        corners = vertices[..., self.triangles[self.landmark_triangle], :]
        return np.einsum("lc,...lcx->...lx", self.landmark_weights, corners).astype(np.float32)

    def sample_identity(
        self,
        rng: np.random.Generator,
        *,
        age: float | None = None,
        male: float | None = None,
        weight: float | None = None,
        ancestry: Mapping[str, float] | None = None,
    ) -> Array:
        """Coefficients [K] of a person: `age` in years, `male` 0..1, `weight` -1..1, shares of `ANCESTRIES`.

        What is None is drawn. Raises BadInput for an ancestry that is not known.
        """
        about = traits_vector(rng, age, male, weight, ancestry) @ self.traits
        own = self.spread @ rng.standard_normal(len(self.identity))
        return np.clip(about + own, -REACH, REACH).astype(np.float32)


def _weighted(basis: Array, values: NDArray[np.floating]) -> Array:
    return (np.asarray(values, np.float32) @ basis.reshape(len(basis), -1)).reshape(basis.shape[1:])


STEP = 4e-5
"""dm; identity and expression are stored in whole multiples of it, as int16."""
QUANTISED = ("identity", "expression")
REGIONS = ("lips", "inside mouth", "face", "ears", "eyelids")


@cache
def _shipped() -> DenseHead:
    return _read(BytesIO(files("offline.head_model").joinpath("data/head.npz").read_bytes()), "The shipped dense head")


def _read(source: Path | BytesIO, name: str) -> DenseHead:
    """Raises BadInput."""
    fields = set(DenseHead.__dataclass_fields__) | {"names"}
    try:
        with np.load(source, allow_pickle=False) as arrays:
            missing = sorted(fields - set(arrays.files))
            stored = {key: arrays[key] for key in fields - set(missing)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{name} cannot be read ({error}); build it with offline.head_model.build.") from error
    if missing:
        raise BadInput(f"{name} lacks '{missing[0]}'; build it again with offline.head_model.build.")
    for key in QUANTISED:
        stored[key] = stored[key].astype(np.float32) * np.float32(STEP)
    names, mean, axes = stored.pop("names").tolist(), stored["mean"], stored["expression"]
    if axes.shape != (len(names), *mean.shape):
        raise BadInput(
            f"{name} has 'expression' of shape {axes.shape}, not {(len(names), *mean.shape)}; build it again."
        )
    return DenseHead(**stored | {"expression": ordered_axes(names, axes, mean)})


def save(head: DenseHead, path: Path) -> None:
    """Writes what `DenseHead.load` reads, a few MB."""
    stored = {key: getattr(head, key) for key in DenseHead.__dataclass_fields__}
    stored |= {key: np.rint(stored[key] / STEP).astype(np.int16) for key in QUANTISED}
    stored["names"] = np.array(EXPRESSIONS)
    replaced(path, lambda temporary: np.savez_compressed(temporary, **stored))
