"""`mien bench`: its parts, and the whole of it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from runtime.commands import bench
from runtime.driving.performance import live_performance
from runtime.errors import BadInput
from runtime.media.mp4 import mp4
from tests.commands.calling import LIMIT, call, start


def test_a_stopwatch_leaves_the_first_frames_out() -> None:
    watch = bench.Stopwatch()
    for seconds in [9.0] * bench.WARM_UP + [0.001, 0.002, 0.003]:
        watch.add("stage", seconds)
    assert watch.table() == {"stage": {"median_ms": 2.0, "p95_ms": 2.9}}


def test_a_camera_gives_its_pictures_over_and_over_in_order() -> None:
    shades = (40, 120, 200)
    packets = bench.camera_stream(np.full((100, 300, 3), shade, np.uint8) for shade in shades)
    camera = bench.CameraReplay(packets)
    seen = [camera.next() for _ in range(7)]
    assert seen[0].shape == (480, 640, 3)
    for rgb, shade in zip(seen, itertools.cycle(shades), strict=False):
        assert abs(float(rgb.mean()) - shade) < 4


def test_a_failure_of_the_tracking_thread_is_raised_at_once() -> None:
    class Broken:
        def next(self) -> None:
            raise BadInput("the camera is broken")

    follower = bench.Follower(Broken(), live_performance())  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="the camera is broken"):
        follower.wait()
    follower.stop()


@pytest.mark.parametrize("seconds", ["0", "nan"])
def test_a_length_that_cannot_be_is_refused(seconds: str) -> None:
    with pytest.raises(BadInput, match="--seconds must be 1 to 3600"):
        call("runtime.commands.bench_cli", "--seconds", seconds)


@pytest.mark.slow
def test_a_video_without_a_face_is_refused(tmp_path: Path) -> None:
    wall = tmp_path / "wall.mp4"
    with mp4(wall, 160, 120, 10) as writer:
        writer.write(np.full((180, 160), 128, np.uint8))
    with pytest.raises(BadInput, match="no face was found in"):
        call("runtime.commands.bench_cli", "--video", str(wall), "--engine", "openvino")


@pytest.mark.slow
def test_it_prints_one_object_and_nothing_else() -> None:
    with start("bench", "--json", "--seconds", "2", "--engine", "openvino") as process:
        printed, _ = process.communicate(timeout=LIMIT)
    report = json.loads(printed)
    assert process.returncode == 0
    assert report["pipeline"]["fps"] > 0 and report["faces_found"] > 0.9
    stages = ["decode", "track", "drive", "generator", "renderer", "sr", "convert", "encode"]
    assert list(report["stages"]) == stages
    assert all(0 < row["median_ms"] <= row["p95_ms"] for row in report["stages"].values())
