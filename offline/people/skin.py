"""Paint for skin: colours and wrinkles in maps around the head's axis, made of places on the mean head."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.people.noise import noise_at, volume
from offline.people.person import Person
from offline.people.raster import FAR, draw_triangles
from offline.people.shade import MAP_AXIS, MAP_HEIGHT, MAP_HIGH, MAP_LOW, MAP_WIDTH
from offline.people.surface import surface
from runtime.contract.axes import Array
from runtime.contract.drive import INDEX

COLUMNS_PER_RADIAN = MAP_WIDTH / (2 * np.pi)
ROWS_PER_DM = MAP_HEIGHT / (MAP_HIGH - MAP_LOW)

_HAIRLINE = np.array(
    [(0.0, 1.08), (0.30, 1.06), (0.50, 1.0), (0.72, 0.86), (0.92, 0.60), (1.10, 0.32), (1.22, 0.02), (1.36, -0.02),
     (1.44, 0.38), (1.75, 0.47), (1.95, 0.30), (2.05, -0.02), (2.25, -0.34), (2.7, -0.50), (np.pi, -0.54)]
)  # fmt: skip
"""Angle around the head's axis from the front, and the height (dm) above which hair grows."""


def scalp(paint: Array, hairline: float) -> Array:
    """[N], dm inside the uneven hairline at paint places [N, 3], negative outside; `hairline` is how far back it is."""
    angle = np.abs(np.arctan2(paint[:, 0], paint[:, 2] - MAP_AXIS))
    line = np.interp(angle, *_HAIRLINE.T)
    corner = np.exp(-(((angle - 0.62) / 0.28) ** 2))
    line += hairline * (0.35 + 1.1 * corner) * np.clip(1.25 - angle, 0, 1)
    line += 0.022 * noise_at(volume(), paint * np.float32(9), 0) + 0.012 * noise_at(volume(), paint * np.float32(28), 1)
    return np.asarray(np.minimum(paint[:, 1] - line, 0.5))


def beard_density(paint: Array, kind: str) -> Array:
    """[N], 0..1, where a beard grows at paint places [N, 3]."""
    marks = surface().landmarks
    mouth, nose, chin = (marks[61] + marks[291]) / 2, marks[2], marks[152]
    x, y, z = np.abs(paint[:, 0]), paint[:, 1], paint[:, 2]
    front = np.clip((z + 0.35) / 0.2, 0, 1)
    # Its upper edge falls from the sideburns over the cheek to the moustache.
    edge = np.interp(
        x, [0.0, 0.24, 0.34, 0.50, 0.66, 0.8], [nose[1] - 0.05, nose[1] - 0.06, mouth[1] - 0.02, -0.30, 0.10, 0.2]
    )
    lower = np.interp(x, [0.0, 0.4, 0.65, 0.9], [chin[1] - 0.16, chin[1] - 0.08, -0.62, -0.45])
    full = np.clip((edge - y) / 0.10, 0, 1) * np.clip((y - lower) / 0.12, 0, 1) * front
    # Sparse beside the lower lip and beside the philtrum.
    below_lip = np.exp(-(((x - 0.16) / 0.06) ** 2) - ((y - mouth[1] + 0.17) / 0.05) ** 2)
    full = full * (1 - 0.6 * below_lip)
    upper_lip = np.clip((y - mouth[1] - 0.02) / 0.05, 0, 1) * np.clip((0.25 - x) / 0.06, 0, 1)
    goatee = np.clip((0.21 - x) / 0.08, 0, 1) * np.clip((mouth[1] - 0.08 - y) / 0.08, 0, 1)
    ring = (
        np.clip((0.33 - x) / 0.05, 0, 1) * np.clip((x - 0.17) / 0.05, 0, 1) * np.clip((mouth[1] + 0.1 - y) / 0.05, 0, 1)
    )
    shares = {
        "none": 0.0,
        "stubble": 1.0,
        "full": 1.0,
        "moustache": upper_lip,
        "goatee": np.maximum.reduce([upper_lip, goatee, ring]),
    }
    return np.asarray(full * shares[kind])


