"""The head model: face vertices from identity, expression and detail coefficients.

``S = mean + identity · α + expression · β + detail · δ`` on the topology of MediaPipe's face landmarks: the 468
vertices of its canonical face and five points on each iris. Units are dm and the axes those of `runtime.contract.axes`.

A model file names its expression axes, in whatever order. The shipped one (`data/head_model.npz`, built by
`offline.head_model.build`) derives from MakeHuman's head and MediaPipe's ``canonical_face_model.obj``; see NOTICE.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array
from runtime.contract.drive import DETAIL, EXPRESSIONS, INDEX
from runtime.contract.names import coefficient
from runtime.errors import BadInput

VERTICES = 478
FACE_VERTICES = 468
"""The vertices before this one form the surface; the rest are the irises, right eye first."""

Side = Literal["left", "right"]

UPPER_LID: dict[Side, tuple[int, ...]] = {
    "right": (246, 161, 160, 159, 158, 157, 173),
    "left": (466, 388, 387, 386, 385, 384, 398),
}
LOWER_LID: dict[Side, tuple[int, ...]] = {
    "right": (7, 163, 144, 145, 153, 154, 155),
    "left": (249, 390, 373, 374, 380, 381, 382),
}
"""The lids' rims from the outer to the inner corner; each upper point faces the lower one at the same place."""
EYE_CORNERS: dict[Side, tuple[int, int]] = {"right": (33, 133), "left": (263, 362)}
"""Outer and inner corner."""
IRIS: dict[Side, tuple[int, ...]] = {"right": (468, 469, 470, 471, 472), "left": (473, 474, 475, 476, 477)}
"""Centre first."""
BROW: dict[Side, tuple[int, ...]] = {
    "right": (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    "left": (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
}
MOUTH_CORNERS = (61, 291)
"""The subject's right, then left."""
UPPER_LIP_OUTER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
UPPER_LIP_INNER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_LIP_INNER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
LOWER_LIP_OUTER = (146, 91, 181, 84, 17, 314, 405, 321, 375)
LIPS = (
    *MOUTH_CORNERS, 78, 308, *UPPER_LIP_OUTER, *UPPER_LIP_INNER, *LOWER_LIP_INNER, *LOWER_LIP_OUTER,
)  # fmt: skip
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 129, 358, 48, 278, 64, 294)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CHIN = 152
FOREHEAD = 10

GROUPS: dict[str, tuple[int, ...]] = {
    "lips": LIPS,
    "nose": NOSE,
    "oval": OVAL,
    **{f"{side}_brow": BROW[side] for side in ("left", "right")},
    **{f"{side}_iris": IRIS[side] for side in ("left", "right")},
    **{f"{side}_eye": (*EYE_CORNERS[side], *UPPER_LID[side], *LOWER_LID[side]) for side in ("left", "right")},
}  # fmt: skip
"""Vertex indices by region; left and right are the subject's."""


@dataclass(frozen=True)
class HeadModel:
    """A linear 3DMM of the face; arrays are float32 and must not be written to."""

    mean: Array
    """[478, 3], dm, the average neutral face with its lips closed and eyes open."""
    identity: Array
    """[K, 478, 3], dm for one standard deviation."""
    expression: Array
    """[52, 478, 3], dm at coefficient 1, in the order of `EXPRESSIONS`."""
    detail: Array
    """[8, 478, 3], dm for one standard deviation."""
    triangles: NDArray[np.int32]
    """[F, 3], counter-clockwise seen from outside; covers the face with closed eyes and mouth, not the irises."""

    @classmethod
    def load(cls, source: Path | bytes | None = None) -> HeadModel:
        """The model in an ``.npz`` file or its bytes, the shipped one by default. Raises BadInput with the reason."""
        if source is None:
            return _shipped()
        try:
            with np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as arrays:
                missing = sorted(set(cls.__dataclass_fields__) - set(arrays.files))
                fields = {name: arrays[name] for name in cls.__dataclass_fields__ if name not in missing}
                names = arrays["names"].tolist() if "names" in arrays.files else list(EXPRESSIONS)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise BadInput(
                f"The head model cannot be read ({error}); give an .npz file that Mien has built."
            ) from error
        if missing:
            raise BadInput(f"The head model lacks '{missing[0]}'; build it again.")
        return _validated(cls(**fields), names)

    def save(self, path: Path) -> None:
        """Writes the model as ``.npz``, which `load` reads."""
        arrays = {n: getattr(self, n) for n in self.__dataclass_fields__}
        np.savez_compressed(path, names=np.array(EXPRESSIONS), **arrays)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the expression axes."""
        return EXPRESSIONS

    def vertices(
        self,
        identity: NDArray[np.floating] | None = None,
        expression: NDArray[np.floating] | None = None,
        detail: NDArray[np.floating] | None = None,
    ) -> Array:
        """Vertices [..., 478, 3] in head space, dm, of coefficients [..., K], [..., 52] and [..., 8]; None is zeros."""
        vertices = self.mean
        for basis, values in ((self.identity, identity), (self.expression, expression), (self.detail, detail)):
            if values is not None:
                offset = np.asarray(values, np.float32) @ basis.reshape(len(basis), -1)
                vertices = vertices + offset.reshape(*offset.shape[:-1], VERTICES, 3)
        return vertices


def mouth_opening(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Height of the gap between the inner lips at the midline, dm, 0 where they overlap; shape [...].

    Of head-space vertices [..., 478, 3]. Depth is left out: in a pout one lip is before the other, and the mouth shut.
    """
    return np.maximum(vertices[..., 13, 1] - vertices[..., 14, 1], 0)


def mouth_width(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Distance of the mouth's corners, dm, of vertices [..., 478, 3]; shape [...]."""
    return np.linalg.norm(vertices[..., 61, :] - vertices[..., 291, :], axis=-1)


def eye_opening(vertices: NDArray[np.floating], side: Side) -> NDArray[np.floating]:
    """Gap between the lids, mean of the middle three pairs, dm, of vertices [..., 478, 3]; shape [...]."""
    upper, lower = np.array(UPPER_LID[side])[2:5], np.array(LOWER_LID[side])[2:5]
    return np.linalg.norm(vertices[..., upper, :] - vertices[..., lower, :], axis=-1).mean(-1)


def eye_width(vertices: NDArray[np.floating], side: Side) -> NDArray[np.floating]:
    """Distance of an eye's corners, dm, of vertices [..., 478, 3]; shape [...]."""
    outer, inner = EYE_CORNERS[side]
    return np.linalg.norm(vertices[..., outer, :] - vertices[..., inner, :], axis=-1)


def face_height(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Distance from chin to the top of the forehead, dm, of vertices [..., 478, 3]; shape [...]."""
    return np.linalg.norm(vertices[..., CHIN, :] - vertices[..., FOREHEAD, :], axis=-1)


@cache
def _shipped() -> HeadModel:
    return HeadModel.load(files("runtime.contract").joinpath("data/head_model.npz").read_bytes())


def _validated(model: HeadModel, names: list[str]) -> HeadModel:
    """`model` as float32 and int32, its axes, called `names` in the file, in the order of `EXPRESSIONS`.

    Raises BadInput where a shape is wrong, an axis is missing or mirrored, or a value cannot be used.
    """
    shapes = {"mean": (VERTICES, 3), "expression": (len(names), VERTICES, 3), "detail": (DETAIL, VERTICES, 3)}
    shapes |= {"identity": (len(model.identity), VERTICES, 3), "triangles": (len(model.triangles), 3)}
    for name, shape in shapes.items():
        value = getattr(model, name)
        if value.shape != shape:
            raise BadInput(
                f"The head model's '{name}' has shape {value.shape} where {shape} is needed; build it again."
            )
        if not np.isfinite(value).all():
            raise BadInput(f"The head model's '{name}' holds a value that is not finite; build it again.")
    if model.triangles.size and not 0 <= model.triangles.min() <= model.triangles.max() < VERTICES:
        raise BadInput("The head model's 'triangles' name a vertex that does not exist; build it again.")
    bases = {name: getattr(model, name).astype(np.float32) for name in ("mean", "identity", "detail")}
    expression = ordered_axes(names, model.expression.astype(np.float32), model.mean)
    return HeadModel(**bases, expression=expression, triangles=model.triangles.astype(np.int32))


def ordered_axes(names: Sequence[str], axes: Array, mean: NDArray[np.floating]) -> Array:
    """Axes [N, V, 3] with `names` (spelt as `runtime.contract.names` knows them) in the order of `EXPRESSIONS`.

    `mean` [V, 3] is what they move. Raises BadInput where one of the 52 is missing, or moves the wrong side.
    """
    place: dict[str, int] = {}
    for i, name in enumerate(names):
        try:
            place.setdefault(coefficient(name) or "", i)
        except KeyError:
            continue
    for name in EXPRESSIONS:
        if name not in place:
            raise BadInput(f"The head model lacks the axis '{name}'; it needs all 52 of ARKit's.")
    ordered = axes[[place[name] for name in EXPRESSIONS]]
    for name in EXPRESSIONS:
        if _moves_the_wrong_side(name, ordered[INDEX[name]], mean):
            raise BadInput(
                f"The head model's axis '{name}' moves the other side of the face; left and right are the subject's "
                "own, whose left is at +x."
            )
    return ordered


def _moves_the_wrong_side(name: str, axis: Array, mean: NDArray[np.floating]) -> bool:
    side = {"Left": 1, "Right": -1}.get(name[-5:] if name.endswith("Right") else name[-4:], 0)
    if not side:
        return False
    if name.startswith(("jaw", "mouthLeft", "mouthRight")):
        return bool(side * axis[:, 0].sum() < 0)
    energy = np.square(axis).sum(1)
    return bool(energy[side * mean[:, 0] < 0].sum() > energy[side * mean[:, 0] > 0].sum())
