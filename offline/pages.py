"""Report pages: one HTML file each, with its style, charts and pictures inside and no script.

Every function gives a piece of HTML as a string. Text is escaped here; pieces are joined and handed to `page`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from offline.page_style import STYLE

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 40
"""A chart and the margins around its plot, in SVG units."""
POINTS = 1500
"""Points that a curve is drawn with at most."""
COLOURS = 6
"""Colours that the style has for curves."""

Range = tuple[float, float]


def page(title: str, body: str) -> str:
    """A whole document around `body`, light or dark as the reader's system is."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, *parts: str) -> str:
    """A heading and what belongs to it."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str) -> str:
    """Running text."""
    return f"<p>{escape(text)}</p>"


def figures(values: Mapping[str, str]) -> str:
    """Single numbers in a row: name to value with its unit."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in values.items())
    return f'<dl class="figures">{items}</dl>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text. Cells that begin with a digit or a sign are set as numbers."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def picture(rgb: NDArray[np.uint8], caption: str = "", quality: int = 85) -> str:
    """A picture [H, W, 3] inside the page, as JPEG."""
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"a picture of shape {rgb.shape} could not be encoded")
    source = f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
    return _figure(f'<img src="{source}" alt="{escape(caption)}"/>', caption)


def video(path: str, caption: str = "") -> str:
    """A video that lies beside the page at the relative `path`."""
    return _figure(f'<video src="{escape(path)}" controls="" loop="" muted="" preload="metadata"></video>', caption)


def line_chart(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    x_label: str,
    y_label: str,
    *,
    y_range: Range | None = None,
    limits: Mapping[str, float] | None = None,
    bands: Sequence[tuple[float, float, str]] = (),
    caption: str = "",
) -> str:
    """Curves over one pair of axes.

    `series` maps a name to its x and y, each [N]; a curve breaks where y is not finite. At most six. `limits` are named
    horizontal lines, `bands` shaded ranges of x with what they mean (shown on hovering). The y-axis covers the data
    and the limits unless `y_range` says otherwise.
    """
    if len(series) > COLOURS:
        raise ValueError(f"{len(series)} curves in one chart; draw at most {COLOURS}")
    curves = {name: (np.asarray(x, float), np.asarray(y, float)) for name, (x, y) in series.items()}
    limits = limits or {}
    across = _extent(np.concatenate([x for x, _ in curves.values()] or [np.zeros(0)]), pad=0)
    up = y_range or _extent(np.concatenate([y for _, y in curves.values()] + [np.array(list(limits.values()))]))
    axes = _Axes(across, up)
    parts = [_band(axes, *each) for each in bands]
    parts += [axes.grid(x_label, y_label)]
    parts += [_limit(axes, name, value) for name, value in limits.items()]
    for number, (name, (x, y)) in enumerate(curves.items()):
        parts.append(f'<path class="curve c{number}" d="{_path(axes, x, y)}"><title>{escape(name)}</title></path>')
    keys = "".join(f'<li><i class="k{i}"></i>{escape(name)}</li>' for i, name in enumerate(curves))
    legend = f'<ul class="legend">{keys}</ul>' if len(curves) > 1 else ""
    return _figure(legend + _svg(WIDTH, HEIGHT, parts, f"{y_label} over {x_label}"), caption)


