"""Charts by hand."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from offline.pages.axes import BOTTOM, LEFT, RIGHT, TOP, extent, log_ticks, ticks
from offline.pages.charts import COLOURS, HEIGHT, POINTS, WIDE, WIDTH, heat_map, line_chart


def curve(chart: str) -> str:
    found = re.search(r'class="curve c0" d="([^"]*)"', chart)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (26.1, 31.9, [27, 28, 29, 30, 31]),
        (-31, -21, [-30, -28, -26, -24, -22]),
        (0.0481, 0.0796, [0.05, 0.055, 0.06, 0.065, 0.07, 0.075]),
        (800, 999, [800, 850, 900, 950]),
    ],
)
def test_ticks_are_round_numbers_within_the_range(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 5.0, -3e-7, 1e6])
def test_a_single_value_has_ticks_around_it(value: float) -> None:
    found = ticks(*extent(np.array([value])))
    assert 2 <= len(found) <= 10 and found[0] < value + 1e-3 and found[-1] > value - 1e-3
    assert len({f"{tick:g}" for tick in found}) == len(found)  # as they are written


def test_there_is_room_beyond_the_ends_but_not_beyond_zero() -> None:
    assert extent(np.array([-10, np.nan, 90]), 0.1) == pytest.approx((-20, 100))
    assert extent(np.array([0, 10.0]), 0.1) == pytest.approx((0, 11))


def test_logarithmic_ticks_are_powers_and_their_halves_and_fifths() -> None:
    assert (10 ** np.array(log_ticks(np.log10(0.004), np.log10(0.3)))).round(6).tolist() == [
        0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
    ]  # fmt: skip
    assert log_ticks(0.1, 0.2) == [0.0, 1.0]


def test_a_curve_runs_from_corner_to_corner() -> None:
    path = curve(line_chart({"a": ([0, 1], [0, 2])}, "s", "px", y_range=(0, 2)))
    assert path == f"M{LEFT}.0 {HEIGHT - BOTTOM}.0L{WIDTH - RIGHT}.0 {TOP}.0"


def test_a_wide_chart_is_there_for_broad_and_for_narrow_screens() -> None:
    chart = line_chart({"a": ([0, 1], [0, 2]), "b": ([0, 1], [0, 1])}, "s", "px", y_range=(0, 2), wide=True)
    sizes = re.findall(r'<svg class="(\w+)" viewBox="0 0 (\d+) ', chart)
    assert sizes == [("broad", str(WIDE)), ("narrow", str(WIDTH))] and chart.count('class="legend"') == 1
    assert f"L{WIDE - RIGHT}.0 {TOP}.0" in chart and f"L{WIDTH - RIGHT}.0 {TOP}.0" in chart


def test_a_logarithmic_axis_has_powers_at_even_distances() -> None:
    chart = line_chart({"a": ([0, 1, 2, 3], [0.01, 1, 100, 0])}, "s", "loss", log=True, y_range=(-2, 2))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    heights = re.findall(r"[ML][\d.]+ ([\d.]+)", curve(chart))
    assert heights == [f"{HEIGHT - BOTTOM}.0", f"{middle:.1f}", f"{TOP}.0"]  # what has no logarithm is left out
    assert all(f">{number}</text>" in chart for number in ("0.01", "0.1", "1", "10", "100"))


def test_a_curve_breaks_where_there_is_no_value_and_a_point_alone_is_a_dot() -> None:
    x, y = [0, 1, 2, 3, np.nan, 4, 5, 6], [1, 2, np.nan, 3, 3, 4, 5, 6]
    chart = line_chart({"a": (x, y)}, "s", "px")
    assert re.sub("[^ML]", "", curve(chart)) == "MLMMLL"
    assert len(re.findall(r'<circle class="dot c0"', chart)) == 1


def test_the_axis_goes_on_where_a_curve_has_no_value() -> None:
    chart = line_chart({"a": ([0, 5, 10], [np.nan, 1, 2])}, "s", "px", y_range=(1, 2))
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert curve(chart) == f"M{middle:.1f} {HEIGHT - BOTTOM}.0L{WIDTH - RIGHT}.0 {TOP}.0"


def test_a_dense_curve_is_thinned_but_keeps_its_peak() -> None:
    y = np.zeros(50_000)
    y[31_337] = 1
    path = curve(line_chart({"a": (np.arange(len(y)), y)}, "s", "px", y_range=(0, 1)))
    assert len(re.findall("[ML]", path)) <= POINTS and f" {TOP}.0" in path


def test_limits_and_bands_are_where_they_belong() -> None:
    chart = line_chart({"a": ([0, 4], [0, 1])}, "s", "px", y_range=(0, 2), limits={"goal": 1}, bands=[(3, 9, "cut")])
    middle, quarter = (TOP + HEIGHT - BOTTOM) / 2, (WIDTH - LEFT - RIGHT) / 4
    assert f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{middle:.1f}"' in chart
    start = WIDTH - RIGHT - quarter
    assert f'class="band" x="{start:.1f}" y="{TOP}" width="{quarter:.1f}"' in chart and "<title>cut</title>" in chart


def test_curves_are_named_where_there_are_several() -> None:
    assert "<li>" not in line_chart({"a": ([0, 1], [0, 1])}, "x", "y")
    assert line_chart({"a": ([0, 1], [0, 1]), "b": ([0, 1], [1, 0])}, "x", "y").count("<li>") == 2


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_is_said_to_be_nothing(values: list[float]) -> None:
    assert "Nothing to draw" in line_chart({"a": (range(len(values)), values)}, "x", "y")


def test_too_many_curves_are_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {COLOURS}"):
        line_chart({str(i): ([0], [0]) for i in range(COLOURS + 1)}, "s", "px")


def test_a_heat_map_has_a_cell_a_count_and_low_rows_below() -> None:
    chart = heat_map(np.array([[0.0, 4.0], [1.0, 0.0]]), [0, 1, 2], [0, 1, 2], "yaw", "pitch")
    cells = re.findall(r'class="heat" x="([\d.]+)" y="([\d.]+)".*?fill-opacity="([\d.]+)"', chart)
    (right, low, dark), (left, high, light) = ([float(v) for v in cell] for cell in cells)
    assert right > left and low > high and dark == 1.0 and light == pytest.approx(0.15 + 0.85 / 2, abs=0.006)


def test_names_are_escaped_and_the_markup_is_whole() -> None:
    lines = {"<b>": ([0, 1], [0, 1]), "c&d": ([0, 1], [1, 0])}
    chart = line_chart(lines, "<x>", 'y"', limits={"<goal>": 2}, bands=[(0, 1, "cut & gone")], caption="<i>")
    ElementTree.fromstring(chart)
    assert not re.search("<b>|<x>|<i>|<goal>", chart) and "&lt;b&gt;" in chart and "c&amp;d" in chart