@cache
def map_places() -> Array:
    """[H, W, 3], the paint place of every texel; where the head has none, on a cylinder."""
    face = surface()
    x, y, z = face.paint.T
    column = (0.5 + np.arctan2(x, z - MAP_AXIS) / (2 * np.pi)) * MAP_WIDTH
    row = (MAP_HIGH - y) * ROWS_PER_DM
    screen = np.stack([column, row, 10 - np.hypot(x, z - MAP_AXIS)], 1).astype(np.float32)
    spans = np.ptp(column[face.triangles], axis=1) < MAP_WIDTH / 2
    outside = (face.regions["inside mouth"][face.triangles] < 0.5).all(1)
    triangles = np.ascontiguousarray(face.triangles[spans & outside])
    depth = np.full((MAP_HEIGHT, MAP_WIDTH), FAR, np.float32)
    index = np.full((MAP_HEIGHT, MAP_WIDTH), -1, np.int32)
    bary = np.zeros((MAP_HEIGHT, MAP_WIDTH, 2), np.float32)
    draw_triangles(screen, triangles, depth, index, bary, 0)
    angle = ((np.arange(MAP_WIDTH) + 0.5) / MAP_WIDTH - 0.5) * 2 * np.pi
    high = MAP_HIGH - (np.arange(MAP_HEIGHT) + 0.5) / ROWS_PER_DM
    a, h = np.meshgrid(angle, high)
    places = np.stack([0.8 * np.sin(a), h, MAP_AXIS + 0.8 * np.cos(a)], -1)
    found = index >= 0
    corners = face.paint[triangles[index[found]]]
    weights = np.concatenate([1 - bary[found].sum(1, keepdims=True), bary[found]], 1)
    places[found] = np.einsum("nk,nkc->nc", weights, corners)
    return places.astype(np.float32)


class Where(NamedTuple):
    """How much each texel [H · W, 1] has of something."""

    blood: Array
    ears: Array
    under: Array
    """Below the eyes."""
    lids: Array
    oil: Array


@cache
def _where() -> Where:
    flat, marks = map_places().reshape(-1, 3), surface().landmarks

    def spot(centre: Array, width: tuple[float, float, float]) -> Array:
        return np.asarray(np.exp(-(((flat - centre) / np.array(width, np.float32)) ** 2).sum(1)), np.float32)

    cheeks = [spot(marks[i] + np.array([0, -0.02, 0]), (0.20, 0.17, 0.4)) for i in (50, 280)]
    eyes = [spot((marks[a] + marks[b]) / 2, (0.20, 0.11, 0.3)) for a, b in ((33, 133), (263, 362))]
    ears = np.clip((np.abs(flat[:, 0]) - 0.72) / 0.08, 0, 1) * (np.abs(flat[:, 1]) < 0.6)
    blood = 0.42 * np.sum(cheeks, 0) + 0.16 * np.sum(eyes, 0) + 0.45 * ears
    blood += 0.50 * spot(marks[4], (0.14, 0.12, 0.25)) + 0.25 * spot(marks[152], (0.16, 0.10, 0.3))
    hollows = [marks[i] * 0.6 + marks[j] * 0.4 + np.array([0, -0.01, 0]) for i, j in ((145, 230), (374, 450))]
    under = np.sum([spot(place, (0.15, 0.07, 0.3)) for place in hollows], 0)
    lids = np.sum([spot(marks[i], (0.19, 0.075, 0.3)) for i in (159, 386)], 0)
    oil = 0.30 + 0.45 * spot(marks[4], (0.14, 0.3, 0.3)) + 0.2 * np.sum(cheeks, 0)
    oil += 0.35 * spot(marks[9] + np.array([0, 0.2, 0]), (0.35, 0.25, 0.4))
    blood, ears, under, lids, oil = (v[:, None].astype(np.float32) for v in (blood, ears, under, lids, oil))
    return Where(blood, ears, under, lids, oil)


