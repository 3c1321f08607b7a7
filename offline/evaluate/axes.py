"""Whether an avatar of a synthetic subject does what each coefficient makes the subject do.

Subject and avatar are shown the same states from the same sides; MediaPipe reads both. Each face's displacement is from
its own neutral face, so that a landmark which sits elsewhere on the avatar does not count as a movement, and landmarks
are means over copies (`still_landmarks`): a single reading is off by as much as a small axis moves a face.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from offline.evaluate.avatars import ShownAvatar
from offline.evaluate.combinations import COMBINATIONS, Coefficients
from offline.evaluate.pictures import Picture, eight_bit
from offline.files import write_png
from offline.landmarks import still_landmarks
from offline.people import DEMOS, Model, Person, prepared, render
from offline.pool import in_processes
from runtime.contract.axes import Array, portrait_camera
from runtime.contract.drive import EXPRESSIONS, DriveState, coefficients
from runtime.contract.head_model import IRIS, LOWER_LID, LOWER_LIP_INNER, UPPER_LID, UPPER_LIP_INNER
from runtime.errors import BadInput
from runtime.media.pixels import Pixels
from runtime.naming import unknown
from runtime.tracking.mesh import FaceMesh

SIZE = 512
"""Pixels; all lengths are in pixels of pictures of this size."""
VIEWS = {"front": 0.0, "left": 25.0, "right": -25.0}
"""Yaw of the camera, degrees; left sees more of the subject's left side."""
STRENGTHS = (0.5, 1.0)
MOVES = 3.0
"""An axis counts where it moves some landmark of the subject at least so far, px."""
UPON = {"mouthClose": "jawOpen"}
"""An axis that means something upon another alone: mouthClose brings lips together that the jaw has parted, and would
push one closed lip through the other. Its movement is from the face with that other axis at 1."""
COSINE, GAIN = 0.85, (0.75, 1.25)
"""An axis is followed from this cosine on and within these gains."""
PARTS: dict[str, tuple[int, ...]] = {
    "lids": tuple(i for side in UPPER_LID for i in (*UPPER_LID[side], *LOWER_LID[side])),
    "irises": tuple(i for side in IRIS for i in IRIS[side]),
    "inner lips": (*UPPER_LIP_INNER, *LOWER_LIP_INNER),
}
"""Landmarks that have an error of their own."""
Moved = NDArray[np.float64]
"""[478, 2], px from the neutral face; NaN where no face was found."""


@dataclass(frozen=True)
class Shot:
    """One state from one side."""

    name: str
    view: str
    values: Coefficients

    @property
    def state(self) -> DriveState:
        return DriveState(coefficients(self.values))

    @property
    def file(self) -> str:
        return f"{re.sub('[^A-Za-z0-9]+', '-', self.name).strip('-')}-{self.view}.png"


@dataclass(frozen=True)
class AxesReport:
    """Figures, and the rows of the contact sheet."""

    figures: dict[str, Any]
    sheet: list[tuple[str, Pixels]]
    """Caption, and subject | avatar | difference, [P, 3·P, 3]."""


def subject_of(avatar: ShownAvatar) -> Person:
    """The synthetic person behind an avatar. Raises BadInput where it is a real one's."""
    for demo in DEMOS.values():
        if avatar.subject == demo.name:
            return demo
    if numbered := re.fullmatch(r"Person (\d+)", avatar.subject):
        return Person.from_seed(int(numbered[1]))
    raise BadInput(
        f"--axes needs a synthetic subject, whose true face is known; '{avatar.subject or avatar.name}' is none. "
        "Give a run on a clip of `mien people`, or drive the avatar with --drive VIDEO"
    )


