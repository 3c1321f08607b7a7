"""How far the rendered face does what the driving face does, both read by Mien's own tracking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.judges import Landmarks
from runtime.contract.axes import Camera, angles_from_rotation
from runtime.contract.drive import EXPRESSIONS, gaze_of
from runtime.contract.head_model import BROW, EYE_CORNERS, HeadModel, Side, eye_opening, mouth_opening, mouth_width
from runtime.tracking.fit import Observation, Solution
from runtime.tracking.person import Person

UNITS = {
    "yaw": "°", "pitch": "°", "roll": "°", "gaze yaw": "°", "mouth opening": "mm", "mouth width": "mm",
    "eye opening": "mm", "brow height": "mm",
}  # fmt: skip
STILL = {"°": 0.5, "mm": 0.3}
"""Standard deviation under which a parameter hardly moves, so that its correlation is noise."""
FEWEST = 8
"""Frames that a correlation needs."""
GAP = 0.2
"""Seconds after which a face may be anywhere: the next fit starts afresh."""
SIDES: tuple[Side, Side] = ("left", "right")

Parameters = dict[str, NDArray[np.float64]]
"""Each of `UNITS` over the frames [N], NaN where no face was found or fitted."""


def face_parameters(
    faces: Sequence[Landmarks | None], times: NDArray[np.floating], camera: Camera, model: HeadModel,
    identity: NDArray[np.floating],
) -> Parameters:  # fmt: skip
    """What faces on square pictures do, in the clip's world (head pose) and in head space (openings).

    `times` [N] in s; a face is fitted afresh after more than `GAP`. `identity` [K] stays.
    """
    person = Person(model)
    person.face.set_identity(np.asarray(identity, np.float64))
    rows: list[list[float]] = []
    for number, landmarks in enumerate(faces):
        elapsed = float(times[number] - times[number - 1]) if number else 0.0
        if not 0 < elapsed <= GAP:
            person.forget_frame()
            elapsed = 0.0
        rows.append(_read(person, landmarks, elapsed, camera))
    return dict(zip(UNITS, np.array(rows, np.float64).reshape(-1, len(UNITS)).T, strict=True))


def compare(driving: Parameters, made: Parameters) -> dict[str, dict[str, Any]]:
    """For each parameter, over the frames in which both faces were read: `correlation` (None where the driving face
    hardly moves or too few frames have it), mean absolute `difference`, `unit`, `frames`."""
    return {name: _compare(driving[name], made[name], unit) for name, unit in UNITS.items()}


def _compare(driving: NDArray[np.float64], made: NDArray[np.float64], unit: str) -> dict[str, Any]:
    both = np.isfinite(driving) & np.isfinite(made)
    a, b = driving[both], made[both]
    moves = len(a) >= FEWEST and a.std() > STILL[unit] and b.std() > 1e-6
    return {
        "correlation": float(np.corrcoef(a, b)[0, 1]) if moves else None,
        "difference": float(np.abs(a - b).mean()) if len(a) else None,
        "unit": unit,
        "frames": len(a),
    }


def _read(person: Person, landmarks: Landmarks | None, elapsed: float, camera: Camera) -> list[float]:
    nothing = [float("nan")] * len(UNITS)
    if landmarks is None:
        person.forget_frame()
        return nothing
    fx, _, cx, cy = (float(v) for v in camera.intrinsics)
    observation = Observation.of(landmarks - np.array([cx - 0.5, cy - 0.5, 0]), 1, 1, fx)
    solution = person.follow(observation, elapsed)
    return nothing if solution is None else _parameters(person, observation, solution, camera)


def _parameters(person: Person, observation: Observation, solution: Solution, camera: Camera) -> list[float]:
    upright = np.diag([1.0, -1.0, -1.0]) @ camera.extrinsics[:, :3]  # world to camera-centred axes, y up
    angles = np.degrees(angles_from_rotation(upright.T @ solution.rotation))
    seen = person.face.in_head_space(observation, solution)
    gaze = np.degrees(gaze_of(solution.coefficients[: len(EXPRESSIONS)].astype(np.float32))[0])
    eyes = np.mean([eye_opening(seen, side) for side in SIDES])
    brows = np.mean([seen[list(BROW[s]), 1].mean() - seen[list(EYE_CORNERS[s]), 1].mean() for s in SIDES])
    lengths = [float(v) * 100 for v in (mouth_opening(seen), mouth_width(seen), eyes, brows)]
    return [*(float(a) for a in angles), float(gaze), *lengths]
