"""Makes the dense head from MakeHuman's: people sampled, landmarks found, axes corrected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.head_model import drawing
from offline.head_model.anatomy import Anatomy
from offline.head_model.axes import closing_axes, lips_closed, strong_axes
from offline.head_model.basis import principal_basis, similarity
from offline.head_model.correspondence import View, correspondence
from offline.head_model.dense import HUMAN_IRIS, REGIONS, DenseHead, Part
from offline.head_model.makehuman import MakeHuman
from offline.head_model.population import Population
from offline.head_model.rims import Rims, close_up, following, visible_rims
from offline.head_model.surface import Surface, nearest
from offline.head_model.topology import mirror_permutation, read_canonical_face
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.contract.head_model import FACE_VERTICES
from runtime.tracking.bounded import Floats

SEED = 20
PEOPLE = 3000
AXES = 80
VIEWS = 240
VIEW_SIZE = 512
YAW, PITCH = 0.5, 0.25
"""Radians that the views of the correspondence are spread over, to both sides."""
REACH = 0.3
"""dm from the landmarks over which a vertex' importance to the basis falls to e⁻¹."""
FARTHEST, BALL = 0.001, 0.2
"""Importance of what is far from the face, and of each vertex of the finely meshed eyeballs."""
TEETH_BACK = 0.03
"""dm; MakeHuman's teeth touch the lips from behind and would show through them."""
GESTURES = (
    "jawOpen", "mouthFunnel", "mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthLowerDownRight",
    "mouthStretchLeft", "browInnerUp", "browDownLeft", "browDownRight", "browOuterUpLeft", "browOuterUpRight",
    "eyeWideLeft", "eyeWideRight",
)  # fmt: skip
"""Axes that tell landmarks apart which a face at rest has together."""


