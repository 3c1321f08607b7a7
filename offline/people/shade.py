"""What every sample of the picture looks like: one compiled loop over the rasterised samples.

Reflected light is split in three, so that light can spread under the skin in between: what falls in (`light`), what
share of it the surface gives back (`albedo`), and what is mirrored (`gloss`). The lobes of gloss are GGX (Walter et al.
2007) with Schlick's Fresnel term.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from offline.people.noise import noise
from runtime.contract.axes import Array


class Material(IntEnum):
    """Of a triangle."""

    SKIN = 0
    EYE = 1
    TOOTH = 2
    GUM = 3
    CLOTH = 4
    FRAME = 5


MAP_WIDTH, MAP_HEIGHT = 1024, 1024
"""The skin's maps: the angle around the head's axis and the height, see `map_place`."""
MAP_LOW, MAP_HIGH = -2.2, 1.8
MAP_AXIS = -0.45
"""Heights (dm) of the lowest and the highest row, and the axis' z, in the mean head's space."""

(
    IRIS_R, IRIS_G, IRIS_B, RING, PUPIL, INNER, SCLERA_RED, IRIS_ANGLE, TOOTH_R, TOOTH_G, TOOTH_B,
    CLOTH_R, CLOTH_G, CLOTH_B, TRIM_R, TRIM_G, TRIM_B, WEAVE, PATTERN, FRAME_R, FRAME_G, FRAME_B,
    OIL, PORES, LIP_R, LIP_G, LIP_B,
) = range(27)  # fmt: skip
PARAMETERS = 27
"""What of a person the loop reads."""


@njit(cache=True, fastmath=True, inline="always")
def map_place(x: float, y: float, z: float) -> tuple[float, float]:
    """Column and row of the skin's maps at a place of the mean head."""
    column = (0.5 + math.atan2(x, z - MAP_AXIS) / (2 * math.pi)) * MAP_WIDTH - 0.5
    row = (MAP_HIGH - y) / (MAP_HIGH - MAP_LOW) * MAP_HEIGHT - 0.5
    return min(max(column, 0.0), MAP_WIDTH - 1.001), min(max(row, 0.0), MAP_HEIGHT - 1.001)


