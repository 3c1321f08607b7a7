"""The ablation as one HTML page."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from offline.evaluate.ablation import FIGURES, Ablation
from offline.evaluate.definitions import METRICS, Metric
from offline.evaluate.html import document, image, number, section, table
from offline.evaluate.pictures import Picture
from offline.evaluate.report import about_machine


def write_ablation_page(ablation: Ablation, folder: Path) -> Path:
    """Write index.html into `folder`; returns its path."""
    figures = ablation.figures
    title = f"Ablation on {figures['subject'] or figures['clip']['folder']}"
    body = f"<h1>{escape(title)}</h1>{_about(figures)}" + section(figures["title"], _table(figures))
    body += section("One held-out frame", _strip(ablation))
    path = folder / "index.html"
    path.write_text(document(title, body), encoding="utf-8")
    return path


def _about(figures: dict[str, Any]) -> str:
    clip, sizes = figures["clip"], figures["preset"]
    spent = f"for {figures['steps']} steps" if figures["steps"] else "for the same time"
    lines = (
        f"Every row was trained {spent} from the same seed on {clip['folder']} ({clip['frames']} "
        f"frames, {clip['size']}²) and measured on {figures['frames']} held-out frames.",
        f"Preset {sizes['name']}: planes of {sizes['plane_channels']} channels, rendered at {sizes['rays']}². The "
        "three levels bear the names that they have in the paper, and are smaller. "
        f"{about_machine(figures['machine'])}.",
    )
    return f'<p class="about">{"<br>".join(escape(line) for line in lines)}</p>'


def _table(figures: dict[str, Any]) -> str:
    """A column a metric, with the best of it in colour."""
    metrics = [m for name in FIGURES for m in METRICS if m.key == name]
    best = {m.key: _best([row[m.key] for row in figures["rows"]], m) for m in metrics}
    arrows = {"higher": "↑", "lower": "↓", "zero": "→ 0"}
    heads = [f"{m.label} {arrows[m.better]}" + (f"<br>{escape(m.unit)}" if m.unit else "") for m in metrics]
    rows = []
    for row in figures["rows"]:
        cells = [number(row[m.key], m.digits) for m in metrics]
        pairs = zip(cells, metrics, strict=True)
        marked = [f'<span class="best">{c}</span>' if c == best[m.key] else c for c, m in pairs]
        rows.append([escape(row["label"]), *marked, str(row["steps"]), number(row["minutes"], 1)])
    notes = "".join(f"<dt>{escape(m.label)}</dt><dd>{escape(m.definition)}{_absent(figures, m)}</dd>" for m in metrics)
    columns = ("", *heads, "steps", "minutes")
    return table(columns, rows, figures=range(1, len(columns)), wide=False) + f"<dl>{notes}</dl>"


def _absent(figures: dict[str, Any], metric: Metric) -> str:
    reason = figures["absent"].get(metric.key)
    return "" if reason is None else f' <span class="absent">Absent: {escape(reason)}.</span>'


def _best(values: list[float | None], metric: Metric) -> str | None:
    """The best value as the table writes it, so that rows which look alike are marked alike."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    best = {"higher": max(known), "lower": min(known), "zero": min(known, key=abs)}[metric.better]
    return number(best, metric.digits)


def _strip(ablation: Ablation) -> str:
    shown: list[tuple[str, Picture]] = [("truth", ablation.truth)]
    shown += [(row["label"], p) for row, p in zip(ablation.figures["rows"], ablation.pictures, strict=True)]
    figures = (f"<figure>{image(p, n)}<figcaption>{escape(n)}</figcaption></figure>" for n, p in shown)
    return f'<div class="pairs">{"".join(figures)}</div>'
