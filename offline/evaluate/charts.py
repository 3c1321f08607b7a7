"""Line charts as inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

HEIGHT = 220
LEFT, RIGHT, TOP, BOTTOM = 60, 12, 10, 44
Values = Sequence[float] | NDArray[np.floating]
Place = Callable[[float, float], tuple[float, float]]


def line_chart(
    x: Values, lines: Mapping[str, Values], x_label: str, y_label: str, log: bool = False, width: int = 520
) -> str:
    """A chart of named lines over `x` [N], with ticks and labelled axes; what is not finite leaves a gap.

    `log` makes the vertical axis logarithmic, where values up to 0 leave gaps too. `width` is in units of a font of
    12.5. Without a value it says so.
    """
    across = np.asarray(x, np.float64)
    down = {name: np.asarray(values, np.float64) for name, values in lines.items()}
    if log:
        down = {name: np.log10(np.where(v > 0, v, np.nan)) for name, v in down.items()}
    known = np.concatenate([v[np.isfinite(v)] for v in down.values()] or [np.zeros(0)])
    if not len(known):
        return '<p class="absent">Nothing to draw.</p>'
    x_ticks, y_ticks = ticks(across.min(), across.max()), (log_ticks if log else ticks)(known.min(), known.max())
    x_low, x_high = across.min(), max(across.max(), across.min() + 1e-9)
    y_low, y_high = min(known.min(), y_ticks[0]), max(known.max(), y_ticks[-1], known.min() + 1e-9)

    def place(a: float, b: float) -> tuple[float, float]:
        u = (a - x_low) / (x_high - x_low) * (width - LEFT - RIGHT) + LEFT
        return u, HEIGHT - BOTTOM - (b - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = [_grid(place, x_ticks, y_ticks, y_low, width - RIGHT, log)]
    for number, values in enumerate(down.values()):
        parts.append(_line([place(a, b) for a, b in zip(across, values, strict=True)], number))
    parts.append(_text(LEFT + (width - LEFT - RIGHT) / 2, HEIGHT - 6, x_label, "middle"))
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    parts.append(_text(14, middle, y_label, "middle", f' transform="rotate(-90 14 {middle:.0f})"'))
    label = escape(f"{y_label} over {x_label}: {', '.join(lines)}", quote=True)
    start = f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{label}">'
    return f"{_legend(list(lines))}{start}{''.join(parts)}</svg>"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that lie within low..high, or around it where it is a point.

    Roughly `about` of them, two at least.
    """
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-9):
        spread = max(abs(low) * 0.1, 1e-3)
        low, high = low - spread, high + spread
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in (1, 2, 5, 10) if power * s >= 0.7 * rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last <= first:
        first, last = math.floor(low / step), math.ceil(high / step)
    return [k * step for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Logarithms of 1, 2 and 5 times the powers of ten within 10^low..10^high; of powers alone over a wide range."""
    numbers = (1,) if high - low > 3 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    found = [math.log10(n) + power for power in powers for n in numbers if low <= math.log10(n) + power <= high]
    return found if len(found) > 1 else [float(math.floor(low)), float(max(math.ceil(high), math.floor(low) + 1))]


def _grid(place: Place, x_ticks: list[float], y_ticks: list[float], low: float, right: int, log: bool) -> str:
    """Horizontal lines at `y_ticks` as far as `right`, marks at `x_ticks` below the value `low`, and their numbers."""
    parts = []
    for value in y_ticks:
        x1, x2, y = LEFT, right, place(x_ticks[0], value)[1]
        parts.append(f'<line class="grid" x1="{x1}" x2="{x2}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(x1 - 6, y + 4, _number(10**value if log else value), "end"))
    for value in x_ticks:
        x, y = place(value, low)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + 4:.1f}"/>')
        parts.append(_text(x, y + 17, _number(value), "middle"))
    return "".join(parts)


def _line(points: list[tuple[float, float]], number: int) -> str:
    """A path with gaps; a value alone between gaps is a dot."""
    path, dots = "", ""
    drawn = [math.isfinite(v) for _, v in points]
    for i, (u, v) in enumerate(points):
        if not drawn[i]:
            continue
        before, after = i > 0 and drawn[i - 1], i + 1 < len(points) and drawn[i + 1]
        path += f"{'L' if before else 'M'}{u:.1f} {v:.1f}"
        dots += "" if before or after else f'<circle class="dot{number}" cx="{u:.1f}" cy="{v:.1f}" r="2"/>'
    return f'<path class="line line{number}" d="{path}"/>{dots}'


def _legend(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    entries = (f'<span><i class="key{i}"></i>{escape(name)}</span>' for i, name in enumerate(names))
    return f'<p class="legend">{"".join(entries)}</p>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.2e}"