@njit(cache=True, fastmath=True, inline="always")
def smoothstep(low: float, high: float, x: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@njit(cache=True, fastmath=True, inline="always")
def lobe(nl: float, nv: float, nh: float, vh: float, rough: float, f0: float) -> float:
    """GGX times the cosine to the light."""
    a2 = rough**4
    d = a2 / (math.pi * (nh * nh * (a2 - 1) + 1) ** 2)
    k = rough * rough / 2
    g = 1 / ((nl * (1 - k) + k) * (nv * (1 - k) + k) * 4)
    f = f0 + (1 - f0) * (1 - vh) ** 5
    return d * g * f * nl


@njit(cache=True, fastmath=True, inline="always")
def sky(env: Array, x: float, y: float, z: float, k: int) -> float:
    """Blurred radiance of the surroundings from a direction: below, level, above, and two soft windows."""
    base = env[1, k] + (env[2, k] - env[1, k]) * y if y > 0 else env[1, k] - (env[0, k] - env[1, k]) * y
    return base


@njit(cache=True, fastmath=True)
def shade(
    index: NDArray[np.int32],
    bary: Array,
    triangles: NDArray[np.int32],
    material: NDArray[np.uint8],
    paint: Array,
    place: Array,
    normal: Array,
    ambient: Array,
    pose: Array,
    eye: Array,
    axes: Array,
    lights: Array,
    shadow: Array,
    shadow_matrix: Array,
    env: Array,
    skin_map: Array,
    wrinkles: Array,
    person: Array,
    table: Array,
    footprint: float,
    light: Array,
    albedo: Array,
    gloss: Array,
    scatter: Array,
) -> None:
    """Fill `light`, `albedo`, `gloss` [H, W, 3] and `scatter` [H, W] (share of `light` that spreads under the skin).

    index, bary
        From `draw_triangles`; index is -1 where there is nothing.
    paint [V, 6]
        Where a vertex is painted, and three numbers that its material knows.
    place, normal, ambient [V, 3]
        World space; light from all around that reaches the vertex.
    pose [3, 3], eye [3]
        The head's rotation; the camera's place.
    axes [2, 3]
        Where the right and the left eye look, world space.
    lights [L, 7]
        Direction towards each, colour, its angular radius. The first throws the shadow.
    shadow [S, S], shadow_matrix [3, 4]
        The first light's depths, and world to its (column, row, depth).
    env [3, 3]
        Radiance from below, around and above.
    skin_map [H, W, 4], wrinkles [H, W]
        Colour and oil; height in dm.
    """
    height, width = index.shape
    size = shadow.shape[0]
    for i in range(height):
        for j in range(width):
            t = index[i, j]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wb, wc = bary[i, j, 0], bary[i, j, 1]
            wa = 1 - wb - wc
            kind = material[t]
            px = wa * paint[a, 0] + wb * paint[b, 0] + wc * paint[c, 0]
            py = wa * paint[a, 1] + wb * paint[b, 1] + wc * paint[c, 1]
            pz = wa * paint[a, 2] + wb * paint[b, 2] + wc * paint[c, 2]
            m0 = wa * paint[a, 3] + wb * paint[b, 3] + wc * paint[c, 3]
            m1 = wa * paint[a, 4] + wb * paint[b, 4] + wc * paint[c, 4]
            m2 = wa * paint[a, 5] + wb * paint[b, 5] + wc * paint[c, 5]
            x = wa * place[a, 0] + wb * place[b, 0] + wc * place[c, 0]
            y = wa * place[a, 1] + wb * place[b, 1] + wc * place[c, 1]
            z = wa * place[a, 2] + wb * place[b, 2] + wc * place[c, 2]
            nx = wa * normal[a, 0] + wb * normal[b, 0] + wc * normal[c, 0]
            ny = wa * normal[a, 1] + wb * normal[b, 1] + wc * normal[c, 1]
            nz = wa * normal[a, 2] + wb * normal[b, 2] + wc * normal[c, 2]
            around0 = wa * ambient[a, 0] + wb * ambient[b, 0] + wc * ambient[c, 0]
            around1 = wa * ambient[a, 1] + wb * ambient[b, 1] + wc * ambient[c, 1]
            around2 = wa * ambient[a, 2] + wb * ambient[b, 2] + wc * ambient[c, 2]
            vx, vy, vz = eye[0] - x, eye[1] - y, eye[2] - z
            norm = 1 / math.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx * norm, vy * norm, vz * norm
            norm = 1 / max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-6)
            nx, ny, nz = nx * norm, ny * norm, nz * norm

            # Shadow of the first light, softer where it comes from further away.
            column = shadow_matrix[0, 0] * x + shadow_matrix[0, 1] * y + shadow_matrix[0, 2] * z + shadow_matrix[0, 3]
            row = shadow_matrix[1, 0] * x + shadow_matrix[1, 1] * y + shadow_matrix[1, 2] * z + shadow_matrix[1, 3]
            deep = shadow_matrix[2, 0] * x + shadow_matrix[2, 1] * y + shadow_matrix[2, 2] * z + shadow_matrix[2, 3]
            lit = 0.0
            for u in range(-2, 3):
                for v in range(-2, 3):
                    r = min(max(int(row + 1.5 * u), 0), size - 1)
                    q = min(max(int(column + 1.5 * v), 0), size - 1)
                    lit += min(max(1 - (deep - shadow[r, q] - 0.03) / 0.04, 0.0), 1.0)
            lit /= 25
            # Nothing throws a shadow where the map ends.
            rim = min(min(row, size - row), min(column, size - column))
            lit += (1 - lit) * (1 - smoothstep(0.0, 24.0, rim))

            dx, dy, dz = nx, ny, nz
            rough1, rough2, mix, f0 = 0.5, 0.33, 0.25, 0.028
            red, green, blue = 0.5, 0.5, 0.5
            wrap = 0.0
            soft = 0.0
            shine = 1.0
            if kind == 0:
                column, row = map_place(px, py, pz)
                q, r = int(column), int(row)
                fu, fv = column - q, row - r
                w00, w01, w10, w11 = (1 - fu) * (1 - fv), fu * (1 - fv), (1 - fu) * fv, fu * fv
                red = (
                    w00 * skin_map[r, q, 0]
                    + w01 * skin_map[r, q + 1, 0]
                    + w10 * skin_map[r + 1, q, 0]
                    + w11 * skin_map[r + 1, q + 1, 0]
                )
                green = (
                    w00 * skin_map[r, q, 1]
                    + w01 * skin_map[r, q + 1, 1]
                    + w10 * skin_map[r + 1, q, 1]
                    + w11 * skin_map[r + 1, q + 1, 1]
                )
                blue = (
                    w00 * skin_map[r, q, 2]
                    + w01 * skin_map[r, q + 1, 2]
                    + w10 * skin_map[r + 1, q, 2]
                    + w11 * skin_map[r + 1, q + 1, 2]
                )
                oil = (
                    w00 * skin_map[r, q, 3]
                    + w01 * skin_map[r, q + 1, 3]
                    + w10 * skin_map[r + 1, q, 3]
                    + w11 * skin_map[r + 1, q + 1, 3]
                )
                lip = smoothstep(0.25, 0.75, m0)
                inside = smoothstep(0.3, 0.8, m1)
                # Mottling and pores; finer than a sample they would only flicker.
                mottle = 0.5 * noise(table, px * 14, py * 14, pz * 14, 0) + 0.5 * noise(
                    table, px * 37, py * 37, pz * 37, 1
                )
                fine = noise(table, px * 110, py * 110, pz * 110, 2)
                keep = 1 - smoothstep(0.006, 0.02, footprint)
                tone = 1 + 0.035 * mottle + 0.02 * fine * keep
                red, green, blue = red * tone, green * tone * (1 - 0.02 * mottle), blue * tone * (1 - 0.02 * mottle)
                bump = person[PORES] * keep * (1 - 0.6 * lip)
                gx = bump * (
                    noise(table, px * 95, py * 95, pz * 95, 0) + 0.6 * noise(table, px * 45, py * 45, pz * 45, 2)
                )
                gy = bump * (
                    noise(table, px * 95, py * 95, pz * 95, 1) + 0.6 * noise(table, px * 45, py * 45, pz * 45, 3)
                )
                gz = bump * noise(table, px * 95, py * 95, pz * 95, 3)
                wx = pose[0, 0] * gx + pose[0, 1] * gy + pose[0, 2] * gz
                wy = pose[1, 0] * gx + pose[1, 1] * gy + pose[1, 2] * gz
                wz = pose[2, 0] * gx + pose[2, 1] * gy + pose[2, 2] * gz
                flat = wx * nx + wy * ny + wz * nz
                fx, fy, fz = wx - flat * nx, wy - flat * ny, wz - flat * nz
                # Wrinkles: the height's slope around the axis and upwards.
                du = (wrinkles[r, q + 1] - wrinkles[r, q]) * (1 - fv) + (
                    wrinkles[r + 1, q + 1] - wrinkles[r + 1, q]
                ) * fv
                dv = (wrinkles[r + 1, q] - wrinkles[r, q]) * (1 - fu) + (
                    wrinkles[r + 1, q + 1] - wrinkles[r, q + 1]
                ) * fu
                ax, az = px, pz - MAP_AXIS
                radius2 = max(ax * ax + az * az, 0.05)
                slope = du * MAP_WIDTH / (2 * math.pi) / radius2
                gx, gy, gz = slope * az, -dv * MAP_HEIGHT / (MAP_HIGH - MAP_LOW), -slope * ax
                if lip > 0:
                    # Fine lines run down the lips.
                    line = noise(table, px * 55, py * 12, 7.0, 0)
                    gx += 0.16 * lip * line * keep
                    oil = oil * (1 - lip) + lip * 1.0
                    red += lip * (person[LIP_R] * tone - red)
                    green += lip * (person[LIP_G] * tone - green)
                    blue += lip * (person[LIP_B] * tone - blue)
                wx = pose[0, 0] * gx + pose[0, 1] * gy + pose[0, 2] * gz
                wy = pose[1, 0] * gx + pose[1, 1] * gy + pose[1, 2] * gz
                wz = pose[2, 0] * gx + pose[2, 1] * gy + pose[2, 2] * gz
                flat = wx * nx + wy * ny + wz * nz
                nx, ny, nz = nx - (wx - flat * nx), ny - (wy - flat * ny), nz - (wz - flat * nz)
                norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz)
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                # Pores show in what is mirrored; under the skin their shading is scattered away.
                dx, dy, dz = nx - 0.15 * fx, ny - 0.15 * fy, nz - 0.15 * fz
                nx, ny, nz = nx - fx, ny - fy, nz - fz
                norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz)
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                red = red * (1 - inside) + inside * 0.40
                green = green * (1 - inside) + inside * 0.10
                blue = blue * (1 - inside) + inside * 0.10
                soft = 1.0
                wrap = 0.12
                rough1, rough2 = 0.56 - 0.12 * lip, 0.36 - 0.08 * lip
                mix = 0.35 * oil * person[OIL]
                shine = (
                    (0.35 + 0.65 * oil) * person[OIL] * (1 + 0.4 * lip) * (1 - 0.7 * inside) * (1 + 0.25 * fine * keep)
                )
            elif kind == 1:
                # `paint` is the direction from the eyeball's centre, the pupil at +z.
                norm = 1 / math.sqrt(px * px + py * py + pz * pz)
                lx, ly, lz = px * norm, py * norm, pz * norm
                angle = math.acos(min(max(lz, -1.0), 1.0))
                rim = person[IRIS_ANGLE]
                rho = angle / rim
                phi = math.atan2(ly, lx)
                red_part = person[SCLERA_RED] * smoothstep(1.2, 3.2, rho)
                vein = noise(table, lx * 14 + 40 * m0, ly * 22, lz * 14, 0)
                vein2 = noise(table, lx * 30, ly * 44 + 20 * m0, lz * 30, 1)
                veins = max(1 - abs(vein) * 5, 0.0) * 0.6 + max(1 - abs(vein2) * 4, 0.0) * 0.3
                veins *= red_part
                wr = 0.70 - 0.10 * red_part - 0.10 * veins
                wg = 0.625 - 0.17 * red_part - 0.34 * veins
                wbl = 0.59 - 0.17 * red_part - 0.34 * veins
                edge = smoothstep(1.06, 0.93, rho)
                if edge > 0:
                    ring = rho
                    fibre = noise(table, math.cos(phi) * 9 + 30 * m0, math.sin(phi) * 9, rho * 1.3, 0)
                    fibre2 = noise(table, math.cos(phi) * 22, math.sin(phi) * 22 + 30 * m0, rho * 2.2, 1)
                    collar = smoothstep(0.62, 0.42, ring + 0.03 * fibre)
                    bright = 1 + 0.28 * fibre + 0.22 * fibre2
                    ir = (person[IRIS_R] * (1 - collar * 0.6) + collar * 0.6 * person[INNER] * 0.26) * bright
                    ig = (person[IRIS_G] * (1 - collar * 0.6) + collar * 0.6 * person[INNER] * 0.14) * bright
                    ib = (person[IRIS_B] * (1 - collar * 0.6) + collar * 0.6 * person[INNER] * 0.055) * bright
                    dark = 1 - person[RING] * smoothstep(0.74, 1.0, ring)
                    hole = smoothstep(person[PUPIL] - 0.035, person[PUPIL] + 0.035, ring)
                    dark *= 0.02 + 0.98 * hole
                    wr += edge * (max(ir * dark, 0.004) - wr)
                    wg += edge * (max(ig * dark, 0.004) - wg)
                    wbl += edge * (max(ib * dark, 0.004) - wbl)
                red, green, blue = wr, wg, wbl
                # The cornea bulges: its normals turn faster away from the axis.
                which = 1 if m0 > 0.5 else 0
                dome = 0.55 * smoothstep(1.25, 0.85, rho)
                along = nx * axes[which, 0] + ny * axes[which, 1] + nz * axes[which, 2]
                nx += dome * (nx - along * axes[which, 0])
                ny += dome * (ny - along * axes[which, 1])
                nz += dome * (nz - along * axes[which, 2])
                norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz)
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                rough1, rough2, mix, f0 = 0.18, 0.09, 0.85, 0.03
                wrap = 0.25
                soft = 0.0
            elif kind == 2:
                grade = smoothstep(0.0, 1.0, m1)
                red = person[TOOTH_R] * (0.92 + 0.08 * m0)
                green = person[TOOTH_G] * (0.90 + 0.10 * m0) * (0.90 + 0.10 * grade)
                blue = person[TOOTH_B] * (0.88 + 0.12 * m0) * (0.80 + 0.20 * grade)
                rough1, rough2, mix, f0 = 0.35, 0.18, 0.5, 0.045
                wrap = 0.3
                soft = 0.4
                # Light that comes through the lips and from the other teeth, least to those at the back.
                glow = 0.34 * smoothstep(0.0, 0.30, m2)
                around0, around1, around2 = (
                    around0 + glow * env[1, 0],
                    around1 + glow * env[1, 1],
                    around2 + glow * env[1, 2],
                )
            elif kind == 3:
                wet = noise(table, px * 40, py * 40, pz * 40, 0)
                red, green, blue = 0.46 + 0.03 * wet, 0.15 + 0.015 * wet, 0.14 + 0.015 * wet
                if m0 > 0.5:
                    grain = noise(table, px * 80, py * 80, pz * 80, 1)
                    red, green, blue = 0.47 + 0.03 * grain, 0.19 + 0.025 * grain, 0.175 + 0.025 * grain
                    nx += 0.10 * grain
                    ny += 0.10 * noise(table, px * 80, py * 80, pz * 80, 2)
                rough1, rough2, mix, f0 = 0.42, 0.25, 0.5, 0.035
                soft = 0.8
            elif kind == 4:
                red = person[CLOTH_R] * (1 - m0) + m0 * person[TRIM_R]
                green = person[CLOTH_G] * (1 - m0) + m0 * person[TRIM_G]
                blue = person[CLOTH_B] * (1 - m0) + m0 * person[TRIM_B]
                keep = 1 - smoothstep(0.006, 0.02, footprint)
                thread = math.sin(px * 420) * math.sin(py * 420) * keep
                knit = math.sin(m1 * 180) * keep
                grain = noise(table, px * 60, py * 60, pz * 60, 0)
                tone = 1 + 0.05 * grain + person[WEAVE] * (0.12 * thread) + (1 - person[WEAVE]) * 0.10 * knit
                if person[PATTERN] > 0.5:
                    stripe = smoothstep(-0.1, 0.1, math.sin(py * 30.0))
                    tone *= 1 - 0.45 * stripe * (person[PATTERN] - 0.5) * 2
                fold = noise(table, px * 3.2, py * 1.6, pz * 3.2, 1)
                nx += 0.10 * noise(table, px * 3.2, py * 1.6, pz * 3.2, 2) + 0.05 * grain
                ny += 0.06 * fold
                norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz)
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                red, green, blue = red * tone, green * tone, blue * tone
                rough1, rough2, mix, f0 = 0.85, 0.7, 0.3, 0.02
                wrap = 0.15
            else:
                red, green, blue = person[FRAME_R], person[FRAME_G], person[FRAME_B]
                rough1, rough2, mix, f0 = 0.35, 0.16, 0.6, 0.05

            if kind != 0:
                dx, dy, dz = nx, ny, nz
            nv = max(nx * vx + ny * vy + nz * vz, 0.02)
            in0, in1, in2 = around0, around1, around2
            s0, s1, s2 = 0.0, 0.0, 0.0
            hidden = min((in0 + in1 + in2) / (env[1, 0] + env[1, 1] + env[1, 2] + 1e-3), 1.0)
            if kind == 1:
                # Lids are too thin for the maps of what is around; their shade on the eye is not.
                shade_ = 0.62 + 0.38 * smoothstep(0.15, 0.8, hidden)
                in0, in1, in2, lit = in0 * shade_, in1 * shade_, in2 * shade_, lit * (0.5 + 0.5 * shade_)
            for n in range(lights.shape[0]):
                lx, ly, lz = lights[n, 0], lights[n, 1], lights[n, 2]
                # Without a shadow map of their own the others are kept out of hollows by what is known of them.
                share = lit if n == 0 else smoothstep(0.05, 0.6, hidden)
                nl = nx * lx + ny * ly + nz * lz
                fall = max((dx * lx + dy * ly + dz * lz + wrap) / (1 + wrap), 0.0) * share
                in0 += fall * lights[n, 3]
                in1 += fall * lights[n, 4]
                in2 += fall * lights[n, 5]
                if nl > 0:
                    hx, hy, hz = lx + vx, ly + vy, lz + vz
                    norm = 1 / math.sqrt(hx * hx + hy * hy + hz * hz)
                    hx, hy, hz = hx * norm, hy * norm, hz * norm
                    nh = min(max(nx * hx + ny * hy + nz * hz, 0.0), 1.0)
                    vh = min(max(vx * hx + vy * hy + vz * hz, 0.0), 1.0)
                    wide = lights[n, 6]
                    both = (1 - mix) * lobe(nl, nv, nh, vh, min(rough1 + wide, 1.0), f0)
                    both += mix * lobe(nl, nv, nh, vh, min(rough2 + wide, 1.0), f0)
                    if n > 0:
                        # In a crease a light from the side would glint.
                        both *= smoothstep(0.35, 0.95, hidden)
                    both *= share * shine * math.pi
                    s0 += both * lights[n, 3]
                    s1 += both * lights[n, 4]
                    s2 += both * lights[n, 5]
            # What is mirrored of the surroundings.
            fresnel = f0 + (1 - f0) * (1 - nv) ** 5 * (1 - rough1) * (0.5 if kind == 0 else 1.0)
            rx, ry, rz = 2 * nv * nx - vx, 2 * nv * ny - vy, 2 * nv * nz - vz
            if kind == 1:
                # A window that every eye mirrors.
                window = smoothstep(0.955, 0.985, -0.40 * rx + 0.42 * ry + 0.815 * rz)
                s0, s1, s2 = s0 + 0.16 * window * hidden, s1 + 0.165 * window * hidden, s2 + 0.17 * window * hidden
            for k in range(3):
                mirrored = fresnel * sky(env, rx, ry, rz, k) * hidden * shine
                gloss[i, j, k] = mirrored + (s0 if k == 0 else s1 if k == 1 else s2)
            light[i, j, 0] = in0
            light[i, j, 1] = in1
            light[i, j, 2] = in2
            albedo[i, j, 0] = max(red, 0.0)
            albedo[i, j, 1] = max(green, 0.0)
            albedo[i, j, 2] = max(blue, 0.0)
            scatter[i, j] = soft
