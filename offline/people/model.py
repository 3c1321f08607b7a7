"""A person made ready for pictures: everything that does not change from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse import identity as identity_matrix

from offline.head_model.dense import EYES, Part
from offline.head_model.traits import ANCESTRIES
from offline.people import shade
from offline.people.clothes import Garment, garment
from offline.people.glasses import glasses
from offline.people.hair import Hair, hair
from offline.people.mesh import Indices, vertex_normals
from offline.people.person import Person
from offline.people.shade import PARAMETERS, Material
from offline.people.skin import skin_map, wrinkle_maps
from offline.people.surface import Surface, surface
from offline.people.teeth import Row, gums, placed, teeth
from runtime.contract.axes import Array
from runtime.contract.drive import INDEX

BACK = 0.08
"""dm."""
JAWS = {"upper": Part.UPPER_TEETH, "lower": Part.LOWER_TEETH}


@dataclass(frozen=True)
class Model:
    """Use `prepared`."""

    person: Person
    surface: Surface
    identity: Array
    neutral: Array
    """[V, 3], the head model's vertices without expression."""
    bare: NDArray[np.bool_]
    """[triangles of the fine skin], those that no garment hides."""
    garment: Garment
    glasses: tuple[Array, Indices]
    """Vertices in head space and triangles."""
    hair: Hair
    skin: Array
    """The skin's colours, see `skin.skin_map`."""
    wrinkles: Array
    """[K, H, W], see `skin.wrinkle_maps`."""
    numbers: Array
    """What `shade.shade` reads of a person."""

    @cached_property
    def triangles(self) -> Indices:
        """All triangles, in the order of `vertices`."""
        return self._merged[0]

    @cached_property
    def material(self) -> NDArray[np.uint8]:
        """[triangles], of `Material`."""
        return self._merged[1]

    @cached_property
    def paint(self) -> Array:
        """[vertices, 6], see `shade.shade`."""
        return self._merged[2]

    @cached_property
    def links(self) -> csr_matrix:
        """[fine skin]², the mean over a vertex and its neighbours."""
        sides = self.surface.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        sides = np.concatenate([sides, sides[:, ::-1]])
        count = len(self.surface.paint)
        links = coo_matrix((np.ones(len(sides), np.float32), sides.T), (count, count)).tocsr()
        links.data[:] = 1
        links = links + identity_matrix(count, np.float32, "csr")
        return diags(1 / np.asarray(links.sum(1)).ravel()).astype(np.float32) @ links

    @cached_property
    def coarse(self) -> Indices:
        """Triangles of the same vertices, the skin's without its subdivision, for shadows."""
        return np.concatenate([self.surface.subdivision.coarse, self.triangles[int(self.bare.sum()) :]])

    @cached_property
    def rows(self) -> list[tuple[str, Row, Material]]:
        """Teeth and gums."""
        made = [(jaw, teeth(jaw), Material.TOOTH) for jaw in JAWS]
        return made + [(jaw, gums(jaw), Material.GUM) for jaw in JAWS]

    @cached_property
    def _set(self) -> list[Array]:
        """Where `rows` are in the person's jaws without expression."""
        part = self.surface.head.part
        return [placed(row, jaw, self.neutral[part == JAWS[jaw]]) for jaw, row, _ in self.rows]

    @cached_property
    def _merged(self) -> tuple[Indices, NDArray[np.uint8], Array]:
        face, head = self.surface, self.surface.head
        pieces: list[tuple[Indices, Array, Material]] = []
        marks = np.stack([face.regions["lips"], face.regions["inside mouth"], face.regions["ears"]], 1)
        pieces.append((face.triangles[self.bare], np.concatenate([face.paint, marks], 1), Material.SKIN))
        for i, part in enumerate(EYES):
            own = np.flatnonzero(head.part == part)
            ball = head.mean[own] - head.eye_centres()[i]
            pieces.append(
                (_local(head.triangles, own), np.pad(ball, ((0, 0), (0, 3)), constant_values=float(i)), Material.EYE)
            )
        own = np.flatnonzero(head.part == Part.TONGUE)
        pieces.append(
            (_local(head.triangles, own), np.pad(head.mean[own], ((0, 0), (0, 3)), constant_values=1.0), Material.GUM)
        )
        for (_, row, kind), vertices in zip(self.rows, self._set, strict=True):
            marks = np.stack([row.number, row.height, vertices[:, 2]], 1)
            pieces.append((row.triangles, np.concatenate([vertices, marks], 1), kind))
        pieces.append((self.garment.triangles, self.garment.paint, Material.CLOTH))
        vertices, triangles = self.glasses
        pieces.append((triangles, np.pad(vertices, ((0, 0), (0, 3))), Material.FRAME))
        starts = np.cumsum([0, *(len(p[1]) for p in pieces)])
        return (
            np.concatenate([p[0] + s for p, s in zip(pieces, starts, strict=False)]).astype(np.int32),
            np.concatenate([np.full(len(p[0]), p[2], np.uint8) for p in pieces]),
            np.concatenate([p[1] for p in pieces]).astype(np.float32),
        )

    def vertices(self, expression: NDArray[np.floating]) -> tuple[Array, Array]:
        """All vertices in head space, dm, and the head model's alone."""
        head = self.surface.head
        moved = head.vertices(self.identity, expression)
        # At rest the tongue lies behind the teeth.
        tongue = head.part == Part.TONGUE
        moved[tongue, 2] -= BACK * (1 - min(2 * float(expression[INDEX["tongueOut"]]), 1.0))
        skin = self.surface.places(moved)
        rotation, shift = head.jaw(expression)
        pieces = [skin, *(moved[head.part == part] for part in (*EYES, Part.TONGUE))]
        for (jaw, _, _), vertices in zip(self.rows, self._set, strict=True):
            if jaw == "lower":
                vertices = (vertices - head.jaw_hinge) @ rotation.T + head.jaw_hinge + shift
            pieces.append(vertices)
        pieces += [self.garment.vertices, self.glasses[0]]
        return np.concatenate(pieces).astype(np.float32), moved


