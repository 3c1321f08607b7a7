"""The 52 named axes as an animator would draw them: displacements of a few vertices, spread smoothly over the face.

Each table is for the subject's right side and gives ``{vertex: (outwards, up, forwards)}`` in cm at coefficient 1;
the left side is its mirror image. What each axis does follows the descriptions of Apple's
``ARFaceAnchor.BlendShapeLocation``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from offline.head_model.topology import EYEBALL_RADIUS, Floats, Smoother, mirrored
from runtime.contract.axes import rotation_from_angles
from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW
from runtime.contract.head_model import EYE_CORNERS, IRIS, LOWER_LID, OVAL, UPPER_LID, VERTICES

Handles = dict[int, tuple[float, float, float]]

CORNER = (61, 78, 62, 76)
UPPER_OUTER, UPPER_INNER = (185, 40, 39, 37, 0), (191, 80, 81, 82, 13)
LOWER_OUTER, LOWER_INNER = (146, 91, 181, 84, 17), (95, 88, 178, 87, 14)
UPPER, LOWER = UPPER_OUTER + UPPER_INNER, LOWER_OUTER + LOWER_INNER
CHIN = (152, 148, 176, 175, 199, 200, 171, 208, 201)
JAW = (149, 150, 136, 172)
BROW_INNER, BROW_MIDDLE, BROW_OUTER = (107, 55, 66, 65), (105, 52), (63, 53, 70, 46)
NOSE_FIXED = (168, 6, 197, 195, 5, 4, 1, 94, 2, 98, 64)
CREASE = (247, 30, 29, 27, 28, 56, 190)
POUCH = (110, 24, 23, 22, 26, 112)
JAW_ANGLE = 0.36
"""Radians that the jaw turns about its hinge when it is wide open."""
JAW_HINGE = np.array([0.0, 0.05, -0.15])
"""dm, in front of the ears."""


def _at(vertices: Iterable[int], out: float, up: float, forward: float) -> Handles:
    return {v: (out, up, forward) for v in vertices}


EYES_STILL = _at((*UPPER_LID["right"], *LOWER_LID["right"], 33, 133), 0, 0, 0)
LIPS_STILL = _at((*UPPER, *LOWER, *CORNER), 0, 0, 0)
NOSE_STILL = _at(NOSE_FIXED, 0, 0, 0)
UPPER_STILL = _at(UPPER, 0, 0, 0)
LOWER_STILL = _at(LOWER, 0, 0, 0)

SIDED: dict[str, Handles] = {
    "eyeSquint": _at(LOWER_LID["right"], 0, 0.22, 0) | _at(POUCH, 0, 0.2, 0.1) | _at(UPPER_LID["right"], 0, -0.06, 0)
    | _at((33, 133), 0, 0, 0),
    "eyeWide": _at(UPPER_LID["right"], 0, 0.24, 0) | _at(CREASE, 0, 0.18, 0) | _at(LOWER_LID["right"], 0, -0.06, 0)
    | _at((33, 133), 0, 0, 0),
    "mouthSmile": _at(CORNER, 0.95, 0.8, -0.35) | _at((185, 191), 0.7, 0.5, -0.2) | _at((40, 80), 0.45, 0.25, -0.1)
    | _at((146, 95), 0.7, 0.5, -0.2) | _at((91, 88), 0.45, 0.3, -0.1) | _at((205, 50, 36), 0.2, 0.4, 0.25)
    | _at((0, 13, 14, 17), 0, 0.05, 0) | NOSE_STILL,
    "mouthFrown": _at(CORNER, 0.15, -0.7, -0.1) | _at((185, 191, 146, 95), 0.1, -0.45, 0)
    | _at((0, 13, 14, 17), 0, 0, 0)
    | NOSE_STILL,
    "mouthDimple": _at(CORNER, 0.5, 0.05, -0.45) | _at((0, 13, 14, 17), 0, 0, 0) | NOSE_STILL,
    "mouthStretch": _at(CORNER, 0.85, -0.35, -0.25) | _at((146, 91, 95, 88), 0.5, -0.3, 0) | _at((0, 13), 0, 0, 0)
    | _at((14, 17), 0, -0.1, 0) | NOSE_STILL,
    "mouthPress": _at((40, 39, 37, 80, 81, 82), 0, -0.14, -0.1) | _at((91, 181, 84, 88, 178, 87), 0, 0.16, -0.1)
    | _at(CORNER, 0.1, 0, -0.15) | NOSE_STILL,
    "mouthLowerDown": _at((91, 181, 88, 178), 0.1, -0.9, 0) | _at((84, 87), 0.05, -0.85, 0) | _at((14, 17), 0, -0.5, 0)
    | _at((146, 95), 0.1, -0.4, 0) | UPPER_STILL | _at(CHIN, 0, -0.05, 0),
    "mouthUpperUp": _at((40, 39, 80, 81), 0.1, 0.7, 0) | _at((37, 82), 0.05, 0.65, 0) | _at((0, 13), 0, 0.4, 0)
    | _at((185, 191), 0.1, 0.3, 0) | _at((98, 64), 0.05, 0.15, 0) | LOWER_STILL,
    "browDown": _at(BROW_INNER, -0.25, -0.55, 0.05) | _at(BROW_MIDDLE, -0.15, -0.5, 0.05)
    | _at(BROW_OUTER, -0.05, -0.3, 0)
    | EYES_STILL | _at((10, 168), 0, -0.05, 0),
    "browOuterUp": _at(BROW_OUTER, 0, 1.0, 0) | _at(BROW_MIDDLE, 0, 0.9, 0) | _at(BROW_INNER, 0, 0.15, 0) | EYES_STILL,
    "cheekSquint": _at((50, 205, 36, 101), 0.05, 0.4, 0.15) | _at((117, 118, 119), 0, 0.3, 0.1) | _at(POUCH, 0, 0.12, 0)
    | LIPS_STILL,
    "noseSneer": _at((129, 64, 98, 48), 0.1, 0.35, 0) | _at((39, 37), 0, 0.15, 0) | _at((126, 198, 217), 0, 0.3, 0.1)
    | _at(BROW_INNER, -0.08, -0.15, 0) | LOWER_STILL,
}  # fmt: skip

WHOLE: dict[str, Handles] = {
    "jawForward": _at(LOWER, 0, 0.05, 0.5) | _at(CHIN, 0, 0, 0.7) | _at(JAW, 0, 0, 0.4) | UPPER_STILL,
    "mouthFunnel": _at(UPPER, -0.15, 0.4, 0.65) | _at(LOWER, -0.15, -0.45, 0.65) | _at(CORNER, -0.7, 0, 0.5)
    | _at((185, 191, 146, 95), -0.6, 0, 0.5) | _at((0, 13), 0, 0.45, 0.6) | _at((14, 17), 0, -0.5, 0.6),
    "mouthPucker": _at(CORNER, -1.1, 0, 0.6) | _at((185, 191, 146, 95), -0.9, 0, 0.65)
    | _at((40, 80, 91, 88), -0.65, 0, 0.7)
    | _at((39, 81, 181, 178), -0.4, 0, 0.75) | _at((37, 82, 84, 87), -0.2, 0, 0.75) | _at((0, 13, 14, 17), 0, 0, 0.75),
    "mouthRollLower": _at(LOWER_OUTER, 0, 0.35, -0.3) | _at(LOWER_INNER, 0, 0.12, -0.4) | UPPER_STILL
    | _at(CORNER, 0, 0, 0),
    "mouthRollUpper": _at(UPPER_OUTER, 0, -0.35, -0.3) | _at(UPPER_INNER, 0, -0.12, -0.4) | LOWER_STILL
    | _at(CORNER, 0, 0, 0),
    "mouthShrugLower": _at(LOWER, 0, 0.6, 0.25) | _at((200, 199, 175), 0, 0.5, 0.1) | _at(UPPER, 0, 0.15, 0.05)
    | _at((152,), 0, 0.1, 0),
    "mouthShrugUpper": _at(UPPER, 0, 0.5, 0.25) | _at((2, 94), 0, 0.08, 0) | LOWER_STILL,
    "browInnerUp": _at(BROW_INNER, 0, 0.85, 0) | _at(BROW_MIDDLE, 0, 0.4, 0) | _at(BROW_OUTER, 0, 0.05, 0) | EYES_STILL
    | _at((168,), 0, 0.1, 0),
    "cheekPuff": _at((205, 207, 187, 147, 213, 192), 0.7, 0, 0.7) | _at((50, 123, 116), 0.25, 0.05, 0.2)
    | _at(CORNER, -0.1, 0, 0.15) | _at((0, 13, 14, 17), 0, 0, 0.15) | NOSE_STILL,
    "tongueOut": _at(LOWER_INNER, 0, -0.5, 0.15) | _at(LOWER_OUTER, 0, -0.4, 0.2) | _at(UPPER_INNER, 0, 0.15, 0)
    | _at(CORNER, 0, 0, 0) | _at((200,), 0, -0.2, 0),
}  # fmt: skip

SIDEWAYS: dict[str, Handles] = {
    "jaw": _at(LOWER, 0.65, 0, 0) | _at(CHIN, 0.9, 0, 0) | _at(JAW, 0.5, 0, 0) | _at(CORNER, 0.3, 0, 0) | UPPER_STILL,
    "mouth": _at((*UPPER, *LOWER, *CORNER), 1.2, 0, 0) | _at((200,), 0.4, 0, 0) | NOSE_STILL,
}
"""Shifts of both halves to the subject's right."""


