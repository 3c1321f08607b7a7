"""Rendering the studio's world as captures, person by person, in several processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from offline.joker.captures.layout import FITTED, Captures, Frame, create, finish, finished, read, write_frame
from offline.joker.captures.normals import head_normals
from offline.joker.captures.views import head_camera
from offline.joker.world.fitted import fitted_identity
from offline.joker.world.looks import EVERYDAY, FAMILIES, Look, caption, expression, person, weakened
from offline.pool import in_processes
from offline.studio.render import render
from runtime.contract.drive import DriveState
from runtime.contract.head_model import HeadModel

YAW, PITCH = np.radians([50.0, 25.0])
"""Views lie within these angles: a little more than a head is distilled in."""
AMBIGUOUS = 0.7
"""Share of pictures whose look only the caption tells."""


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    frame: Frame
    look: Look


def shots(seed: int, count: int) -> list[Shot]:
    """What is rendered of the person `seed`: the frontal neutral picture, then `count` looks from random views."""
    rng = np.random.default_rng([seed, 0xF0])
    chosen = [(EVERYDAY[0], 0.0, 0.0)]
    families = list(FAMILIES.values())
    for _ in range(count):
        looks = families[rng.integers(len(families))] if rng.uniform() < AMBIGUOUS else EVERYDAY
        look = weakened(looks[rng.integers(len(looks))], float(rng.uniform(0.85, 1.0)))
        chosen.append((look, float(rng.uniform(-YAW, YAW)), float(rng.uniform(-PITCH, PITCH))))
    made = []
    for n, (look, yaw, pitch) in enumerate(chosen):
        values = tuple(float(v) for v in expression(look))
        made.append(Shot(Frame(f"{n:03d}", caption(look, rng), values, yaw, pitch, look.name), look))
    return made


def write_world(folder: Path, people: int, looks: int, size: int, first: int = 0, workers: int = 2) -> Captures:
    """Render people `first` … into captures; who is there already is kept, so a stopped run goes on.

    `looks` is the number of pictures of each besides the frontal one. Raises Unavailable where a process dies.
    """
    create(folder, size, "studio", FITTED)
    missing = [seed for seed in range(first, first + people) if not finished(folder / f"{seed:06d}")]
    with tqdm(total=people, initial=people - len(missing), unit="person") as bar:
        compiled = len(missing) * looks >= 400 * workers
        for _ in in_processes(partial(_render_person, folder, looks, size, compiled), missing, workers):
            bar.update()
    return read(folder)


def _render_person(folder: Path, looks: int, size: int, compiled: bool, seed: int) -> None:
    identity, model, home = person(seed), HeadModel.load(), folder / f"{seed:06d}"
    own = fitted_identity(identity)
    taken = shots(seed, looks)
    for shot in taken:
        camera = head_camera(shot.frame.yaw, shot.frame.pitch)
        values = np.array(shot.frame.expression, np.float32)
        state = DriveState(expression=values)
        picture = render(identity, state, camera, size, shot.look.manner, antialias=False, compiled=compiled)
        normals = head_normals(model, own, values, camera, size)
        rgb = (normals.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
        write_frame(home, shot.frame.name, picture.rgba(), rgb)
    finish(home, [shot.frame for shot in taken])
