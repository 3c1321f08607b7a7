"""What of a driver's face the live path passes on: ``python -m offline.evaluate.passed_on VIDEO…``.

The average head, moved by what the tracker says after retargeting and smoothing, is measured at its landmarks like the
driver (`drive`): what an avatar would show that did exactly as it is told. Teeth are not on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from offline.evaluate.drive import follow_features
from offline.evaluate.face_features import face_features
from runtime.commands.render import states_of_video
from runtime.contract.axes import Array, portrait_camera, rotation_from_quaternion
from runtime.contract.drive import DriveState
from runtime.contract.head_model import HeadModel
from runtime.media.reading import VideoReader
from runtime.tracking.mesh import FaceMesh

SIZE = 512
"""Pixels, of the pictures that the head's landmarks are taken to be on."""


def landmarks_of(model: HeadModel, state: DriveState) -> Array:
    """Landmarks [478, 3] of the average head before the portrait camera, as `FaceMesh.detect` gives them."""
    moved = model.mean + np.tensordot(state.expression, model.expression, 1)
    moved = moved + np.tensordot(state.detail, model.detail, 1)
    world = moved @ rotation_from_quaternion(state.rotation).T + state.translation
    camera = portrait_camera()
    depth = (world @ camera.extrinsics[:, :3].T + camera.extrinsics[:, 3])[:, 2]
    middle = depth.mean()
    return np.column_stack([camera.project(world), camera.intrinsics[0] * (depth - middle) / middle]).astype(np.float32)


def passed_on(video: Path) -> dict[str, dict[str, Any]]:
    """`follow_features` of the average head on the face that a video shows."""
    model, blank = HeadModel.load(), np.zeros((SIZE, SIZE, 3), np.uint8)
    with VideoReader(video) as reader:
        fps = reader.fps
    rows = []
    with VideoReader(video) as reader, FaceMesh() as mesh:
        for (time, rgb), state in zip(reader, states_of_video(video, fps), strict=False):
            black = np.zeros_like(rgb)
            rows.append(
                (face_features(black, mesh.detect(rgb, time)), face_features(blank, landmarks_of(model, state)))
            )
    driver, made = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return follow_features(driver, made)


def table(columns: dict[str, dict[str, dict[str, Any]]]) -> str:
    """A Markdown table: correlation × gain by feature and video, of the features that the driver uses enough."""
    names = next(iter(columns.values()))
    rows = [["feature", *columns], ["---"] * (len(columns) + 1)]
    for name in names:
        cells = [_cell(column[name]) for column in columns.values()]
        if any(cells):
            rows.append([name, *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(found: dict[str, Any]) -> str:
    if not found["counts"] or found["correlation"] is None:
        return ""
    return f"{found['correlation']:.2f} × {found['gain']:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="shows one face from the front")
    print(table({video.stem: passed_on(video) for video in parser.parse_args(arguments).videos}))


if __name__ == "__main__":
    main()