def shots(views: Sequence[str] = tuple(VIEWS)) -> list[Shot]:
    """All that is asked: neutral, every axis at each strength, every combination, from each of `views`.

    Raises BadInput on an unknown view.
    """
    for view in views:
        if view not in VIEWS:
            raise BadInput(unknown("view", view, VIEWS))
    asked: dict[str, Coefficients] = {"neutral": {}}
    asked |= {
        f"{axis} {strength:g}": {axis: strength} | ({UPON[axis]: 1.0} if axis in UPON else {})
        for axis in EXPRESSIONS
        for strength in STRENGTHS
    }
    asked |= COMBINATIONS
    return [Shot(name, view, values) for view in views for name, values in asked.items()]


def measure_axes(
    avatar: ShownAvatar, folder: Path, asked: Sequence[Shot] | None = None, workers: int = 2
) -> AxesReport:
    """Show and compare `asked` (all `shots` by default). The subject's pictures are kept in ``folder/subject`` and used
    again; a stopped measurement goes on. Raises BadInput where the avatar is no synthetic subject's."""
    subject, asked = subject_of(avatar), list(asked or shots())
    truth = render_subject(subject, asked, folder / "subject", workers)
    faces: dict[tuple[str, str], tuple[Array | None, Array | None]] = {}
    sheet = []
    with FaceMesh() as mesh:
        for shot in tqdm(asked, desc="axes", unit="picture"):
            theirs = _read(truth / shot.file)
            camera = portrait_camera(math.radians(VIEWS[shot.view]))
            ours = _resized(avatar.show(shot.state, camera))
            faces[shot.name, shot.view] = still_landmarks(mesh, theirs), still_landmarks(mesh, ours)
            if shot.view == "front" and _in_sheet(shot):
                sheet.append((shot.name, _side_by_side(theirs, ours)))
    return AxesReport({"subject": subject.name, "avatar": avatar.name, "engine": avatar.engine} | compare(faces), sheet)


def compare(faces: Mapping[tuple[str, str], tuple[Array | None, Array | None]]) -> dict[str, Any]:
    """Figures of the landmarks [478, 3] (fractions of the picture) of subject and avatar by (state, view).

    `axes`: by axis and view at strength 1 `moved` (px, the landmark that the subject moves most), `cosine`, `gain`,
    `followed` (None where the subject hardly moves); `half` the same at strength 0.5. `combinations`: by name and view
    the mean error (px) over all landmarks and over each of `PARTS`. `summary` counts and means; `lost` faces.
    """
    moved = {key: tuple(_moved(faces, key, who) for who in (0, 1)) for key in faces if key[0] != "neutral"}
    views = list(dict.fromkeys(view for _, view in faces))
    axes = {
        axis: {view: _axis(moved, axis, 1.0, view) | {"half": _axis(moved, axis, 0.5, view)} for view in views}
        for axis in EXPRESSIONS
        if (f"{axis} 1", views[0]) in moved
    }
    combined = {
        name: {view: _errors(*moved[name, view]) for view in views}
        for name in COMBINATIONS
        if (name, views[0]) in moved
    }
    return {
        "axes": axes,
        "combinations": combined,
        "summary": _summary(axes, combined),
        "lost": sum(ours is None for theirs, ours in faces.values() if theirs is not None),
        "subject_lost": sum(theirs is None for theirs, _ in faces.values()),
        "pictures": len(faces),
    }


def likeness(theirs: Moved, ours: Moved) -> tuple[float | None, float | None]:
    """Cosine between two displacements, and gain: the share of the subject's that the avatar's has along it."""
    a, b = theirs.ravel(), ours.ravel()
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or not a.any():
        return None, None
    product = float(a @ b)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return (product / length if length else 0.0), product / float(a @ a)


def _axis(moved: Mapping[tuple[str, str], tuple[Moved, ...]], axis: str, strength: float, view: str) -> dict[str, Any]:
    theirs, ours = moved[f"{axis} {strength:g}", view]
    reach = float(np.linalg.norm(theirs, axis=-1).max())
    cosine, gain = likeness(theirs, ours)
    counts = math.isfinite(reach) and reach > MOVES * strength
    followed = cosine is not None and gain is not None and cosine >= COSINE and GAIN[0] <= gain <= GAIN[1]
    return {"moved": reach, "cosine": cosine, "gain": gain, "followed": followed if counts else None}


