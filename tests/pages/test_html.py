"""Pages: what a reader, and a browser, must find in them."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np

from offline.pages import html
from offline.pages.charts import heat_map, line_chart

HOSTILE = '<script>"&'


def everything() -> list[html.Html]:
    grey = np.full((8, 12, 3), 90, np.uint8)
    return [
        html.section(HOSTILE, html.paragraph(HOSTILE, HOSTILE, kind="quiet"), html.figures({HOSTILE: HOSTILE})),
        html.grid(
            "halves", [html.card(heat_map(np.eye(2), [0, 1, 2], [0, 1, 2], HOSTILE, HOSTILE, HOSTILE), heading=HOSTILE)]
        ),
        html.card(line_chart({HOSTILE: ([0, 1], [0, 1])}, HOSTILE, HOSTILE)),
        html.table([HOSTILE, "b"], [[HOSTILE, html.span(HOSTILE, "best")]]),
        html.table(["a", HOSTILE], [["1", html.broken(HOSTILE, "b")]], numbers=(0,), wide=True),
        html.terms({HOSTILE: HOSTILE}),
        html.details(HOSTILE, HOSTILE),
        html.picture(grey, HOSTILE),
        html.picture(grey, "a", HOSTILE),
        html.video(Path(HOSTILE), HOSTILE),
    ]


def test_pieces_are_well_formed_and_text_is_escaped() -> None:
    page = html.document(HOSTILE, *everything())
    assert page.startswith("<!doctype html>") and "<title>&lt;script&gt;&quot;&amp;</title>" in page
    assert "<script" not in page
    tree = ElementTree.fromstring(page.removeprefix("<!doctype html>\n"))
    cells = ["".join(cell.itertext()) for cell in tree.iter("td")]
    assert cells == [HOSTILE, HOSTILE, "1", HOSTILE + "b"]  # escaped, and once only
    assert tree.find(".//p/br") is not None and tree.find(".//td/span[@class='best']") is not None


def test_every_class_has_a_style() -> None:
    page = html.document(
        "a",
        *everything(),
        line_chart({"a": ([0], [0]), "b": ([0], [1])}, "x", "y", limits={"c": 2}, bands=[(0, 0, "d")], wide=True),
    )
    style, body = page.split("</style>")
    used = {name for names in re.findall(r'class="([^"]+)"', body) for name in names.split()}
    assert len(used) > 20 and not {name for name in used - {"any"} if not re.search(rf"\.{name}\b", style)}


def test_columns_of_numbers_are_marked() -> None:
    marked = html.table(["a", "b"], [["-1.5", "2"]], numbers=(1,))
    assert marked.count('class="number"') == 2 and '<td class="number">2</td>' in marked


def test_a_number_is_rounded_and_a_dash_where_there_is_none() -> None:
    assert html.number(-1.256, 2) == "−1.26" and html.number(-0.001, 1) == "0.0" and html.number(3, 0) == "3"
    assert html.number(None, 2) == html.number(float("nan"), 2) == "–"


def test_a_picture_is_inside_the_page_in_its_own_colours() -> None:
    orange = np.full((16, 24, 3), (250, 120, 10), np.uint8)
    data = base64.b64decode(html.picture(orange).split("base64,")[1].split('"')[0])
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert found.shape == orange.shape
    assert np.abs(found.astype(int) - orange).max() <= 4  # JPEG rounds its own colour space


def test_a_small_video_is_inside_the_page_and_a_large_one_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"12345")
    assert f'src="data:video/mp4;base64,{base64.b64encode(b"12345").decode()}"' in html.video(path, embed=5)
    assert 'src="a.mp4"' in html.video(path, embed=4) and 'src="a.mp4"' in html.video(path)