def skin_map(person: Person) -> Array:
    """[H, W, 4]: linear colour and oil, 0..1."""
    places = map_places()
    flat = places.reshape(-1, 3)
    table = volume()
    rng = np.random.default_rng([person.seed, 0x5C1])
    shift = rng.uniform(0, 64, 3).astype(np.float32)

    def cloud(scale: float, channel: int) -> Array:
        return noise_at(table, flat * np.float32(scale) + shift, channel)

    base = np.array(person.skin, np.float32)
    depth = float(base.mean())
    blotches = 0.35 * cloud(4.0, 0) + 0.35 * cloud(11.0, 1) + 0.3 * cloud(26.0, 3)
    where = _where()
    blood = where.blood[:, 0] * (0.45 + 0.9 * person.ruddy) + 0.07 * blotches * (0.6 + person.ruddy)
    colour = base[None] * np.exp(
        blood[:, None] * np.array([-0.02, -0.42, -0.36], np.float32) * (0.35 + 0.9 * min(depth * 1.6, 1))
    )
    # Thin skin under the eyes is darker, and bluish; lids a little.
    colour *= np.exp(-(0.16 + 0.16 * person.wrinkled) * where.under * np.array([1.0, 1.1, 0.85], np.float32))
    colour *= np.exp(-0.13 * where.lids * np.array([1.0, 1.25, 1.1], np.float32))
    colour *= np.exp(0.022 * blotches[:, None] + 0.018 * cloud(20.0, 2)[:, None])
    # Melanin lies thicker on the forehead than on the cheeks of darker people.
    if depth < 0.25:
        colour *= np.exp(-0.12 * np.clip((flat[:, 1:2] - 0.4) / 0.4, 0, 1) - 0.10 * blotches[:, None] * 0.5)
    colour = colour.reshape(*places.shape).astype(np.float32)
    _freckle(colour, person, rng)
    paint_hair = np.array(person.hair, np.float32) * (1 - person.grey) + person.grey * 0.35
    if person.hair_style != "bald":
        grown = np.clip(scalp(flat, person.hairline) / 0.10, 0, 1) * (0.55 if person.hair_style == "shaved" else 0.85)
        grown = grown.reshape(places.shape[:2])[..., None] * (places[..., 1:2] > -0.7)
        colour += grown * (0.5 * paint_hair + 0.12 * base - colour) * (1 - where.ears.reshape(*places.shape[:2], 1))
    if person.male > 0.5 and person.age > 17:
        shadow = beard_density(flat, "full").reshape(places.shape[:2])[..., None]
        strength = (0.10 if person.beard == "none" else 0.24) * float(np.clip(1.1 - 4 * paint_hair.mean(), 0.15, 1))
        tint = 0.4 * paint_hair + base * np.array([0.50, 0.52, 0.56], np.float32)
        colour += strength * shadow * (tint - colour)
    oil = where.oil[:, 0] + 0.08 * blotches
    out = np.concatenate([np.clip(colour, 0.003, 0.95), np.clip(oil, 0, 1).reshape(*places.shape[:2], 1)], 2)
    return np.ascontiguousarray(out, dtype=np.float32)


def _freckle(colour: Array, person: Person, rng: np.random.Generator) -> None:
    """Freckles over nose and cheeks, age spots, and a few moles."""
    many = int(900 * person.freckles)
    column = rng.normal(MAP_WIDTH / 2, 62, many)
    row = rng.normal((MAP_HIGH - 0.02) * ROWS_PER_DM, 42, many)
    spots = [(column, row, rng.uniform(0.7, 1.9, many), rng.uniform(0.10, 0.42, many) * (0.5 + 0.5 * person.freckles))]
    old = int(70 * max(person.wrinkled - 0.45, 0) / 0.55)
    spots.append(
        (
            rng.normal(MAP_WIDTH / 2, 150, old),
            rng.uniform(150, 620, old),
            rng.uniform(2.0, 5.5, old),
            rng.uniform(0.08, 0.22, old),
        )
    )
    moles = int(rng.poisson(3))
    spots.append(
        (
            rng.normal(MAP_WIDTH / 2, 120, moles),
            rng.uniform(300, 800, moles),
            rng.uniform(1.3, 2.4, moles),
            rng.uniform(0.5, 0.95, moles),
        )
    )
    dark = np.zeros(colour.shape[:2], np.float32)
    for columns, rows, radii, strengths in spots:
        for x, y, r, s in zip(columns, rows, radii, strengths, strict=True):
            reach = int(np.ceil(2 * r)) + 1
            i, j = int(y), int(x)
            if not (reach <= i < MAP_HEIGHT - reach and reach <= j < MAP_WIDTH - reach):
                continue
            v, u = np.mgrid[i - reach : i + reach + 1, j - reach : j + reach + 1]
            away = np.hypot(u - x, (v - y) * rng.uniform(0.8, 1.2)) / r
            patch = dark[i - reach : i + reach + 1, j - reach : j + reach + 1]
            np.maximum(patch, s * np.clip(1.4 - away, 0, 1), out=patch)
    brown = np.array([0.85, 1.35, 1.6], np.float32)
    colour *= np.exp(-0.9 * dark[..., None] * brown)


