"""Reading what cameras, phones and broken copies give."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from offline.track.reading import frames_at, read_frames, stated
from runtime.errors import BadInput
from tests.track.films import noise, write_video


def turned_sideways(video: Path) -> Path:
    """The same file, saying that it is to be shown a quarter turn clockwise, as a phone writes it."""
    data = bytearray(video.read_bytes())
    matrix = data.index(b"tkhd") + 44  # after type, version, times, track, duration, layer, group and volume
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    video.write_bytes(data)
    return video


def test_frames_and_times_are_read(tmp_path: Path) -> None:
    read = list(read_frames(write_video(tmp_path / "a.mp4", noise(5))))
    assert [round(seconds, 3) for seconds, _ in read] == [0, 0.04, 0.08, 0.12, 0.16]
    assert all(picture.shape == (96, 128, 3) for _, picture in read)


def test_times_of_a_variable_rate_are_the_files_own(tmp_path: Path) -> None:
    times = [0.0, 0.02, 0.1, 0.13, 0.4]
    read = list(read_frames(write_video(tmp_path / "a.mkv", noise(5), times=times)))
    np.testing.assert_allclose([seconds for seconds, _ in read], times, atol=1e-3)


def test_a_phones_video_is_turned_upright(tmp_path: Path) -> None:
    """The bright left half of the stored picture is the top of the shown one."""
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:, :64] = 200
    _, shown = next(read_frames(turned_sideways(write_video(tmp_path / "a.mp4", [picture] * 5))))
    assert shown.shape == (128, 96, 3)
    assert shown[:60].mean() > 190 and shown[68:].mean() < 10


@pytest.mark.parametrize(
    "pixels, height, width", [("yuv420p10le", 96, 128), ("yuv444p", 95, 127), ("yuv422p10le", 128, 96)]
)
def test_deep_colour_and_odd_sizes_are_read(pixels: str, height: int, width: int, tmp_path: Path) -> None:
    picture = np.full((height, width, 3), (200, 100, 50), np.uint8)
    _, read = next(read_frames(write_video(tmp_path / "a.mkv", [picture] * 3, pixels=pixels)))
    assert read.shape == (height, width, 3)
    np.testing.assert_allclose(read.mean((0, 1)), [200, 100, 50], atol=4)


@pytest.mark.parametrize("name, options", [("a.mkv", {}), ("a.mp4", {"movflags": "faststart"})])
def test_of_a_cut_file_the_rest_is_read(name: str, options: dict[str, str], tmp_path: Path) -> None:
    video = write_video(tmp_path / name, noise(60), options=options)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert stated(video).seconds == pytest.approx(2.4)
    assert 20 < len(list(read_frames(video))) < 40


def test_damaged_frames_are_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", noise(60))
    data = bytearray(video.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    video.write_bytes(data)
    times = [seconds for seconds, _ in read_frames(video)]
    assert 30 < len(times) < 60 and times[-1] == pytest.approx(2.36)


def test_a_file_cut_before_its_index_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", noise(30))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(BadInput, match=r"cannot be read.*cut off"):
        list(read_frames(video))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(BadInput, match="no picture"):
        list(read_frames(path))


@pytest.mark.parametrize("content", [b"", b"this is no video"])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_frames(path))


def test_frames_at_shares_are_those_of_the_whole_reading(tmp_path: Path) -> None:
    """Frame n of 60 has the brightness 4 n; a key frame every 12, so that some lie far after one."""
    film = [np.full((64, 64, 3), 4 * n, np.uint8) for n in range(60)]
    video = write_video(tmp_path / "a.mp4", film, options={"g": "12"})
    found = [(share, round(float(rgb.mean()) / 4)) for share, rgb in frames_at(video, [0.0, 0.1, 0.5, 0.5, 0.98, 1.2])]
    assert found == [(0.0, 0), (0.1, 6), (0.5, 30), (0.98, 59)]  # 0.98 · 60 = 58.8


def test_frames_at_shares_of_no_video_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be read"):
        list(frames_at(tmp_path / "a.mp4", [0.5]))
    with pytest.raises(BadInput, match="no frame"):
        list(frames_at(write_video(tmp_path / "b.mp4", noise(5)), [3.0]))
    stream = write_video(tmp_path / "c.h264", noise(5))
    with pytest.raises(BadInput, match="how long"):
        list(frames_at(stream, [0.5]))