def heat_map(
    counts: NDArray[np.floating], x_edges: ArrayLike, y_edges: ArrayLike, x_label: str, y_label: str, caption: str = ""
) -> str:
    """Counts [rows, columns] as shades, row 0 at the low end of y; edges are [columns + 1] and [rows + 1].

    Shades go by the square root, so that rare cells show; empty cells stay bare.
    """
    x, y = np.asarray(x_edges, float), np.asarray(y_edges, float)
    axes = _Axes((x[0], x[-1]), (y[0], y[-1]), width=WIDTH // 2, height=WIDTH // 2 * 3 // 4)
    share = np.sqrt(counts / max(float(counts.max()), 1e-9))
    parts = [axes.grid(x_label, y_label)]
    for row, column in np.argwhere(counts > 0):
        left, right = axes.x(x[column]), axes.x(x[column + 1])
        top, bottom = axes.y(y[row + 1]), axes.y(y[row])
        parts.append(
            f'<rect class="heat" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'fill-opacity="{0.15 + 0.85 * share[row, column]:.2f}"><title>{counts[row, column]:.0f}</title></rect>'
        )
    return _figure(_svg(axes.width, axes.height, parts, f"{y_label} over {x_label}"), caption)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers in ``low..high``, in steps of 1, 2 or 5 times a power of ten; `about` so many."""
    rough = max(high - low, 1e-12) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = np.ceil(low / step - 1e-9)
    return [float(k * step) for k in range(int(first), int(np.floor(high / step + 1e-9)) + 1)]


class _Axes:
    """Data coordinates to SVG units."""

    def __init__(self, across: Range, up: Range, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.across, self.up, self.width, self.height = across, up, width, height

    def x(self, value: ArrayLike) -> NDArray[np.float64]:
        low, high = self.across
        share = (np.asarray(value, np.float64) - low) / (high - low)
        return np.asarray(LEFT + share * (self.width - LEFT - RIGHT))

    def y(self, value: ArrayLike) -> NDArray[np.float64]:
        low, high = self.up
        share = np.clip((np.asarray(value, float) - low) / (high - low), 0, 1)
        return np.asarray(self.height - BOTTOM - share * (self.height - TOP - BOTTOM))

    def grid(self, x_label: str, y_label: str) -> str:
        bottom, right = self.height - BOTTOM, self.width - RIGHT
        parts = [f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>']
        for value in ticks(*self.across, about=self.width // 90):
            at = float(self.x(value))
            parts.append(f'<line class="axis" x1="{at:.1f}" y1="{bottom}" x2="{at:.1f}" y2="{bottom + 4}"/>')
            parts.append(f'<text class="middle" x="{at:.1f}" y="{bottom + 17}">{value:g}</text>')
        for value in ticks(*self.up, about=self.height // 45):
            at = float(self.y(value))
            parts.append(f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>')
            parts.append(f'<text class="end" x="{LEFT - 6}" y="{at + 4:.1f}">{value:g}</text>')
        middle, centre = (LEFT + right) / 2, (TOP + bottom) / 2
        parts.append(f'<text class="middle label" x="{middle:.0f}" y="{self.height - 6}">{escape(x_label)}</text>')
        turn = f"rotate(-90 14 {centre:.0f})"
        parts.append(f'<text class="middle label" transform="{turn}" x="14" y="{centre:.0f}">{escape(y_label)}</text>')
        return "".join(parts)


def _path(axes: _Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """The curve as SVG path data, thinned to its extremes where it is too dense to be seen."""
    if len(x) > POINTS:
        bins = np.array_split(np.arange(len(x)), POINTS // 2)
        chosen = np.concatenate([np.unique(b[[y[b].argmin(), y[b].argmax()]]) if np.isfinite(y[b]).all() else b
                                 for b in bins])  # fmt: skip
        x, y = x[chosen], y[chosen]
    finite = np.isfinite(y) & np.isfinite(x)
    letters = np.where(np.concatenate([[False], finite[:-1]]), "L", "M")
    places = zip(letters[finite], axes.x(x[finite]), axes.y(y[finite]), strict=True)
    return "".join(f"{letter}{u:.1f} {v:.1f}" for letter, u, v in places)


def _band(axes: _Axes, start: float, end: float, meaning: str) -> str:
    left, right = np.clip([axes.x(start), axes.x(end)], LEFT, axes.width - RIGHT)
    height = axes.height - TOP - BOTTOM
    return (
        f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{max(right - left, 1):.1f}" height="{height}">'
        f"<title>{escape(meaning)}</title></rect>"
    )


def _limit(axes: _Axes, name: str, value: float) -> str:
    at, right = float(axes.y(value)), axes.width - RIGHT
    return (
        f'<line class="limit" x1="{LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
        f'<text class="end" x="{right}" y="{at - 4:.1f}">{escape(name)}</text>'
    )


def _extent(values: NDArray[np.float64], pad: float = 0.06) -> Range:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high <= low:
        return low - 0.5, high + 0.5
    more = pad * (high - low)
    return (low if low == 0 else low - more), high + more


def _svg(width: int, height: int, parts: list[str], label: str) -> str:
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(label)}">{inside}</svg>'


def _figure(content: str, caption: str) -> str:
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{content}{words}</figure>"


def _cell(text: str) -> str:
    numeric = text.lstrip("+-−±")[:1].isdigit()
    return f'<td class="number">{escape(text)}</td>' if numeric else f"<td>{escape(text)}</td>"
