"""A table whose rows are compared: a column a metric, with the best of it in colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offline.evaluate.definitions import Metric
from offline.pages.html import Html, broken, number, span, table, terms


def comparison_table(
    rows: Sequence[Mapping[str, Any]], metrics: Sequence[Metric], more: Mapping[str, Sequence[str]]
) -> Html:
    """`rows` have a `label` and the metrics' keys; `more` has columns beyond, by heading, a text a row."""
    best = {m.key: _best([row[m.key] for row in rows], m) for m in metrics}
    heads = [broken(f"{m.label} {m.arrow}", *([m.unit] if m.unit else [])) for m in metrics]
    lines = []
    for n, row in enumerate(rows):
        cells = [(number(row[m.key], m.digits), m.key) for m in metrics]
        marked = [span(text, "best") if text == best[key] else text for text, key in cells]
        lines.append([row["label"], *marked, *(column[n] for column in more.values())])
    columns = ("", *heads, *more)
    return table(columns, lines, numbers=range(1, len(columns)))


def definition_list(metrics: Sequence[Metric], absent: Mapping[str, str]) -> Html:
    """What the metrics mean, and why some could not be had."""
    why = {key: f" Absent: {reason}." for key, reason in absent.items()}
    return terms({m.label: m.definition + why.get(m.key, "") for m in metrics})


def _best(values: list[float | None], metric: Metric) -> str | None:
    """The best value as the table writes it, so that rows which look alike are marked alike."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    best = {"higher": max(known), "lower": min(known), "zero": min(known, key=abs)}[metric.better]
    return number(best, metric.digits)
