"""The ablation as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offline.evaluate.ablation import FIGURES, Ablation
from offline.evaluate.comparison import comparison_table, definition_list
from offline.evaluate.definitions import METRICS
from offline.evaluate.pictures import Picture, eight_bit
from offline.evaluate.report import about_machine
from offline.files import write_text
from offline.pages.html import Html, document, grid, number, paragraph, picture, section


def write_ablation_page(ablation: Ablation, folder: Path) -> Path:
    """Write index.html into `folder`; returns its path."""
    figures = ablation.figures
    metrics = [m for name in FIGURES for m in METRICS if m.key == name]
    page = document(
        f"Ablation on {figures['subject'] or figures['clip']['folder']}",
        _about(figures),
        section(
            figures["title"],
            comparison_table(figures["rows"], metrics, _spent(figures["rows"])),
            definition_list(metrics, figures["absent"]),
        ),
        section("One held-out frame", _strip(ablation)),
    )
    path = folder / "index.html"
    write_text(path, page)
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


def _spent(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {"steps": [str(row["steps"]) for row in rows], "minutes": [number(row["minutes"], 1) for row in rows]}


def _strip(ablation: Ablation) -> Html:
    shown: list[tuple[str, Picture]] = [("truth", ablation.truth)]
    shown += [(row["label"], p) for row, p in zip(ablation.figures["rows"], ablation.pictures, strict=True)]
    return grid("thirds", (picture(eight_bit(made), name) for name, made in shown))
