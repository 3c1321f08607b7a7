"""The ablation as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offline.evaluate.ablation import FIGURES, Ablation
from offline.evaluate.definitions import METRICS, Metric
from offline.evaluate.pictures import Picture, eight_bit
from offline.evaluate.report import about_machine
from offline.pages.html import Html, broken, document, grid, number, paragraph, picture, section, span, table, terms


def write_ablation_page(ablation: Ablation, folder: Path) -> Path:
    """Write index.html into `folder`; returns its path."""
    figures = ablation.figures
    metrics = [m for name in FIGURES for m in METRICS if m.key == name]
    page = document(
        f"Ablation on {figures['subject'] or figures['clip']['folder']}",
        _about(figures),
        section(figures["title"], _table(figures, metrics), _definitions(figures, metrics)),
        section("One held-out frame", _strip(ablation)),
    )
    path = folder / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def _about(figures: dict[str, Any]) -> Html:
    clip, sizes = figures["clip"], figures["preset"]
    spent = f"for {figures['steps']} steps" if figures["steps"] else "for the same time"
    return paragraph(
        f"Every row was trained {spent} from the same seed on {clip['folder']} ({clip['frames']} "
        f"frames, {clip['size']}²) and measured on {figures['frames']} held-out frames.",
        f"Preset {sizes['name']}: planes of {sizes['plane_channels']} channels, rendered at {sizes['rays']}². The "
        "three levels bear the names that they have in the paper, and are smaller. "
        f"{about_machine(figures['machine'])}.",
        kind="quiet",
    )


def _table(figures: dict[str, Any], metrics: list[Metric]) -> Html:
    """A column a metric, with the best of it in colour."""
    best = {m.key: _best([row[m.key] for row in figures["rows"]], m) for m in metrics}
    heads = [broken(f"{m.label} {m.arrow}", *([m.unit] if m.unit else [])) for m in metrics]
    rows = []
    for row in figures["rows"]:
        cells = [(number(row[m.key], m.digits), m.key) for m in metrics]
        marked = [span(text, "best") if text == best[key] else text for text, key in cells]
        rows.append([row["label"], *marked, str(row["steps"]), number(row["minutes"], 1)])
    columns = ("", *heads, "steps", "minutes")
    return table(columns, rows, numbers=range(1, len(columns)))


def _definitions(figures: dict[str, Any], metrics: list[Metric]) -> Html:
    absent = {key: f" Absent: {reason}." for key, reason in figures["absent"].items()}
    return terms({m.label: m.definition + absent.get(m.key, "") for m in metrics})


def _best(values: list[float | None], metric: Metric) -> str | None:
    """The best value as the table writes it, so that rows which look alike are marked alike."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    best = {"higher": max(known), "lower": min(known), "zero": min(known, key=abs)}[metric.better]
    return number(best, metric.digits)


def _strip(ablation: Ablation) -> Html:
    shown: list[tuple[str, Picture]] = [("truth", ablation.truth)]
    shown += [(row["label"], p) for row, p in zip(ablation.figures["rows"], ablation.pictures, strict=True)]
    return grid("thirds", (picture(eight_bit(made), name) for name, made in shown))