class Author:
    """Draws every axis on one mean face."""

    def __init__(self, mean: NDArray[np.floating], smoother: Smoother, permutation: NDArray[np.intp]) -> None:
        self._mean = np.asarray(mean, np.float64)
        self._smoother = smoother
        self._mirror = permutation

    def axes(self) -> Floats:
        """[52, 478, 3], dm at coefficient 1, in the order of `EXPRESSIONS`."""
        named: dict[str, Floats] = {}
        for name, handles in SIDED.items():
            named |= self._pair(name, self._spread(handles))
        for name, handles in WHOLE.items():
            named[name] = self._both(handles)
        for name, handles in SIDEWAYS.items():
            shift = self._shift(handles)
            named |= {f"{name}Right": shift, f"{name}Left": mirrored(shift, self._mirror)}
        named["jawOpen"] = self._jaw_open()
        named["mouthClose"] = self._mouth_close(named["jawOpen"])
        named |= self._pair("eyeBlink", self._blink())
        for direction in ("Down", "In", "Out", "Up"):
            named |= self._pair(f"eyeLook{direction}", self._look(direction))
        return np.stack([named[name] for name in EXPRESSIONS])

    def _pair(self, name: str, right: Floats) -> dict[str, Floats]:
        return {f"{name}Right": right, f"{name}Left": mirrored(right, self._mirror)}

    def _spread(self, handles: Handles) -> Floats:
        """A displacement of the right side; the left one rests unless the midline pulls it."""
        points = {v: np.array([-out, up, forward]) / 10 for v, (out, up, forward) in handles.items()}
        for v in handles:
            points.setdefault(int(self._mirror[v]), np.zeros(3))
        return self._smoother.spread(points)

    def _both(self, handles: Handles) -> Floats:
        points = {v: np.array([-out, up, forward]) / 10 for v, (out, up, forward) in handles.items()}
        points |= {int(self._mirror[v]): p * [-1, 1, 1] for v, p in points.items()}
        return self._smoother.spread(points)

    def _shift(self, handles: Handles) -> Floats:
        points = {v: np.array([-out, up, forward]) / 10 for v, (out, up, forward) in handles.items()}
        points |= {int(self._mirror[v]): p for v, p in points.items()}
        return self._smoother.spread(points)

    def _jaw_open(self) -> Floats:
        """The chin and lower lip turn about the hinge; cheeks and corners follow in part, the upper face rests."""
        rotation = rotation_from_angles(0, JAW_ANGLE, 0).astype(np.float64)
        turned = (self._mean - JAW_HINGE) @ rotation.T + JAW_HINGE - self._mean
        share = dict.fromkeys((*LOWER, *CHIN), 1.0) | dict(zip(JAW, (0.95, 0.85, 0.65, 0.45), strict=True))
        share |= dict.fromkeys(LOWER_OUTER[:1] + LOWER_INNER[:1], 0.7)
        share |= dict.fromkeys(CORNER, 0.4) | {58: 0.25, 132: 0.12, 93: 0.04, 207: 0.35, 187: 0.2, 205: 0.08}
        share |= dict.fromkeys((*UPPER, *NOSE_FIXED, *EYES_STILL, 10, 234, 127, 50), 0.0)
        handles = {v: s * turned[v] for v, s in share.items()}
        handles |= {int(self._mirror[v]): h * [-1, 1, 1] for v, h in handles.items()}
        for v in (*CORNER, *(int(self._mirror[v]) for v in CORNER)):
            handles[v][0] -= 0.035 * np.sign(self._mean[v, 0])
        return self._smoother.spread(handles)

    def _mouth_close(self, jaw_open: Floats) -> Floats:
        """Lips meet while the jaw is open: the lower lip takes back most of the jaw's way, the upper the rest."""
        lower = {v: -0.8 * jaw_open[v] for v in (*LOWER, *(int(self._mirror[v]) for v in LOWER))}
        upper = {v: np.array([0, -0.05, 0]) for v in (*UPPER, *(int(self._mirror[v]) for v in UPPER))}
        still = {v: np.zeros(3) for v in OVAL} | {v: np.zeros(3) for v in (2, 94, 199, 175)}
        return self._smoother.spread(lower | upper | still)

    def _blink(self) -> Floats:
        """The upper lid comes down to meet the lower one, which rises a little."""
        handles = {v: np.zeros(3) for v in EYE_CORNERS["right"]}
        for upper, lower in zip(UPPER_LID["right"], LOWER_LID["right"], strict=True):
            gap = self._mean[lower] - self._mean[upper]
            handles |= {upper: 0.85 * gap, lower: -0.1 * gap}
        for crease, upper in zip(CREASE, UPPER_LID["right"], strict=True):
            handles[crease] = 0.45 * handles[upper]
        handles |= {v: np.zeros(3) for v in (*POUCH, *BROW_INNER, *BROW_MIDDLE, *BROW_OUTER)}
        return self._smoother.spread(handles)

    def _look(self, direction: str) -> Floats:
        """The iris turns about the eyeball's centre; looking down and up takes the lids along."""
        yaw = {"In": GAZE_YAW, "Out": -GAZE_YAW}.get(direction, 0.0)
        pitch = {"Down": GAZE_PITCH, "Up": -GAZE_PITCH}.get(direction, 0.0)
        iris = list(IRIS["right"])
        centre = self._mean[iris[0]] - [0, 0, EYEBALL_RADIUS]
        rotation = rotation_from_angles(yaw, pitch, 0).astype(np.float64)
        field = np.zeros((VERTICES, 3))
        if pitch:
            lid = -0.25 if pitch > 0 else 0.12
            lids = _at(UPPER_LID["right"], 0, lid, 0) | _at(CREASE, 0, lid / 2, 0) | _at(POUCH, 0, lid / 10, 0)
            field = self._spread(lids | _at(EYE_CORNERS["right"], 0, 0, 0) | _at(BROW_MIDDLE, 0, 0, 0))
        field[iris] = (self._mean[iris] - centre) @ rotation.T + centre - self._mean[iris]
        return field
