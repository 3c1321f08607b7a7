"""Makes a head model of one's own meshes: ``python -m offline.head_model.convert FOLDER -o my_head.npz``.

FOLDER holds Wavefront OBJ files of one mesh: a neutral face (``neutral.obj``, or ``generic_neutral_mesh.obj`` as in
ICT-FaceKit) and one file a shape, named as ARKit names them, in any spelling that `runtime.contract.names` knows
(``jawOpen.obj``, ``browDown_L.obj``). A shape in two halves (``cheekPuff_L``, ``cheekPuff_R``) is their sum.
``identity000.obj`` and so on, if there are any, say how people differ, one standard deviation each; without them the
shipped model's differences are taken. The face looks along +z with +y up; its size does not matter.

Where MediaPipe's landmarks lie on the mesh is found by drawing it many times and detecting them. A picture beside the
model shows it: look at it before you use the model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.files import replaced, write_png
from offline.head_model.basis import Similarity, similarity
from offline.head_model.correspondence import View, correspondence
from offline.head_model.drawing import IRIS, PUPIL, SKIN, WHITE, plain_picture
from offline.head_model.making import GESTURES, PITCH, YAW
from offline.head_model.surface import Surface, components, nearest, read_obj
from offline.head_model.topology import mirror_permutation
from runtime.contract.axes import PORTRAIT_CENTRE_Y, PORTRAIT_DISTANCE, PORTRAIT_FOCAL, Camera, portrait_camera
from runtime.contract.drive import DETAIL, EXPRESSIONS, INDEX
from runtime.contract.head_model import EYE_CORNERS, FACE_VERTICES, VERTICES, HeadModel, ordered_axes
from runtime.contract.names import coefficient
from runtime.errors import BadInput
from runtime.tracking.bounded import Floats
from runtime.tracking.mesh import FaceMesh

NEUTRALS = ("neutral", "generic_neutral_mesh")
WITHOUT = ("tongueOut",)
"""Axes that a mesh may lack, for it may have no tongue; they then do nothing."""
VIEWS = 120
VIEW_SIZE = 512
SHOWN_SIZE = 900
SEED = 3
PORTIONS = (1.0, 0.5, 0.25, 0.15)
"""Shares of the mesh's height, from its top, in which a face is looked for: a head, a bust, a person."""
FACE_HEIGHT = 1.6
"""dm from forehead to chin, roughly, before the size is settled by the landmarks."""
ACROSS = PORTRAIT_DISTANCE / PORTRAIT_FOCAL
"""dm that a portrait shows at the head's origin."""
SYMMETRIC = 1e-3
"""Mean distance of a vertex from another's mirror image, over the mesh's size, up to which a mesh is symmetric."""
IRIS_RADIUS, PUPIL_RADIUS = 0.0585, 0.02
"""dm."""
EYEBALL = 0.5
"""dm; a part of the mesh in an eye that is no larger is an eyeball, and drawn as one."""
BESIDE = 0.04 * np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)])
"""dm from the middle of an eye's corners, where an eyeball is looked for: a lid may be in front of one place."""
IRIS_PLACE = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
IRIS_ABOVE = 0.06
"""How far above the middle of an eye's corners the iris is, over their distance."""


@dataclass(frozen=True)
class Shapes:
    """A folder's meshes."""

    neutral: Floats
    """[V, 3], in the mesh's own units."""
    triangles: NDArray[np.int32]
    expression: Floats
    """[52, V, 3], displacements."""
    identity: Floats
    """[K, V, 3], displacements; K is 0 where the folder has none."""
    absent: tuple[str, ...]
    """Axes of `WITHOUT` that the folder lacks."""