class Maker:
    """The steps from the unpacked wheel to a `DenseHead`, in the order in which they need each other."""

    def __init__(self, folder: Path, canonical: Path) -> None:
        self._source = MakeHuman(folder)
        self._anatomy = Anatomy(self._source)
        self._population = Population(self._source, self._anatomy)
        self._canonical, _ = read_canonical_face(canonical)
        self._base = self._with_teeth(self._anatomy.head(self._source.base[self._anatomy.needed]))
        self._mirror = nearest(self._base * [-1, 1, 1], self._base)
        self._axes = strong_axes(self._raw_axes())
        self._regions = self._region_weights()
        self._lips, self._below = self._lip_rims()
        self._lids = self._lid_rims()

    def make(self) -> DenseHead:
        """The dense head."""
        anatomy = self._anatomy
        bare = (anatomy.part[anatomy.triangles] < Part.RIGHT_LASHES).all(1)
        pairs = mirror_permutation(self._canonical)[:FACE_VERTICES]
        triangle, weights = correspondence(self._views(bare), anatomy.triangles[bare], self._mirror, pairs)
        triangle = np.flatnonzero(bare)[triangle]
        landmarks = Surface(anatomy.triangles, triangle, weights).points
        rng = np.random.default_rng(SEED + 1)
        heads, traits = np.empty((PEOPLE, *self._base.shape), np.float32), []
        for i in range(PEOPLE):
            head, about = self._person(rng)
            heads[i] = similarity(landmarks(head), self._canonical)(head)
            traits.append(about)
        average = landmarks(heads.mean(0))
        for head in heads:
            head[:] = similarity(landmarks(head), average)(head)
        last = similarity(landmarks(heads.mean(0)), self._canonical)
        heads = last(heads).astype(np.float32)
        average = heads.mean(0)
        basis = principal_basis(heads, np.array(traits), self._importance(average, landmarks(average)), AXES)
        mean = (basis.mean + basis.mean[self._mirror] * [-1, 1, 1]) / 2
        axes = similarity(landmarks(self._base), landmarks(mean)).displaced(self._axes)
        axes = closing_axes(mean, axes, self._lips, self._lids)
        hinge, moves, axes = self._jaw(mean, axes)
        irises = self._irises(mean)
        return DenseHead(
            mean=mean.astype(np.float32),
            identity=basis.axes.astype(np.float32),
            expression=axes.astype(np.float32),
            triangles=anatomy.triangles,
            uv=anatomy.uv,
            uv_triangles=anatomy.uv_triangles,
            part=anatomy.part,
            landmark_triangle=np.concatenate([triangle, irises[0]]).astype(np.int32),
            landmark_weights=np.concatenate([weights, irises[1]]).astype(np.float32),
            jaw_hinge=hinge.astype(np.float32),
            jaw_moves=moves.astype(np.float32),
            traits=basis.traits.astype(np.float32),
            spread=basis.spread.astype(np.float32),
            regions=self._regions.astype(np.float32),
            lid_upper=np.stack([self._lids[side].upper for side in ("Right", "Left")]),
            lid_lower=np.stack([self._lids[side].lower for side in ("Right", "Left")]),
            lid_weights=np.stack([self._lids[side].above for side in ("Right", "Left")]).astype(np.float32),
        )

    def _person(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        head, traits = self._population.sample(rng)
        return lips_closed(self._with_teeth(head), self._lips, self._below), traits

    def _with_teeth(self, head: Floats) -> Floats:
        teeth = np.isin(self._anatomy.part, (Part.UPPER_TEETH, Part.LOWER_TEETH))
        return head - TEETH_BACK * np.outer(teeth, [0, 0, 1])

    def _raw_axes(self) -> Floats:
        kept = np.stack([self._source.expression(name)[self._anatomy.kept] for name in EXPRESSIONS])
        return np.pad(kept, ((0, 0), (0, len(self._base) - kept.shape[1]), (0, 0)))

    def _region_weights(self) -> Floats:
        """[R, V] of `REGIONS`, from MakeHuman's masks in texture space."""
        anatomy = self._anatomy
        uv = np.zeros((len(self._base), 2))
        uv[anatomy.triangles.ravel()] = anatomy.uv[anatomy.uv_triangles.ravel()]
        regions = []
        for name in REGIONS:
            mask = cv2.GaussianBlur(cv2.imread(str(self._source.texture(name.replace(" ", "-"))), 0), (0, 0), 2) / 255
            height, width = mask.shape
            row, column = (1 - uv[:, 1]) * height, uv[:, 0] * width
            inside = mask[np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int)]
            regions.append(np.where(anatomy.part == Part.SKIN, inside, 0))
        return np.array(regions)

    def _lip_rims(self) -> tuple[Rims, Floats]:
        """The rims of the lips, and how much each vertex goes with the lower one."""
        anatomy, regions = self._anatomy, dict(zip(REGIONS, self._regions, strict=True))
        skin = (anatomy.part[anatomy.triangles] == Part.SKIN).all(1)
        hollow = regions["inside mouth"][anatomy.triangles].mean(1) > 0.5
        mouth = np.isin(anatomy.part[anatomy.triangles], (Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE)).all(1)
        parted = self._base + 0.6 * self._axes[INDEX["jawOpen"]]
        middle = self._base[regions["lips"] > 0.5].mean(0) - STANDING
        upper, lower = visible_rims(
            parted - STANDING, anatomy.triangles, mouth | (skin & hollow), skin & ~hollow, close_up(middle, 12.0)
        )
        follow = []
        for rim, name in ((upper, "mouthUpperUp"), (lower, "mouthLowerDown")):
            both = np.linalg.norm(sum(self._axes[INDEX[name + side]] for side in ("Left", "Right")), axis=1)
            follow.append(following(rim, self._base, both))
        return Rims(upper, lower, follow[0]), follow[1]

    def _lid_rims(self) -> dict[str, Rims]:
        anatomy = self._anatomy
        part = anatomy.part[anatomy.triangles[:, 0]]
        shown = part < Part.RIGHT_LASHES
        ball = self._base[anatomy.part == Part.LEFT_EYE]
        camera = close_up((ball.max(0) + ball.min(0)) / 2 - STANDING, 18.0)
        drawn = anatomy.triangles[shown]
        upper, lower = visible_rims(
            self._base - STANDING, drawn, part[shown] == Part.LEFT_EYE, part[shown] == Part.SKIN, camera
        )
        blink = self._axes[INDEX["eyeBlinkLeft"]]
        above = following(upper, self._base, np.maximum(-blink[:, 1], 0))
        left = Rims(upper, lower, above)
        return {"Right": left.mirrored(self._mirror), "Left": left}

    def _views(self, bare: NDArray[np.bool_]) -> Iterator[View]:
        """People who do all sorts of things, seen from all around the front, with the `bare` triangles alone."""
        triangles = self._anatomy.triangles[bare]
        colours, rng = self._colours(), np.random.default_rng(SEED)
        for i in range(VIEWS):
            head, _ = self._person(rng)
            coefficients = np.zeros(len(EXPRESSIONS))
            if i % 3:
                for name in rng.choice(GESTURES, 3, replace=False):
                    coefficients[INDEX[str(name)]] = rng.random()
            if i % 3 == 1:
                coefficients[INDEX["jawOpen"]] = rng.uniform(0.3, 0.8)
                coefficients[[INDEX["eyeWideLeft"], INDEX["eyeWideRight"]]] = 1
            eyes = np.isin(self._anatomy.part, (Part.RIGHT_EYE, Part.LEFT_EYE))
            head = head - head[eyes].mean(0) + EYES_AT + np.tensordot(coefficients, self._axes, 1)
            camera = portrait_camera(float(rng.uniform(-YAW, YAW)), float(rng.uniform(-PITCH, PITCH)))
            yield View(head, camera, drawing.plain_picture(head, triangles, colours, camera, VIEW_SIZE))

    def _colours(self) -> Floats:
        anatomy, regions = self._anatomy, dict(zip(REGIONS, self._regions, strict=True))
        of_part = {Part.UPPER_TEETH: drawing.TEETH, Part.LOWER_TEETH: drawing.TEETH, Part.TONGUE: drawing.TONGUE}
        colours = np.array([of_part.get(Part(part), drawing.SKIN) for part in anatomy.part])
        for name, colour in (("lips", drawing.LIPS), ("inside mouth", drawing.INSIDE)):
            share = regions[name][:, None]
            colours = (1 - share) * colours + share * colour
        for part in (Part.RIGHT_EYE, Part.LEFT_EYE):
            tangent = np.hypot(*anatomy.ball[:, :2].T)
            front = anatomy.ball[:, 2] > 0
            iris, pupil = (front & (tangent < r) for r in (0.36, 0.13))
            colours[anatomy.part == part] = np.select(
                [pupil[:, None], iris[:, None]], [drawing.PUPIL, drawing.IRIS], drawing.WHITE
            )
        return colours

    def _importance(self, mean: Floats, points: Floats) -> Floats:
        """[V], how much the basis looks at a vertex, by its distance from the landmarks."""
        distance = np.linalg.norm(mean[:, None] - points[::4], axis=-1).min(1)
        weights = np.maximum(np.exp(-((distance / REACH) ** 2)), FARTHEST)
        return np.where(np.isin(self._anatomy.part, (Part.RIGHT_EYE, Part.LEFT_EYE)), BALL * weights, weights)

    def _jaw(self, mean: Floats, axes: Floats) -> tuple[Floats, Floats, Floats]:
        """The jaw's hinge [3] and moves [52, 4], and the axes without what it carries."""
        part = self._anatomy.part
        teeth, tongue = part == Part.LOWER_TEETH, part == Part.TONGUE
        before = mean[teeth]
        after = before + axes[INDEX["jawOpen"]][teeth]
        rotation = similarity(before, after).rotation
        angle = float(np.arctan2(rotation[2, 1], rotation[2, 2]))
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        still = after.mean(0)[1:] - rotation @ before.mean(0)[1:]
        hinge = np.array([0, *np.linalg.solve(np.eye(2) - rotation, still)])
        moves = np.zeros((len(EXPRESSIONS), 4))
        moves[INDEX["jawOpen"], 0] = angle
        for name in ("jawForward", "jawLeft", "jawRight"):
            moves[INDEX[name], 1:] = axes[INDEX[name]][teeth].mean(0)
        axes = axes.copy()
        out = axes[INDEX["tongueOut"]][tongue]
        axes[:, np.isin(part, (Part.RIGHT_EYE, Part.LEFT_EYE, Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE))] = 0
        axes[INDEX["tongueOut"], tongue] = out
        return hinge, moves, axes

    def _irises(self, mean: Floats) -> tuple[NDArray[np.int32], Floats]:
        """Triangles [10] and places [10, 3] of the irises' landmarks: the centre, then +x, up, -x and down of it."""
        anatomy = self._anatomy
        triangles, weights = [], []
        for part in (Part.RIGHT_EYE, Part.LEFT_EYE):
            faces = np.flatnonzero((anatomy.part[anatomy.triangles] == part).all(1))
            ball = mean[anatomy.part == part]
            middle, radius = (ball.max(0) + ball.min(0)) / 2, np.ptp(ball[:, 1]) / 2
            corners = (mean[anatomy.triangles[faces]] - middle).transpose(0, 2, 1)
            for x, y in ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)):
                at = np.array([x, y]) * HUMAN_IRIS
                point = np.array([*at, np.sqrt(radius**2 - at @ at)])
                shares = np.linalg.solve(corners, np.broadcast_to(point[:, None], (len(faces), 3, 1)))[..., 0]
                best = int(shares.min(1).argmax())
                triangles.append(faces[best])
                weights.append(np.maximum(shares[best], 0) / np.maximum(shares[best], 0).sum())
        return np.array(triangles, np.int32), np.array(weights)


STANDING = np.array([0.0, 7.08, 0.85])
"""dm; where head space has its origin on MakeHuman's standing body, roughly."""
EYES_AT = np.array([0.0, 0.25, 0.3])
"""dm; where the eyes' middle is put to be seen."""
