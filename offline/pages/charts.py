"""Charts as inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offline.pages.axes import BOTTOM, LEFT, RIGHT, TOP, Axes, Range, extent
from offline.pages.html import Html, figure, paragraph

WIDTH, WIDE, HEIGHT = 520, 1040, 220
"""Sizes of a chart in SVG units, which are CSS pixels where the screen has room."""
PAD = 0.06
"""Room above and below curves, as a share of what they span."""
POINTS = 1500
"""Points that a curve is drawn with at most, its gaps aside."""
COLOURS = 8
"""Colours that the style has for curves."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def line_chart(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    x_label: str,
    y_label: str,
    *,
    log: bool = False,
    y_range: Range | None = None,
    limits: Mapping[str, float] | None = None,
    bands: Sequence[tuple[float, float, str]] = (),
    wide: bool = False,
    caption: str = "",
) -> Html:
    """Curves over one pair of axes, or a sentence where there is nothing to draw.

    `series` maps a name to its x and y, each [N], at most `COLOURS` of them; a curve breaks where x or y is not finite,
    and a point alone between breaks is a dot. `log` makes the vertical axis logarithmic, where values up to 0 are
    breaks too. `limits` are named horizontal lines, `bands` shaded ranges of x with what they mean (shown on hovering).
    The vertical axis covers the data and the limits unless `y_range` (of logarithms with `log`) says otherwise. A
    `wide` chart fills the page; it is there a second time for narrow screens. Raises ValueError for too many
    curves.
    """
    if len(series) > COLOURS:
        raise ValueError(f"{len(series)} curves in one chart; draw at most {COLOURS}")
    curves = {name: _curve(x, y, log) for name, (x, y) in series.items()}
    limits = {name: float(_logarithm(value)) if log else value for name, value in (limits or {}).items()}
    across, up = (np.concatenate([curve[i] for curve in curves.values()] or [np.zeros(0)]) for i in (0, 1))
    if not np.isfinite(up).any():
        return paragraph("Nothing to draw.", kind="quiet")
    span = extent(np.append(up, list(limits.values())), PAD) if y_range is None else y_range
    label = f"{y_label} over {x_label}: {', '.join(curves)}"

    def drawn(width: int, screen: Literal["any", "broad", "narrow"]) -> str:
        axes = Axes(extent(across), span, width, HEIGHT, log)
        parts = [_band(axes, *each) for each in bands]
        parts += [axes.draw(x_label, y_label)]
        parts += [_limit(axes, name, value) for name, value in limits.items()]
        parts += [_line(axes, curve, name, number) for number, (name, curve) in enumerate(curves.items())]
        return _svg(axes, parts, label, screen)

    sizes = drawn(WIDE, "broad") + drawn(WIDTH, "narrow") if wide else drawn(WIDTH, "any")
    return figure(Html(_legend(list(curves)) + sizes), caption)


def heat_map(
    counts: NDArray[np.floating], x_edges: ArrayLike, y_edges: ArrayLike, x_label: str, y_label: str, caption: str = ""
) -> Html:
    """Counts [rows, columns] as shades, row 0 at the low end of y; edges are [columns + 1] and [rows + 1].

    Shades go by the square root, so that rare cells show; empty cells stay bare.
    """
    x, y = np.asarray(x_edges, np.float64), np.asarray(y_edges, np.float64)
    axes = Axes((x[0], x[-1]), (y[0], y[-1]), WIDTH, WIDTH * 3 // 4)
    share = np.sqrt(counts / max(float(counts.max()), 1e-9))
    parts = [axes.draw(x_label, y_label)]
    for row, column in np.argwhere(counts > 0):
        left, right = axes.x(x[column]), axes.x(x[column + 1])
        top, bottom = axes.y(y[row + 1]), axes.y(y[row])
        parts.append(
            f'<rect class="heat" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'fill-opacity="{0.15 + 0.85 * share[row, column]:.2f}"><title>{counts[row, column]:.0f}</title></rect>'
        )
    return figure(Html(_svg(axes, parts, f"{y_label} over {x_label}")), caption)


def _curve(x: ArrayLike, y: ArrayLike, log: bool) -> Curve:
    """x and y [N], y NaN at a break."""
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    up = _logarithm(up) if log else up
    return across, np.where(np.isfinite(across) & np.isfinite(up), up, np.nan)


def _logarithm(values: ArrayLike) -> NDArray[np.float64]:
    """To base 10; NaN for what has none."""
    known = np.asarray(values, np.float64)
    return np.log10(np.where(known > 0, known, np.nan))


def _line(axes: Axes, curve: Curve, name: str, number: int) -> str:
    """The curve as a path, and dots for what no line comes to."""
    x, y = _thinned(*curve)
    known = np.concatenate([[False], np.isfinite(y), [False]])
    before, known, after = known[:-2], known[1:-1], known[2:]
    places = np.stack([axes.x(x), axes.y(y)], -1)
    letters = np.where(before, "L", "M")[known]
    path = "".join(f"{letter}{u:.1f} {v:.1f}" for letter, (u, v) in zip(letters, places[known], strict=True))
    alone = places[known & ~before & ~after]
    dots = "".join(f'<circle class="dot c{number}" cx="{u:.1f}" cy="{v:.1f}" r="2"/>' for u, v in alone)
    return f'<path class="curve c{number}" d="{path}"><title>{escape(name)}</title></path>{dots}'


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Curve:
    """The curve's extremes alone where it is too dense for more to be seen."""
    if len(x) <= POINTS:
        return x, y
    kept = []
    for bin_ in np.array_split(np.arange(len(x)), POINTS // 2):
        part = y[bin_]
        kept.append(np.unique(bin_[[part.argmin(), part.argmax()]]) if np.isfinite(part).all() else bin_)
    chosen = np.concatenate(kept)
    return x[chosen], y[chosen]


def _band(axes: Axes, start: float, end: float, meaning: str) -> str:
    left, right = np.clip([axes.x(start), axes.x(end)], LEFT, axes.width - RIGHT)
    height = axes.height - TOP - BOTTOM
    return (
        f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{max(right - left, 2):.1f}" height="{height}">'
        f"<title>{escape(meaning)}</title></rect>"
    )


def _limit(axes: Axes, name: str, value: float) -> str:
    at, right = float(axes.y(value)), axes.width - RIGHT
    return (
        f'<line class="limit" x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>'
        f'<text class="end" x="{right}" y="{at - 4:.1f}">{escape(name)}</text>'
    )


def _legend(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    keys = "".join(f'<li><i class="c{i}"></i>{escape(name)}</li>' for i, name in enumerate(names))
    return f'<ul class="legend">{keys}</ul>'


def _svg(axes: Axes, parts: list[str], label: str, screen: Literal["any", "broad", "narrow"] = "any") -> str:
    """The chart, for the screens that have room for it."""
    width, height = axes.width, axes.height
    return (
        f'<svg class="{screen}" viewBox="0 0 {width} {height}" style="max-width: {width}px" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
