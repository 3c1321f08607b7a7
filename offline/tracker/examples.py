"""Pairs of what the detector sees and what is true: ``python -m offline.tracker.examples -o EXAMPLES``.

Each studio person is drawn with many faces, under lights and before cameras as webcams have them, and goes through the
detector that the live tracker uses. A file a person; a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.files import replaced
from offline.people import Person, prepared, render
from offline.people.light import LIGHTINGS
from offline.people.performance import EXPRESSIONS_OF_PEOPLE, VISEMES
from offline.pool import in_processes
from runtime.contract.axes import Array, Camera, quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import (
    EXPRESSIONS,
    GAZE_PITCH,
    GAZE_YAW,
    INDEX,
    DriveState,
    coefficients,
    gaze_coefficients,
)
from runtime.tracking.mesh import FaceMesh

SIZE = 384
PICTURES = 30
AROUND = 8
"""Directions that light comes from: the detector does not mind a little grain."""
FOCAL = (0.9, 2.2)
"""Focal lengths over the picture's width."""
FACE = (0.35, 0.65)
"""Height of the face over the picture's."""
FACE_HEIGHT = 1.75
"""dm."""
YAW, PITCH, ROLL = np.radians([42.0, 22.0, 14.0])
QUALITY = (35, 95)
"""Of JPEG: webcams compress."""
HARD = ("tongueOut", "tongueOut", "cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthClose")
"""Axes that play more often, since landmarks hardly show them."""


@dataclass(frozen=True)
class Examples:
    """N pictures of one person in which the detector found a face."""

    jpeg: NDArray[np.uint8]
    """The pictures' files, one after another."""
    ends: NDArray[np.int64]
    """[N], where each ends."""
    landmarks: Array
    """[N, 478, 3], as `FaceMesh.detect` gives them of a square picture."""
    expression: Array
    """[N, 52], true."""
    rotation: Array
    """[N, 4], true."""
    focal: Array
    """[N], focal length over the picture's width."""
    identity: Array
    """[K], true."""

    def pictures(self) -> list[NDArray[np.uint8]]:
        """The pictures [H, W, 3]."""
        files = np.split(self.jpeg, self.ends[:-1])
        return [np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), np.uint8) for file in files]

    def save(self, path: Path) -> None:
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Examples:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})


def faces(seed: int, count: int) -> list[DriveState]:
    """`count` faces that a person with this seed makes: at rest, one axis alone, expressions, speech, mixtures."""
    rng = np.random.default_rng([seed, 0x7AC])
    alone = [name for name in EXPRESSIONS if not name.startswith("eyeLook")]
    deck = [str(name) for name in rng.permutation(alone)]
    return [_face(i, deck, rng) for i in range(count)]


def _face(turn: int, deck: list[str], rng: np.random.Generator) -> DriveState:
    expression = np.zeros(len(EXPRESSIONS), np.float32)

    def add(values: Mapping[str, float], strength: float) -> None:
        expression[:] += coefficients(values) * strength

    kind = rng.uniform()
    if kind < 0.4:
        hard = rng.uniform() < 0.45
        name = HARD[int(rng.integers(len(HARD)))] if hard else deck[turn % len(deck)]
        opened = {"mouthClose": 1.0, "tongueOut": rng.uniform(0.0, 0.6)}.get(name, 0.0)
        add({"jawOpen": opened} | {name: 1.0}, rng.uniform(0.4 if hard else 0.3, 1.0))
        if hard and rng.uniform() < 0.4:
            add(EXPRESSIONS_OF_PEOPLE[int(rng.integers(len(EXPRESSIONS_OF_PEOPLE)))], rng.uniform(0.2, 0.6))
    elif kind < 0.65:
        add(EXPRESSIONS_OF_PEOPLE[int(rng.integers(len(EXPRESSIONS_OF_PEOPLE)))], rng.uniform(0.4, 1.1))
    elif kind < 0.78:
        add(VISEMES[int(rng.integers(len(VISEMES)))], rng.uniform(0.4, 1.3))
        add(EXPRESSIONS_OF_PEOPLE[int(rng.integers(len(EXPRESSIONS_OF_PEOPLE)))], rng.uniform(0.0, 0.5))
    elif kind < 0.92:
        names = rng.choice([n for n in EXPRESSIONS if not n.startswith("eyeLook")], int(rng.integers(2, 6)), False)
        add({str(name): float(rng.uniform(0.2, 0.9)) for name in names}, 1.0)
    _eyes(expression, rng)
    expression = expression.clip(0, 1)
    expression[INDEX["mouthClose"]] = min(expression[INDEX["mouthClose"]], expression[INDEX["jawOpen"]])
    yaw, pitch, roll = rng.normal(0, [YAW, PITCH, ROLL]) * 0.5
    angles = np.clip([yaw, pitch, roll], [-YAW, -PITCH, -ROLL], [YAW, PITCH, ROLL])
    return DriveState(expression, rotation=quaternion_from_rotation(rotation_from_angles(*angles)))