def _errors(theirs: Moved, ours: Moved) -> dict[str, float]:
    apart = np.linalg.norm(ours - theirs, axis=-1)
    return {"all": float(apart.mean())} | {name: float(apart[list(part)].mean()) for name, part in PARTS.items()}


def _summary(axes: Mapping[str, Any], combined: Mapping[str, Any]) -> dict[str, Any]:
    def counted(views: Sequence[str] | None) -> list[dict[str, Any]]:
        rows = (row for by_view in axes.values() for view, row in by_view.items() if views is None or view in views)
        return [row for row in rows if row["followed"] is not None]

    front, everywhere = counted(["front"]), counted(None)
    cosines = [row["cosine"] if row["cosine"] is not None else -1.0 for row in everywhere]
    summary: dict[str, Any] = {
        "axes_front": len(front),
        "followed_front": sum(row["followed"] for row in front),
        "axes_all_views": len(everywhere),
        "followed_all_views": sum(row["followed"] for row in everywhere),
        "lowest_cosine": min(cosines, default=None),
    }
    for part in ("all", *PARTS):
        values = [errors[part] for by_view in combined.values() for errors in by_view.values()]
        known = [value for value in values if math.isfinite(value)]
        summary[f"combinations_{part.replace(' ', '_')}_px"] = float(np.mean(known)) if known else None
    return summary


def _moved(faces: Mapping[tuple[str, str], tuple[Array | None, Array | None]], key: tuple[str, str], who: int) -> Moved:
    name, view = key
    upon = UPON.get(name.split()[0])
    face, neutral = faces[key][who], faces["neutral" if upon is None else f"{upon} 1", view][who]
    if face is None or neutral is None:
        return np.full((478, 2), np.nan)
    return np.asarray((face[:, :2].astype(np.float64) - neutral[:, :2]) * SIZE)


def render_subject(subject: Person, asked: Sequence[Shot], folder: Path, workers: int = 2) -> Path:
    """The subject's pictures as PNG files in a folder of its own, which is returned; those that are there are kept."""
    place = folder / re.sub("[^A-Za-z0-9]+", "-", subject.name)
    place.mkdir(parents=True, exist_ok=True)
    missing = [shot for shot in asked if not (place / shot.file).exists()]
    work = partial(_render_shot, subject, place)
    there = len(asked) - len(missing)
    with tqdm(total=len(asked), initial=there, desc=f"render {subject.name}", unit="picture") as bar:
        for _ in in_processes(work, missing, workers):
            bar.update()
    return place


@lru_cache(maxsize=1)
def _model(subject: Person) -> Model:
    return prepared(subject)


def _render_shot(subject: Person, place: Path, shot: Shot) -> None:
    camera = portrait_camera(math.radians(VIEWS[shot.view]))
    rgb = render(_model(subject), shot.state, camera, SIZE).over((1.0, 1.0, 1.0))
    write_png(place / shot.file, rgb[..., ::-1])


def _read(path: Path) -> Pixels:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def _resized(picture: Picture) -> Pixels:
    if picture.shape[0] != SIZE:
        how = cv2.INTER_AREA if picture.shape[0] > SIZE else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=how))
    return np.ascontiguousarray(eight_bit(picture))


def _in_sheet(shot: Shot) -> bool:
    return shot.name == "neutral" or shot.name in COMBINATIONS or shot.name.endswith(f" {STRENGTHS[-1]:g}")


def _side_by_side(theirs: Pixels, ours: Pixels, width: int = 256) -> Pixels:
    small = [cv2.resize(p, (width, width), interpolation=cv2.INTER_AREA) for p in (theirs, ours)]
    grey = np.abs(small[0].astype(np.int16) - small[1]).max(-1)
    difference = np.repeat((255 - np.clip(grey * 2, 0, 255)).astype(np.uint8)[..., None], 3, -1)
    return np.asarray(np.concatenate([*small, difference], 1), np.uint8)
