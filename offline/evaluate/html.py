"""Pieces of a page that needs nothing beside itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.evaluate.pictures import eight_bit


def document(title: str, body: str) -> str:
    """A whole page in the report's style; `title` is text, `body` is HTML."""
    style = files("offline.evaluate").joinpath("page.css").read_text()
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def section(title: str, content: str) -> str:
    """A chapter; `title` is text, `content` is HTML."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def number(value: float | None, digits: int) -> str:
    """A figure as text, a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: there is no minus zero


def table(head: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[int], wide: bool = False) -> str:
    """A table of cells that are HTML; the columns in `figures` hold numbers. A `wide` one fills the page."""
    kinds = [' class="value"' if i in figures else "" for i in range(len(head))]
    first = "".join(f"<th{k}>{h}</th>" for h, k in zip(head, kinds, strict=True))
    lines = ("".join(f"<td{k}>{c}</td>" for c, k in zip(row, kinds, strict=True)) for row in rows)
    start = '<table class="wide">' if wide else "<table>"
    return f"{start}<tr>{first}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def image(picture: NDArray[np.floating], alt: str) -> str:
    """A picture [H, W, 3] (0..1) inside the page, as JPEG."""
    ok, data = cv2.imencode(".jpg", eight_bit(picture)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not ok:
        raise ValueError(f"the picture '{alt}' could not be encoded")
    encoded = base64.b64encode(data.tobytes()).decode()
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/jpeg;base64,{encoded}">'
