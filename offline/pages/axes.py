"""A chart's axes: data coordinates to SVG units, and the round numbers along them."""

from __future__ import annotations

import math
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEFT, RIGHT, TOP, BOTTOM = 66, 12, 10, 44
"""Margins around the plot, in SVG units."""

Range = tuple[float, float]


class Axes:
    """A pair of axes over the ranges `across` and `up`; with `log`, the latter is one of logarithms to base 10."""

    def __init__(self, across: Range, up: Range, width: int, height: int, log: bool = False) -> None:
        self.across, self.width, self.height, self.log = across, width, height, log
        self.marks = log_ticks(*up) if log else ticks(*up, about=height // 40)
        self.up = min(up[0], self.marks[0]), max(up[1], self.marks[-1])

    def x(self, value: ArrayLike) -> NDArray[np.float64]:
        low, high = self.across
        share = (np.asarray(value, np.float64) - low) / (high - low)
        return np.asarray(LEFT + share * (self.width - LEFT - RIGHT))

    def y(self, value: ArrayLike) -> NDArray[np.float64]:
        """Values beyond the axis come to its ends."""
        low, high = self.up
        share = np.clip((np.asarray(value, np.float64) - low) / (high - low), 0, 1)
        return np.asarray(self.height - BOTTOM - share * (self.height - TOP - BOTTOM))

    def draw(self, x_label: str, y_label: str) -> str:
        """Lines across the plot, marks below it, their numbers, and the labels."""
        bottom, right = self.height - BOTTOM, self.width - RIGHT
        parts = [f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>']
        for value in ticks(*self.across, about=self.width // 90):
            at = float(self.x(value))
            parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
            parts.append(f'<text class="middle" x="{at:.1f}" y="{bottom + 17}">{_short(value)}</text>')
        for value in self.marks:
            at = float(self.y(value))
            parts.append(f'<line class="rule" x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
            name = _short(10**value if self.log else value)
            parts.append(f'<text class="end" x="{LEFT - 6}" y="{at + 4:.1f}">{name}</text>')
        middle, centre = (LEFT + right) / 2, (TOP + bottom) / 2
        parts.append(f'<text class="middle label" x="{middle:.0f}" y="{self.height - 6}">{escape(x_label)}</text>')
        turn = f"rotate(-90 14 {centre:.0f})"
        parts.append(f'<text class="middle label" transform="{turn}" x="14" y="{centre:.0f}">{escape(y_label)}</text>')
        return "".join(parts)


def extent(values: NDArray[np.floating], pad: float = 0.0) -> Range:
    """From the least to the largest finite value [N], and `pad` of that beyond each end that is not 0.

    A little around a value that is alone. Raises ValueError where none is finite.
    """
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        around = max(abs(low) * 0.1, 1e-3)
        return low - around, high + around
    more = pad * (high - low)
    return (low - more if low else low), (high + more if high else high)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) in ``low..high``: roughly `about`, which is 4 at least."""
    rough = (high - low) / max(about, 4)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in (1, 2, 5, 10) if power * s >= 0.7 * rough)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Logarithms of 1, 2 and 5 times the powers of ten in ``10^low..10^high``; of powers alone over a wide range.

    Of the powers around it where it has fewer than two.
    """
    numbers = (1,) if high - low > 3 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    found = [math.log10(n) + power for power in powers for n in numbers if low <= math.log10(n) + power <= high]
    return found if len(found) > 1 else [float(math.floor(low)), float(max(math.ceil(high), math.floor(low) + 1))]


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−")