# ---- wrinkles

_GROUPS = ("forehead", "glabella", "feet", "fold", "under", "bunny", "chin", "lips", "fine")
DEEPEST = 0.008
"""dm, of a line at weight 1."""


def _column_row(place: Array) -> tuple[float, float]:
    x, y, z = place
    return (0.5 + np.arctan2(x, z - MAP_AXIS) / (2 * np.pi)) * MAP_WIDTH, (MAP_HIGH - y) * ROWS_PER_DM


def _line(picture: Array, points: NDArray[np.float64], strength: float) -> None:
    """A line through (column, row) points, fading at both ends."""
    steps = np.linspace(0, len(points) - 1, 60)
    smooth = np.stack([np.interp(steps, np.arange(len(points)), points[:, k]) for k in range(2)], 1)
    kernel = np.ones(9) / 9
    smooth = np.stack([np.convolve(np.pad(smooth[:, k], 4, "edge"), kernel, "valid") for k in range(2)], 1)
    for i in range(len(smooth) - 1):
        fade = np.sin(np.pi * (i + 0.5) / (len(smooth) - 1)) ** 0.7 * strength
        begin, end = np.rint(smooth[i : i + 2] * 16).astype(int).tolist()
        cv2.line(picture, begin, end, [float(fade)], 1, cv2.LINE_AA, 4)


@cache
def wrinkle_maps() -> Array:
    """[9, H, W], heights in dm of the groups of lines, both sides."""
    marks = surface().landmarks
    maps = []
    for group in _GROUPS:
        picture = np.zeros((MAP_HEIGHT, MAP_WIDTH), np.float32)
        width = 2.0
        for points, strength in _lines(group, marks):
            _line(picture, np.array([_column_row(np.array(p)) for p in points]), strength)
        if group in ("forehead", "fold"):
            width = 2.8
        if group in ("lips", "fine", "feet"):
            width = 1.3
        valley = cv2.GaussianBlur(picture, (0, 0), width) * width * 2.0
        bank = cv2.GaussianBlur(picture, (0, 0), width * 2.6) * width * 2.6
        maps.append((bank * 0.75 - valley) * DEEPEST)
    return np.stack(maps).astype(np.float32)