def read_shapes(folder: Path) -> Shapes:
    """The OBJ files of a folder. Raises BadInput, naming the file or the axis, where they are no head."""
    files = {path.stem: path for path in sorted(folder.glob("*.obj"))}
    first = next((files[name] for name in NEUTRALS if name in files), None)
    if first is None:
        raise BadInput(f"{folder} has no neutral.obj; put the neutral face there.")
    neutral, triangles = read_obj(first)

    def displacement(path: Path) -> Floats:
        vertices, _ = read_obj(path)
        if len(vertices) != len(neutral):
            raise BadInput(
                f"{path.name} has {len(vertices)} vertices where {first.name} has {len(neutral)}; export both from "
                "the same mesh."
            )
        return vertices - neutral

    axes: dict[str, Floats] = {}
    for stem, path in files.items():
        name = _axis(stem)
        if name:
            axes[name] = axes.get(name, 0) + displacement(path)
    absent = tuple(name for name in WITHOUT if name not in axes)
    axes |= {name: np.zeros_like(neutral) for name in absent}
    if not axes.keys() - absent:
        raise BadInput(f"{folder} has no shape that is called as ARKit calls it, such as jawOpen.obj.")
    centred = neutral - neutral.mean(0) * [1, 0, 0]
    expression = ordered_axes(list(axes), np.stack(list(axes.values())).astype(np.float32), centred).astype(np.float64)
    people = [displacement(path) for stem, path in files.items() if stem.startswith("identity")]
    return Shapes(neutral, triangles, expression, np.array(people).reshape(-1, *neutral.shape), absent)


def _axis(stem: str) -> str | None:
    """The ARKit name that a file's name spells, or None; a half ("cheekPuff_L") is the whole's."""
    for name in (stem, stem.removesuffix("_L").removesuffix("_R")):
        try:
            return coefficient(name)
        except KeyError:
            continue
    return None


def converted(shapes: Shapes) -> tuple[HeadModel, NDArray[np.uint8]]:
    """The model, and a picture of its landmarks on the mesh. Raises BadInput where no face is found on it."""
    shipped = HeadModel.load()
    placed = framed(shapes)
    neutral, axes = placed(shapes.neutral), placed.displaced(shapes.expression)
    people = placed.displaced(shapes.identity)
    colours = _colours(neutral, shapes.triangles)
    mirror = nearest(neutral * [-1, 1, 1], neutral)
    off = np.linalg.norm(neutral[mirror] * [-1, 1, 1] - neutral, axis=1).mean() / np.ptp(neutral)
    triangle, weights = correspondence(
        _views(neutral, axes, people, shapes.triangles, colours),
        shapes.triangles,
        mirror if off < SYMMETRIC else None,
        mirror_permutation(shipped.mean[:FACE_VERTICES])[:FACE_VERTICES],
    )
    surface = Surface(shapes.triangles, triangle, weights)
    last = similarity(surface.points(neutral), shipped.mean[:FACE_VERTICES].astype(np.float64))
    neutral = last(neutral)
    surface = surface.with_points(_irises(neutral, surface))
    mean = surface.points(neutral)
    identity = surface.points(last.displaced(people)) if len(people) else shipped.identity
    model = HeadModel(
        mean.astype(np.float32),
        identity.astype(np.float32),
        surface.points(last.displaced(axes)).astype(np.float32),
        np.zeros((DETAIL, VERTICES, 3), np.float32),
        shipped.triangles,
    )
    return model, _shown(neutral, shapes.triangles, colours, mean)


def framed(shapes: Shapes) -> Similarity:
    """What brings the mesh before a portrait's camera, by looking for a face on it. Raises BadInput without one."""
    low, high = shapes.neutral.min(0), shapes.neutral.max(0)
    camera = portrait_camera()
    with FaceMesh() as mesh:
        for portion in PORTIONS:
            scale = 3.5 / (portion * float(high[1] - low[1]))
            top = np.array([(low[0] + high[0]) / 2, high[1], (low[2] + high[2]) / 2])
            placed = Similarity(scale, np.eye(3), np.array([0, 1.5, 0]) - scale * top)
            mesh.reset()
            plain = np.broadcast_to(SKIN, shapes.neutral.shape)
            picture = plain_picture(placed(shapes.neutral), shapes.triangles, plain, camera, VIEW_SIZE)
            seen = mesh.detect(picture, portion)
            if seen is None:
                continue
            size = float(np.ptp(seen[:FACE_VERTICES, 1]))
            middle = _in_front_plane(seen[:FACE_VERTICES, :2].mean(0))
            grow = FACE_HEIGHT / (size * ACROSS)
            return Similarity(scale * grow, np.eye(3), grow * (placed.shift - [*middle, 0]))
    raise BadInput("MediaPipe finds no face on the neutral mesh; is its front at +z and its top at +y?")


def _in_front_plane(place: NDArray[np.floating]) -> Floats:
    """Head-space (x, y), dm, at z = 0 of a place (u, v) in a portrait."""
    return (np.asarray(place, np.float64) - 0.5) * [ACROSS, -ACROSS] + [0, PORTRAIT_CENTRE_Y]