def _local(triangles: Indices, own: NDArray[np.int64]) -> Indices:
    """The triangles of some vertices, counted among them."""
    place = np.full(int(triangles.max()) + 1, -1, np.int32)
    place[own] = np.arange(len(own))
    mapped = place[triangles]
    return mapped[(mapped >= 0).all(1)]


def prepared(person: Person) -> Model:
    """A person's head, hair, clothes and paint; takes a few seconds."""
    face = surface()
    identity = _identity(person)
    neutral = face.head.neutral(identity)
    skin = face.places(neutral)
    normals = vertex_normals(skin, face.triangles)
    dress = garment(person.garment, face, skin, normals)
    return Model(
        person,
        face,
        identity,
        neutral,
        ~dress.hides[face.triangles].all(1),
        dress,
        glasses(person.glasses, face, skin, normals),
        hair(person, face, skin, normals, neutral),
        skin_map(person),
        wrinkle_maps(),
        _numbers(person),
    )


AVERAGED = 64
"""Draws that make the average of a kind of people."""


def _identity(person: Person) -> Array:
    """The head model's coefficients [K], from the seed and what is known."""
    rng, head = np.random.default_rng([person.seed, 0xFACE]), surface().head
    ancestry = dict(zip(ANCESTRIES, person.ancestry, strict=True))

    def drawn() -> Array:
        return head.sample_identity(rng, age=person.age, male=person.male, weight=person.weight, ancestry=ancestry)

    own = drawn()
    average = np.mean([drawn() for _ in range(AVERAGED)], 0)
    return np.asarray(average + person.distinct * (own - average), np.float32)


def _numbers(person: Person) -> Array:
    rng = np.random.default_rng([person.seed, 0xE1E])
    values = np.zeros(PARAMETERS, np.float32)
    values[[shade.IRIS_R, shade.IRIS_G, shade.IRIS_B]] = person.iris
    values[[shade.LIP_R, shade.LIP_G, shade.LIP_B]] = person.lip
    values[[shade.CLOTH_R, shade.CLOTH_G, shade.CLOTH_B]] = person.cloth
    values[[shade.TRIM_R, shade.TRIM_G, shade.TRIM_B]] = person.trim
    values[[shade.FRAME_R, shade.FRAME_G, shade.FRAME_B]] = person.frame
    yellow = rng.uniform(0, 0.6) + 0.5 * person.wrinkled
    values[[shade.TOOTH_R, shade.TOOTH_G, shade.TOOTH_B]] = (
        0.80 - 0.06 * yellow,
        0.75 - 0.10 * yellow,
        0.68 - 0.18 * yellow,
    )
    values[shade.RING] = rng.uniform(0.55, 0.9)
    values[shade.IRIS_ANGLE] = 0.40 * rng.uniform(0.96, 1.05)
    values[shade.INNER] = rng.uniform(0.1, 0.9)
    values[shade.PUPIL] = person.pupil
    values[shade.SCLERA_RED] = 0.25 + 0.45 * rng.random() * (0.5 + 0.5 * person.wrinkled)
    values[shade.WEAVE] = float(person.garment in ("shirt", "tee", "v-neck"))
    values[shade.PATTERN] = person.pattern
    values[shade.OIL] = person.oil
    values[shade.PORES] = 0.03 + 0.05 * min(person.age / 60, 1.0)
    return values
