"""The commands as users call them: what they write, what they print, and what they say when they cannot."""

from __future__ import annotations

import argparse
import importlib
import json
import socket
from pathlib import Path

import av
import numpy as np
import pytest

from runtime import cli
from runtime.contract.drive import DriveState
from runtime.demo import DEMO
from runtime.errors import BadInput, MienError, Unavailable
from runtime.render import render_video
from runtime.streaming.colour import Backdrop
from runtime.video_file import VideoReader, mp4


def call(module: str, *arguments: str) -> int:
    """A command's `run`, as the dispatcher calls it."""
    command = importlib.import_module(module)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(list(arguments))) or 0)


def test_a_prompt_becomes_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "smile.mp4"
    call(
        "runtime.render_cli",
        "--prompt",
        "smile for half a second",
        "--fps",
        "10",
        "--engine",
        "openvino",
        "-o",
        str(out),
    )
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert float(stream.average_rate or 0) == 10
    assert f"{len(frames)} frames" in capsys.readouterr().out
    assert frames[0].shape == (512, 512, 3)
    assert frames[0][5, 5].min() > 220, "the background is light"
    assert np.std(frames[0][150:350, 150:350]) > 20, "there is a face before it"
    assert np.abs(frames[0].astype(int) - frames[len(frames) // 2]).max() > 30, "and it moves"
    assert [p.name for p in tmp_path.iterdir()] == ["smile.mp4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "a.mp4"], "give either a driving file or --prompt"),
        (["nowhere.mp4", "-o", "a.mp4"], "there is no file 'nowhere.mp4'"),
        (["README.md", "-o", "a.mp4"], "cannot be read as a video"),
        (["--prompt", "smle sidewyas", "-o", "a.mp4"], "is not known; near it are"),
        (["--prompt", "smile", "-o", "a.mp4", "--background", "blue"], "must be a colour like"),
        (["--prompt", "smile", "-o", "a.mp4", "--engine", "openvin"], "did you mean 'openvino'"),
        (["--prompt", "smile", "-o", "a.mp4", "--fps", "0"], "--fps must be 1 to 120"),
        (["--prompt", "smile", "-o", "a.mp4", "--bundle", "none.mien"], "there is no bundle 'none.mien'"),
    ],
)
def test_what_render_cannot_do_it_says(arguments: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        call("runtime.render_cli", *arguments)


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing was left behind"), mp4(tmp_path / "no" / "a.mp4", 64, 64, 30):
        pass


def test_an_interrupted_video_leaves_nothing(tmp_path: Path) -> None:
    class Stopped:
        size = 64

        def new_session(self) -> Stopped:
            return self

        def render(self, state: DriveState, camera: object) -> object:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_video(Stopped(), iter([DriveState()]), tmp_path / "a.mp4", 30, Backdrop("#ffffff"))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_driving_video_without_a_face_is_refused(tmp_path: Path) -> None:
    wall = tmp_path / "wall.mp4"
    with mp4(wall, 160, 120, 10) as writer:
        for _ in range(5):
            writer.write(np.full((180, 160), 128, np.uint8))
    with VideoReader(wall) as reader:
        assert [rgb.shape for _, rgb in reader] == [(120, 160, 3)] * 5
    with pytest.raises(BadInput, match="no face was found"):
        call("runtime.render_cli", str(wall), "--engine", "openvino", "-o", str(tmp_path / "out.mp4"))
    assert [p.name for p in tmp_path.iterdir()] == ["wall.mp4"]


def test_doctor_prints_one_object_and_finds_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert call("runtime.doctor_cli", "--json", "--port", str(port)) == 3
    report = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in report["checks"]}
    assert not report["ok"] and "choose another with --port" in checks["port"]["says"]
    assert checks["bundle"]["ok"] and "synthetic" in checks["bundle"]["says"]
    assert checks["engine openvino"]["ok"] and checks["engine onnxruntime"]["ok"] and checks["engines agree"]["ok"]


@pytest.mark.slow
def test_bench_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    call("runtime.bench_cli", "--json", "--seconds", "2", "--engine", "openvino")
    report = json.loads(capsys.readouterr().out)
    assert report["pipeline"]["fps"] > 0 and report["faces_found"] > 0.9
    assert {"decode", "track", "generator", "renderer", "sr", "encode"} <= set(report["stages"])


def test_the_dispatcher_names_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serv"]) == 2
    assert "did you mean 'serve'?" in capsys.readouterr().err
    assert cli.main([]) == 2 and cli.main(["--help"]) == 0


def test_an_error_is_one_line_and_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["render", "--prompt", "smile", "-o", "a.mp4", "--bundle", "none.mien"])
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("mien render: there is no bundle") and error.count("\n") == 1


def test_the_demo_bundle_is_small_and_synthetic() -> None:
    from runtime.contract.bundle import read_bundle

    manifest = read_bundle(DEMO).manifest
    assert DEMO.stat().st_size < 30e6
    assert manifest.picture == 512 and "synthetic" in manifest.consent.lower()


def test_every_error_class_has_its_own_status() -> None:
    assert (MienError.code, BadInput.code, Unavailable.code) == (1, 2, 3)
