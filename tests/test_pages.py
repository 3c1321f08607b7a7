"""Report pages: what a reader, and a browser, must find in them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from offline.pages import POINTS, heat_map, line_chart, page, picture, section, table, ticks, video


def curve(chart: str) -> str:
    found = re.search(r'class="curve c0" d="([^"]*)"', chart)
    assert found
    return found[1]


@pytest.mark.parametrize(
    "low, high, expected",
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-7, 31, [0, 10, 20, 30]), (0.02, 0.09, [0.02, 0.04, 0.06, 0.08])],
)
def test_ticks_are_round_and_inside(low: float, high: float, expected: list[float]) -> None:
    np.testing.assert_allclose(ticks(low, high, about=5), expected, atol=1e-12)


def test_a_curve_runs_from_corner_to_corner() -> None:
    """x from 56 to 760 - 12; y from 240 - 40 up to 12."""
    assert curve(line_chart({"a": ([0, 1], [0, 2])}, "s", "px", y_range=(0, 2))) == "M56.0 200.0L748.0 12.0"


def test_a_curve_breaks_where_there_is_no_value() -> None:
    path = curve(line_chart({"a": (range(5), [1, 2, np.nan, 3, 4])}, "s", "px"))
    assert re.sub("[^ML]", "", path) == "MLML"


def test_a_dense_curve_is_thinned_but_keeps_its_peak() -> None:
    y = np.zeros(50_000)
    y[31_337] = 1
    path = curve(line_chart({"a": (np.arange(len(y)), y)}, "s", "px", y_range=(0, 1)))
    assert len(re.findall("[ML]", path)) <= POINTS and " 12.0" in path


def test_no_data_gives_an_empty_chart() -> None:
    ElementTree.fromstring(line_chart({"a": ([], [])}, "s", "px"))


def test_too_many_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 6"):
        line_chart({str(i): ([0], [0]) for i in range(7)}, "s", "px")


def test_pieces_are_well_formed_and_text_is_escaped() -> None:
    counts = np.array([[0.0, 4.0], [1.0, 0.0]])
    body = section(
        "<b>",
        table(["a & b"], [["<script>"], ["-1.5"]]),
        heat_map(counts, [0, 1, 2], [0, 1, 2], "yaw", "pitch"),
        line_chart({"<a>": ([0, 1], [0, 1])}, "s", "px", limits={"goal": 2}, bands=[(0, 1, "cut & gone")]),
        video("a.mp4"),
        picture(np.zeros((8, 8, 3), np.uint8), 'a "picture"'),
    )
    ElementTree.fromstring(body)
    assert "<script>" not in body and body.count('class="heat"') == 2 and '<td class="number">-1.5' in body
    document = page("A & B", body)
    assert document.startswith("<!doctype html>") and "<title>A &amp; B</title>" in document
