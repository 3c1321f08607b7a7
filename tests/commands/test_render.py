"""`mien render`: what it writes, and that it writes nothing else."""

from __future__ import annotations

import itertools
import os
import signal
import struct
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.commands.demo import DEMO
from runtime.commands.render import render_video, states_of_video
from runtime.contract.drive import EXPRESSIONS, INDEX, DriveState
from runtime.driving.performance import Performance
from runtime.errors import BadInput, Unavailable
from runtime.media.colour import Backdrop
from runtime.media.mp4 import check_target, mp4
from runtime.media.paths import ffmpeg_name
from runtime.media.reading import VideoReader
from runtime.media.soundtrack import Soundtrack
from tests.commands.calling import LIMIT, ROOT, call, start
from tests.disk import files_limited

SOUND_RATE = 48_000


def frames_of(path: Path) -> tuple[float, list[NDArray[np.uint8]]]:
    with av.open(ffmpeg_name(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        steps = {round(float((b.time or 0) - (a.time or 0)), 4) for a, b in itertools.pairwise(frames)}
        assert len(steps) <= 1, "the rate is constant"
        return float(stream.average_rate or 0), [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in frames]


def turn_clockwise(path: Path) -> None:
    """Writes into a film what a phone held upright does: to be shown turned clockwise (ISO/IEC 14496-12, tkhd)."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # behind the type: version 0's fields up to the matrix
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def film(path: Path, times: list[float], sound: bool = False) -> None:
    """Grey pictures at these times (seconds), with a tone of 440 Hz beside them where `sound` is asked for."""
    with av.open(ffmpeg_name(path), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for number, seconds in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 16 + 4 * number, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            count = round(times[-1] * SOUND_RATE)
            tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(count) / SOUND_RATE)).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate, samples.pts = SOUND_RATE, 0
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))


def test_a_prompt_becomes_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "smile.mp4"
    prompt = ("--prompt", "smile for half a second", "--fps", "10")
    call("runtime.commands.render_cli", *prompt, "--engine", "openvino", "-o", str(out))
    rate, frames = frames_of(out)
    assert rate == 10 and f"{len(frames)} frames" in capsys.readouterr().out
    assert frames[0].shape == (512, 512, 3)
    assert frames[0][5, 5].min() > 220, "the background is light"
    assert np.std(frames[0][150:350, 150:350]) > 20, "there is a face before it"
    assert np.abs(frames[0].astype(int) - frames[len(frames) // 2]).max() > 30, "and it moves"
    assert [p.name for p in tmp_path.iterdir()] == ["smile.mp4"]
    assert out.read_bytes().index(b"moov") < 100, "the index comes first, so that it plays while it loads"


def test_a_script_becomes_a_video_of_the_size_colour_and_view_asked_for(tmp_path: Path) -> None:
    script, out = tmp_path / "nod.YAML", tmp_path / "nod.mp4"
    script.write_text("version: 1\nevents:\n  - {at: 0, set: {jawOpen: 0.5}, attack: 0.1, hold: 0.1, release: 0.1}\n")
    look = ("--size", "128", "--background", "#204060", "--yaw", "30")
    call("runtime.commands.render_cli", str(script), *look, "--fps", "10", "--engine", "openvino", "-o", str(out))
    _, frames = frames_of(out)
    assert len(frames) == 10, "0.3 seconds and the tail"
    assert frames[0].shape == (128, 128, 3)
    assert np.abs(frames[0][3, 3].astype(int) - [0x20, 0x40, 0x60]).max() < 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "a.mp4"], "give either a driving file or --prompt"),
        (["nowhere.mp4", "-o", "a.mp4"], "there is no file 'nowhere.mp4'"),
        ([str(ROOT / "README.md"), "-o", "a.mp4"], "cannot be read as a video"),
        (["--prompt", "smle sidewyas", "-o", "a.mp4"], "is not known; near it are"),
        (["--prompt", "smile", "-o", "a.mp4", "--background", "blue"], "must be a colour like"),
        (["--prompt", "smile", "-o", "a.mp4", "--engine", "openvin"], "did you mean 'openvino'"),
        (["--prompt", "smile", "-o", "a.mp4", "--fps", "nan"], "--fps must be 1 to 120"),
        (["--prompt", "smile", "-o", "a.mp4", "--size", "127"], "--size must be an even number"),
        (["--prompt", "smile", "-o", "a.mp4", "--yaw", "170"], "--yaw must be -60 to 60 degrees"),
        (["--prompt", "smile", "-o", "a.mp4", "--bundle", "none.mien"], "there is no bundle 'none.mien'"),
        (["--prompt", "smile", "-o", "a.webm"], "its name must end in .mp4"),
        (["--prompt", "smile", "-o", "docs.mp4/a"], "its name must end in .mp4"),
    ],
)
def test_what_render_cannot_do_it_says(arguments: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        call("runtime.commands.render_cli", *arguments)


def test_the_driving_video_is_not_overwritten(tmp_path: Path) -> None:
    video = tmp_path / "me.mp4"
    film(video, [0.0, 0.1])
    with pytest.raises(BadInput, match="is the driving video itself"):
        call("runtime.commands.render_cli", str(video), "-o", str(video))


def test_only_an_ordinary_file_is_replaced(tmp_path: Path) -> None:
    pipe, folder, linked = tmp_path / "pipe.mp4", tmp_path / "folder.mp4", tmp_path / "linked.mp4"
    os.mkfifo(pipe)
    folder.mkdir()
    linked.symlink_to(pipe)
    for target in (pipe, folder, linked):
        with pytest.raises(BadInput, match="is no ordinary file"), mp4(target, 64, 64, 30):
            pytest.fail("it was refused too late")
    assert pipe.is_fifo() and linked.is_symlink() and len(list(tmp_path.iterdir())) == 3
    film(tmp_path / "old.mp4", [0.0])
    check_target(tmp_path / "old.mp4")


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("no", "file"):
        with pytest.raises(Unavailable, match="there is no folder"), mp4(tmp_path / folder / "a.mp4", 64, 64, 30):
            pytest.fail("it was refused too late")
    with pytest.raises(Unavailable, match="could not be written"), mp4(Path("/proc/a.mp4"), 64, 64, 30):
        pytest.fail("it was refused too late")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runtime.media.mp4.os.replace", full)
    with pytest.raises(Unavailable, match="No space left on device"), mp4(tmp_path / "a.mp4", 64, 64, 30) as writer:
        writer.write(np.full((96, 64), 128, np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 192, 128), np.uint8)
    with (
        files_limited(50_000),
        pytest.raises(Unavailable, match=r"could not be written .*nothing was left behind"),
        mp4(tmp_path / "a.mp4", 128, 128, 30) as writer,
    ):
        for picture in noise:
            writer.write(picture)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_video_leaves_nothing(tmp_path: Path) -> None:
    class Stopped:
        size = 64

        def new_renderer(self) -> Stopped:
            return self

        def render(self, state: DriveState, camera: object) -> object:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_video(Stopped(), iter([DriveState()]), tmp_path / "a.mp4", 30, Backdrop("#ffffff"))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_command_without_a_trace(tmp_path: Path) -> None:
    arguments = ("render", "--prompt", "smile for 30 seconds", "--engine", "openvino")
    with start(*arguments, "-o", str(tmp_path / "a.mp4")) as process:
        end = time.monotonic() + LIMIT
        while not list(tmp_path.iterdir()) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 130 and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_a_progress_bar_is_made_leaves_no_trace_either(tmp_path: Path) -> None:
    before = """
import tqdm.std
def interrupted(*_, **__):
    raise KeyboardInterrupt
tqdm.std.EMA = interrupted
"""
    with start("render", "--prompt", "smile", "-o", str(tmp_path / "a.mp4"), before=before) as process:
        assert process.communicate(timeout=LIMIT) == ("", "")
    assert process.returncode == 130 and list(tmp_path.iterdir()) == []


def test_a_driving_video_without_a_face_is_refused_before_anything_is_rendered(tmp_path: Path) -> None:
    wall = tmp_path / "wall.mp4"
    with mp4(wall, 160, 120, 10) as writer:
        for _ in range(5):
            writer.write(np.full((180, 160), 128, np.uint8))
    with VideoReader(wall) as reader:
        assert [rgb.shape for _, rgb in reader] == [(120, 160, 3)] * 5
    with pytest.raises(BadInput, match="no face was found"):
        call("runtime.commands.render_cli", str(wall), "--bundle", "none.mien", "-o", str(tmp_path / "out.mp4"))
    assert [p.name for p in tmp_path.iterdir()] == ["wall.mp4"]


class Numbering:
    """A tracker that opens the mouth by a fortieth more on every frame."""

    def __init__(self) -> None:
        self._seen = 0

    def __enter__(self) -> Numbering:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def track(self, rgb: NDArray[np.uint8], time: float) -> SimpleNamespace:
        expression = np.zeros(len(EXPRESSIONS), np.float32)
        expression[INDEX["jawOpen"]] = self._seen / 40
        self._seen += 1
        return SimpleNamespace(state=DriveState(expression, timestamp=time))


@pytest.mark.parametrize(
    ("times", "fps", "shown"),
    [
        ([k / 30 for k in range(12)], 30.0, list(range(12))),
        ([round(k / 30, 3) for k in range(12)], 30.0, list(range(12))),
        ([k / 30 for k in range(6)], 60.0, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ([k / 30 for k in range(6)], 15.0, [0, 2, 4]),
        ([0.0, 0.1, 0.3, 0.4], 10.0, [0, 1, 1, 2, 3]),
    ],
    ids=["constant", "rounded to ms", "twice as many", "half as many", "with a hole"],
)
def test_each_picture_shows_the_frame_that_is_on_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list[float], fps: float, shown: list[int]
) -> None:
    monkeypatch.setattr("runtime.commands.render.FaceTracker", Numbering)
    monkeypatch.setattr("runtime.commands.render.live_performance", lambda repertoire: Performance(fade=1e-6))
    film(tmp_path / "a.mkv", times)
    states = list(states_of_video(tmp_path / "a.mkv", fps))
    assert [round(float(s.expression[INDEX["jawOpen"]]) * 40) for s in states] == shown


def test_sound_comes_along_and_in_time(tmp_path: Path) -> None:
    source, out = tmp_path / "tone.mp4", tmp_path / "out.mp4"
    film(source, [k / 30 for k in range(31)], sound=True)
    with Soundtrack(source, 0.25) as sound, mp4(out, 64, 64, 30, sound) as writer:
        for _ in range(15):
            writer.write(np.full((96, 64), 128, np.uint8))
    with av.open(ffmpeg_name(out)) as container:
        frames = list(container.decode(container.streams.audio[0]))
    assert frames[0].time is not None and abs(frames[0].time) < 0.03
    end = (frames[-1].time or 0) + frames[-1].samples / SOUND_RATE
    assert 0.48 < end < 0.55, "as long as the pictures"
    heard = np.concatenate([frame.to_ndarray()[0] for frame in frames])[4096:12288]
    loudest = np.argmax(np.abs(np.fft.rfft(heard * np.hanning(len(heard))))) * SOUND_RATE / len(heard)
    assert abs(loudest - 440) < 10


def test_a_silent_video_has_no_sound_track(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [0.0, 0.1])
    with Soundtrack(tmp_path / "a.mp4", 0.0) as sound:
        with mp4(tmp_path / "b.mp4", 64, 64, 30, sound) as writer:
            writer.write(np.full((96, 64), 128, np.uint8))
        assert sound.lost is None
    with av.open(ffmpeg_name(tmp_path / "b.mp4")) as made:
        assert [stream.type for stream in made.streams] == ["video"]


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo avatar, which is a face, filmed with sound."""
    folder = tmp_path_factory.mktemp("portrait")
    silent, out = folder / "silent.mp4", folder / "portrait.mp4"
    prompt = ("--prompt", "open your mouth for half a second", "--fps", "15", "--size", "256")
    call("runtime.commands.render_cli", *prompt, "--engine", "openvino", "--bundle", str(DEMO), "-o", str(silent))
    film(folder / "tone.mp4", [0.0, 1.0], sound=True)
    with (
        VideoReader(silent) as reader,
        Soundtrack(folder / "tone.mp4", 0.0) as sound,
        mp4(out, 256, 256, reader.fps, sound) as writer,
    ):
        for _, rgb in reader:
            writer.write(np.asarray(av.VideoFrame.from_ndarray(rgb).to_ndarray(format="yuv420p"), np.uint8))
    yield out


def test_a_driving_video_keeps_its_frames_and_its_sound(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    call("runtime.commands.render_cli", str(portrait), "--size", "64", "--engine", "openvino", "-o", str(out))
    with av.open(ffmpeg_name(portrait)) as driving, av.open(ffmpeg_name(out)) as made:
        assert made.streams.video[0].frames == driving.streams.video[0].frames
        assert made.streams.video[0].average_rate == driving.streams.video[0].average_rate == 15
        assert made.streams.audio[0].codec_context.name == "aac"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]


def test_sound_that_cannot_come_along_is_said(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driving, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    driving.write_bytes(portrait.read_bytes().replace(b"mp4a", b"zzzz").replace(b"esds", b"free"))
    call("runtime.commands.render_cli", str(driving), "--size", "64", "--engine", "openvino", "-o", str(out))
    assert f"the sound of '{driving}' is coded in a way that is not known here" in capsys.readouterr().err


def test_a_film_from_a_phone_held_upright_is_read_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(ffmpeg_name(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[:, :48] = 255  # white on the left
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    turn_clockwise(path)
    with VideoReader(path) as reader:
        [(_, shown)] = list(reader)
    assert shown.shape == (96, 64, 3)
    assert shown[:40].min() > 200 and shown[56:].max() < 50, "left becomes top"