def _colours(neutral: Floats, triangles: NDArray[np.int32]) -> Floats:
    """[V, 3]: skin, and white eyes with irises where the eyeballs are parts of their own: lids are found better so."""
    colours = np.broadcast_to(SKIN, neutral.shape).copy()
    with FaceMesh() as mesh:
        seen = mesh.detect(plain_picture(neutral, triangles, colours, portrait_camera(), VIEW_SIZE), 0.0)
    if seen is None:
        return colours
    part = components(triangles, len(neutral))
    for outer, inner in EYE_CORNERS.values():
        middle = _in_front_plane(seen[[outer, inner], :2].mean(0))
        front = Surface.in_front(neutral, triangles, middle + BESIDE)
        for label in np.unique(part[triangles[front.triangle, 0]]):
            ball = neutral[part == label]
            if np.ptp(ball, axis=0).max() < EYEBALL:
                centre = (ball.max(0) + ball.min(0)) / 2
                away = np.linalg.norm(ball - [*centre[:2], ball[:, 2].max()], axis=1)[:, None]
                colours[part == label] = np.select([away < PUPIL_RADIUS, away < IRIS_RADIUS], [PUPIL, IRIS], WHITE)
    return colours


def _views(
    neutral: Floats, axes: Floats, people: Floats, triangles: NDArray[np.int32], colours: Floats
) -> Iterator[View]:
    rng = np.random.default_rng(SEED)
    for i in range(VIEWS):
        coefficients = np.zeros(len(EXPRESSIONS))
        for name in rng.choice(GESTURES, 3, replace=False) if i % 3 else ():
            coefficients[INDEX[str(name)]] = rng.random()
        if i % 3 == 1:
            coefficients[INDEX["jawOpen"]] = rng.uniform(0.3, 0.8)
            coefficients[[INDEX["eyeWideLeft"], INDEX["eyeWideRight"]]] = 1
        head = neutral + np.tensordot(coefficients, axes, 1)
        head = head + np.tensordot(np.clip(rng.normal(size=len(people)), -1.5, 1.5), people, 1)
        camera = portrait_camera(float(rng.uniform(-YAW, YAW)), float(rng.uniform(-PITCH, PITCH)))
        yield View(head, camera, plain_picture(head, triangles, colours, camera, VIEW_SIZE))


def _irises(neutral: Floats, surface: Surface) -> Surface:
    """The irises' landmarks, in the middle of each eye: what is in front there is the eyeball."""
    face = surface.points(neutral)
    found = []
    for side in ("right", "left"):
        outer, inner = face[list(EYE_CORNERS[side])]
        middle = (outer + inner)[:2] / 2 + [0, IRIS_ABOVE * float(np.linalg.norm(outer - inner))]
        found.append(middle + IRIS_RADIUS * np.array(IRIS_PLACE))
    return Surface.in_front(neutral, surface.mesh, np.concatenate(found))


def _shown(neutral: Floats, triangles: NDArray[np.int32], colours: Floats, landmarks: Floats) -> NDArray[np.uint8]:
    """The mesh from the front and from a side with a dot for each landmark, RGB."""
    pictures = []
    for yaw in (0.0, 0.6):
        camera = portrait_camera(yaw)
        camera = Camera(camera.intrinsics * np.array([1.8, 1.8, 1, 1], np.float32), camera.extrinsics)
        picture = plain_picture(neutral, triangles, colours, camera, SHOWN_SIZE)
        for x, y in camera.project(landmarks) * SHOWN_SIZE:
            cv2.circle(picture, (round(float(x)), round(float(y))), 2, (30, 60, 200), -1, cv2.LINE_AA)
        pictures.append(picture)
    return np.concatenate(pictures, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of OBJ files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the head model, .npz")
    options = parser.parse_args(arguments)
    try:
        shapes = read_shapes(options.folder)
        model, picture = converted(shapes)
    except BadInput as error:
        parser.exit(2, f"{error}\n")
    replaced(options.output, model.save)
    shown = options.output.with_suffix(".png")
    write_png(shown, picture[..., ::-1])
    for name in shapes.absent:
        print(f"The mesh has no {name}; that axis does nothing.")
    print(f"{options.output} written; {shown} shows where the landmarks are.")


if __name__ == "__main__":
    main()
