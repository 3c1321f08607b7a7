"""Pieces of a page. Text is escaped wherever it is not `Html`, so that nothing from a file is taken for markup."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

QUALITY = 92
"""Of JPEG."""
Layout = Literal["halves", "thirds", "small", "rows"]


class Html(str):
    """Markup, which goes into a page as it is."""

    __slots__ = ()


def document(title: str, *parts: Html) -> str:
    """A whole page, light or dark as the reader's system is; `parts` follow its heading."""
    style = files("offline.pages").joinpath("page.css").read_text(encoding="utf-8")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def section(heading: str, *parts: Html) -> Html:
    """A chapter."""
    return _tag("section", _tag("h2", heading), *parts)


def card(*parts: Html, heading: str = "") -> Html:
    """A chart or the like in a frame, under a small heading."""
    return _tag("div", *([_tag("h3", heading)] if heading else []), *parts, kind="card")


def grid(layout: Layout, parts: Iterable[Html]) -> Html:
    """Cards or figures side by side, as many as the screen is wide enough for; `rows`: one above the other."""
    return _tag("div", *parts, kind=f"grid {layout}")


def paragraph(*lines: str, kind: Literal["", "quiet"] = "") -> Html:
    """Running text; each of `lines` begins a new one."""
    return _tag("p", broken(*lines), kind=kind)


def span(text: str, kind: Literal["quiet", "best"]) -> Html:
    """Words that stand out from, or back behind, those around them."""
    return _tag("span", text, kind=kind)


def broken(*lines: str) -> Html:
    """Lines of one text."""
    return Html("<br/>".join(map(_markup, lines)))


def figures(values: Mapping[str, str]) -> Html:
    """Single numbers in tiles: name to value with its unit."""
    tiles = (_tag("div", _tag("dt", name), _tag("dd", value)) for name, value in values.items())
    return _tag("dl", *tiles, kind="figures")


def terms(meanings: Mapping[str, str]) -> Html:
    """Names and what they mean."""
    pairs = ((_tag("dt", name), _tag("dd", meaning)) for name, meaning in meanings.items())
    return _tag("dl", *(part for pair in pairs for part in pair), kind="terms")


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int] = (), wide: bool = False
) -> Html:
    """A table whose columns in `numbers` hold numbers.

    A `wide` one fills the page and ends in a column of text, which a narrow screen shows below the row's other cells;
    there any other is scrolled sideways.
    """
    kinds = ["number" if i in numbers else "" for i in range(len(head))]
    content = (
        _tag("thead", _row("th", head, kinds)),
        _tag("tbody", *(_row("td", row, kinds) for row in rows)),
    )
    return _tag("table", *content, kind="wide") if wide else _tag("div", _tag("table", *content), kind="scroll")


def details(summary: str, text: str) -> Html:
    """Text as it is, hidden until the summary is clicked."""
    return _tag("details", _tag("summary", summary), _tag("pre", text))


def picture(rgb: NDArray[np.uint8], caption: str = "", alt: str = "") -> Html:
    """A picture [H, W, 3] inside the page, as JPEG; `alt` says what it shows where the caption does not."""
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not ok:
        raise ValueError(f"a picture of shape {rgb.shape} could not be encoded")
    source = _data_uri("image/jpeg", data.tobytes())
    return figure(Html(f'<img src="{source}" alt="{escape(alt or caption)}"/>'), caption)


def video(path: Path, caption: str = "", embed: int = 0) -> Html:
    """An MP4 that lies beside the page, or inside it where it has at most `embed` bytes."""
    inside = embed and path.stat().st_size <= embed
    source = _data_uri("video/mp4", path.read_bytes()) if inside else escape(path.name)
    return figure(
        Html(f'<video src="{source}" controls="" loop="" muted="" playsinline="" preload="metadata"></video>'), caption
    )


def figure(content: Html, caption: str = "") -> Html:
    """Something to look at, with words below."""
    return _tag("figure", content, *([_tag("figcaption", caption)] if caption else []))


def number(value: float | None, digits: int) -> str:
    """A figure as text, a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: there is no minus zero


def _tag(name: str, *content: str, kind: str = "") -> Html:
    start = f'<{name} class="{kind}">' if kind else f"<{name}>"
    return Html(f"{start}{''.join(map(_markup, content))}</{name}>")


def _markup(text: str) -> str:
    return text if isinstance(text, Html) else escape(text)


def _row(cell: Literal["th", "td"], texts: Sequence[str], kinds: Sequence[str]) -> Html:
    return _tag("tr", *(_tag(cell, text, kind=kind) for text, kind in zip(texts, kinds, strict=True)))


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