def _lines(group: str, marks: Array) -> list[tuple[list[tuple[float, float, float]], float]]:
    """The lines of a group on the mean head, each with its strength."""
    rng = np.random.default_rng([0x11E5, _GROUPS.index(group)])
    found: list[tuple[list[tuple[float, float, float]], float]] = []

    def both(points: list[tuple[float, float, float]], strength: float) -> None:
        for side in (-1, 1):
            jitter = rng.normal(0, 0.008, (len(points), 3))
            found.append(
                (
                    [(side * abs(x) + a, y + b, z + c) for (x, y, z), (a, b, c) in zip(points, jitter, strict=True)],
                    strength,
                )
            )

    def mark(i: int, x: float = 0, y: float = 0, z: float = 0) -> tuple[float, float, float]:
        return float(abs(marks[i][0]) + x), float(marks[i][1] + y), float(marks[i][2] + z)

    if group == "forehead":
        brow, top = marks[105][1] + 0.12, 0.98
        for k, y in enumerate(np.linspace(brow + 0.04, top, 5)):
            xs = np.linspace(-0.48, 0.48, 13) * rng.uniform(0.8, 1.0)
            points = [
                (
                    x,
                    y + 0.03 * np.cos(x * 7 + k) * (abs(x) > 0.08) - 0.10 * x * x + rng.normal(0, 0.006),
                    0.45 - 0.55 * x * x,
                )
                for x in xs
            ]
            found.append((points, float(rng.uniform(0.7, 1.0))))
    elif group == "glabella":
        both([(0.055, 0.26, 0.5), (0.06, 0.36, 0.5), (0.085, 0.50, 0.5)], 1.0)
        both([(0.11, 0.33, 0.5), (0.125, 0.45, 0.5)], 0.5)
    elif group == "feet":
        x, y, z = mark(263)
        for k, angle in enumerate(np.radians([32, 14, -4, -24])):
            length = 0.17 - 0.02 * abs(k - 1)
            start, end = 0.05, 0.05 + length
            both(
                [
                    (x + r * np.cos(angle), y + r * np.sin(angle) - 0.25 * r * r, z - 0.8 * r)
                    for r in np.linspace(start, end, 4)
                ],
                0.8,
            )
    elif group == "fold":
        both(
            [
                mark(358, 0.015, 0.07),
                mark(358, 0.06, -0.02),
                mark(291, 0.075, 0.10),
                mark(291, 0.085, 0.0),
                mark(291, 0.06, -0.09),
            ],
            1.3,
        )
    elif group == "under":
        x, y, z = mark(374)
        both([(x - 0.17, y - 0.0, z), (x - 0.10, y - 0.075, z), (x + 0.02, y - 0.10, z), (x + 0.12, y - 0.06, z)], 0.8)
        both([(x - 0.12, y - 0.03, z), (x - 0.03, y - 0.055, z), (x + 0.09, y - 0.035, z)], 0.5)
    elif group == "bunny":
        both([(0.03, 0.16, 0.55), (0.07, 0.20, 0.5), (0.11, 0.19, 0.45)], 0.8)
        both([(0.03, 0.10, 0.57), (0.08, 0.13, 0.5), (0.13, 0.11, 0.45)], 0.8)
    elif group == "chin":
        both([mark(291, 0.03, -0.03), mark(291, 0.05, -0.14), mark(291, 0.04, -0.26)], 0.9)
        found.append(([(x, marks[17][1] - 0.10 - 0.25 * x * x, 0.5) for x in np.linspace(-0.2, 0.2, 7)], 0.9))
    elif group == "lips":
        for x in np.linspace(0.02, 0.2, 7):
            both([(x, marks[0][1] + 0.015, 0.5), (x * 1.12, marks[0][1] + 0.09, 0.5)], 0.6)
            both([(x, marks[17][1] + 0.0, 0.5), (x * 1.1, marks[17][1] - 0.06, 0.5)], 0.5)
    else:
        for _ in range(90):
            x, y = rng.uniform(0.3, 0.62), rng.uniform(-0.7, 0.1)
            turn = rng.normal(1.9, 0.5)
            reach = rng.uniform(0.04, 0.10)
            z = 0.45 - 0.9 * (x - 0.15)
            points = [(x + s * np.cos(turn) * reach, y + s * np.sin(turn) * reach, z) for s in (-1, 0, 1)]
            both(points, float(rng.uniform(0.2, 0.6)))
        for y in (-1.02, -1.12, -1.25):
            found.append(([(x, y + 0.15 * x * x, 0.1 - 0.4 * x * x) for x in np.linspace(-0.4, 0.4, 9)], 0.8))
    return found


def wrinkle_weights(expression: NDArray[np.floating], wrinkled: float) -> Array:
    """[9, 2], how deep each group is on the right and on the left side; `wrinkled` 0..1 is what stays at rest."""

    def value(name: str, side: str) -> float:
        return float(expression[INDEX[name + side]])

    rows = []
    for side in ("Right", "Left"):
        smile, sneer, squint = value("mouthSmile", side), value("noseSneer", side), value("eyeSquint", side)
        cheek, upper, down = value("cheekSquint", side), value("mouthUpperUp", side), value("browDown", side)
        inner, outer = float(expression[INDEX["browInnerUp"]]), value("browOuterUp", side)
        frown, shrug = value("mouthFrown", side), float(expression[INDEX["mouthShrugLower"]])
        pucker, blink = float(expression[INDEX["mouthPucker"]]), value("eyeBlink", side)
        rows.append(
            [
                1.05 * inner + 0.85 * outer,
                1.0 * down + 0.4 * sneer,
                0.55 * smile + 0.7 * cheek + 0.55 * squint + 0.15 * blink,
                0.75 * smile + 0.7 * sneer + 0.5 * upper + 0.4 * value("mouthDimple", side) + 0.4 * cheek,
                0.45 * smile + 0.5 * cheek + 0.5 * squint,
                1.0 * sneer,
                0.7 * frown + 0.7 * shrug + 0.3 * value("mouthStretch", side),
                0.9 * pucker + 0.3 * float(expression[INDEX["mouthRollLower"]]),
                0.0,
            ]
        )
    moving = np.array(rows).T * (0.45 + 0.75 * wrinkled)
    still = np.array([0.75, 0.6, 0.65, 0.9, 0.75, 0.15, 0.55, 0.55, 0.35])[:, None] * wrinkled**1.3
    still[3] += 0.12
    return (still + moving).astype(np.float32)