def _eyes(expression: Array, rng: np.random.Generator) -> None:
    """Adds a gaze to most faces and a blink or a wink to some."""
    if rng.uniform() < 0.7:
        yaw, pitch = rng.uniform(-GAZE_YAW, GAZE_YAW), rng.uniform(-GAZE_PITCH, GAZE_PITCH)
        for name, value in gaze_coefficients(yaw, pitch).items():
            expression[INDEX[name]] += value
    shut = rng.uniform()
    sides = ("Left", "Right") if shut < 0.1 else ("Left",) if shut < 0.14 else ("Right",) if shut < 0.18 else ()
    depth = 1.0 if rng.uniform() < 0.5 else rng.uniform(0.3, 1.0)
    for side in sides:
        expression[INDEX["eyeBlink" + side]] = max(expression[INDEX["eyeBlink" + side]], depth)
        expression[INDEX["eyeWide" + side]] *= 1 - depth


def camera_before(rng: np.random.Generator) -> Camera:
    """A camera in front of a head at rest, as far as shows the face in a usual size."""
    focal, share = rng.uniform(*FOCAL), rng.uniform(*FACE)
    distance = focal * FACE_HEIGHT / share
    free = max(0.5 / share - 0.5, 0) * FACE_HEIGHT
    target = np.array([rng.uniform(-0.5, 0.5) * free, rng.uniform(-0.6, 0.3) * free - 0.1, 0.0])
    rotation = np.diag([1.0, -1.0, -1.0])
    translation = np.array([0.0, 0.0, distance]) - rotation @ target
    intrinsics = np.array([focal, focal, 0.5, 0.5], np.float32)
    return Camera(intrinsics, np.column_stack([rotation, translation]).astype(np.float32))


def as_webcams_see(rgba: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The file (JPEG) of a picture [H, W, 4] (premultiplied, 0..1) before a blurred room: exposure, white balance,
    blur, noise and compression by chance."""
    size = rgba.shape[0]
    colours = rng.uniform(0.05, 0.95, (4, 4, 3)).astype(np.float32)
    room = cv2.resize(colours, (size, size), interpolation=cv2.INTER_CUBIC)
    picture = rgba[..., :3] + (1 - rgba[..., 3:]) * room
    gains = np.exp(rng.normal(0, 0.07, 3) + rng.normal(-0.05, 0.15))
    picture = (picture.clip(0, 1) * gains).clip(0, 1) ** np.exp(rng.normal(0, 0.18))
    if rng.uniform() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.4))
    if rng.uniform() < 0.15:
        length = int(rng.integers(2, 6))
        picture = cv2.blur(picture, (length, 1) if rng.uniform() < 0.5 else (1, length))
    picture = picture + rng.normal(0, rng.uniform(0, 0.03), picture.shape)
    bgr = (picture[..., ::-1].clip(0, 1) * 255).astype(np.uint8)
    quality = int(rng.integers(*QUALITY))
    return np.asarray(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], np.uint8)


def examples_of(person: Person, states: Sequence[DriveState], seed: int, size: int = SIZE) -> Examples | None:
    """What the detector makes of a person with these faces; None where it finds none at all."""
    model, rng = prepared(person), np.random.default_rng([seed, 0x7AD])
    lights = list(LIGHTINGS.values())
    rows: list[tuple[NDArray[np.float32], Array, Array, np.float32]] = []
    files: list[NDArray[np.uint8]] = []
    with FaceMesh() as mesh:
        for state in states:
            camera = camera_before(rng)
            drawn = render(model, state, camera, size, lights[int(rng.integers(len(lights)))], AROUND)
            file = as_webcams_see(np.dstack([drawn.color, drawn.alpha]), rng)
            rgb = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), np.uint8)
            mesh.reset()
            # Looked at twice, since the live detector mostly follows a face that it has found before.
            found = mesh.detect(rgb, 0.0)
            found = found if found is None else mesh.detect(rgb, 0.0)
            if found is not None:
                files.append(file)
                rows.append((found, state.expression, state.rotation, camera.intrinsics[0]))
    if not rows:
        return None
    landmarks, expression, rotation, focal = (np.stack(column) for column in zip(*rows, strict=True))
    ends = np.cumsum([len(file) for file in files])
    return Examples(np.concatenate(files), ends, landmarks, expression, rotation, focal, model.identity)


def path_of(folder: Path, seed: int) -> Path:
    """The file of the person with this seed."""
    return folder / f"person-{seed:05d}.npz"


def _write(folder: Path, pictures: int, seed: int) -> None:
    made = examples_of(Person.from_seed(seed), faces(seed, pictures), seed)
    if made:
        replaced(path_of(folder, seed), made.save)


def write_examples(folder: Path, seeds: Sequence[int], pictures: int = PICTURES, workers: int = 2) -> None:
    """Write what is missing of the people with these seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not path_of(folder, seed).exists()]
    with tqdm(total=len(seeds), initial=len(seeds) - len(missing), unit="person") as bar:
        for _ in in_processes(partial(_write, folder, pictures), missing, workers):
            bar.update()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="EXAMPLES", help="folder; goes on if there")
    parser.add_argument("--first", type=int, default=1000, help="seed of the first person (default %(default)s)")
    parser.add_argument("--people", type=int, default=200, help="how many people (default %(default)s)")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of each (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    options = parser.parse_args(arguments)
    seeds = range(options.first, options.first + options.people)
    write_examples(options.out, seeds, options.pictures, options.workers)


if __name__ == "__main__":
    main()
