"""Charts by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from offline.evaluate.charts import HEIGHT, LEFT, RIGHT, TOP, line_chart, log_ticks, ticks


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
    found = ticks(value, value)
    assert 2 <= len(found) <= 10 and found[0] < value + 1e-3 and found[-1] > value - 1e-3


def test_logarithmic_ticks_are_powers_and_their_halves_and_fifths() -> None:
    assert (10 ** np.array(log_ticks(np.log10(0.004), np.log10(0.3)))).round(6).tolist() == [
        0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
    ]  # fmt: skip
    assert log_ticks(0.1, 0.2) == [0.0, 1.0]


def test_a_line_runs_from_corner_to_corner_and_has_gaps() -> None:
    chart = line_chart([0, 1, 2, 3, 4], {"a": [0, 1, np.nan, 3, 4]}, "frame", "dB", width=400)
    left, right, bottom, top = LEFT, 400 - RIGHT, HEIGHT - 44, TOP
    path = re.search(r'd="([^"]*)"', chart)
    assert path is not None
    points = re.findall(r"([ML])([\d.]+) ([\d.]+)", path[1])
    assert [kind for kind, _, _ in points] == ["M", "L", "M", "L"]
    assert points[0][1:] == (f"{left:.1f}", f"{bottom:.1f}") and points[-1][1:] == (f"{right:.1f}", f"{top:.1f}")


def test_names_are_escaped_and_nothing_is_said_to_be_nothing() -> None:
    chart = line_chart([0, 1], {"<b>": [0, 1], "c&d": [1, 0]}, "<x>", 'y"')
    assert "<b>" not in chart and "<x>" not in chart and "&lt;b&gt;" in chart and "c&amp;d" in chart
    assert 'y"' not in chart.split("aria-label=")[1].split(">")[0].replace("&quot;", "")
    assert "Nothing to draw" in line_chart([0, 1], {"a": [np.nan, np.nan]}, "x", "y")
