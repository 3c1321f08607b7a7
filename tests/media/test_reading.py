"""Reading what cameras, phones and broken copies give."""

from __future__ import annotations

import os
import socket
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from runtime.errors import BadInput
from runtime.media import reading
from runtime.media.paths import ffmpeg_name
from runtime.media.reading import VideoReader, read_frames
from tests.track.films import noise, write_video


def with_matrix(video: Path, a: int, b: int, c: int, d: int) -> Path:
    """The same MP4, to be shown through this display matrix (ISO/IEC 14496-12, tkhd), as phones write it."""
    data = bytearray(video.read_bytes())
    matrix = data.index(b"tkhd") + 44  # after type, version, times, track, duration, layer, group and volume
    data[matrix : matrix + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    video.write_bytes(data)
    return video


def corners() -> np.ndarray:
    """[96, 128, 3], another brightness in each corner."""
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:48, :64], picture[:48, 64:], picture[48:, :64], picture[48:, 64:] = 40, 100, 160, 220
    return picture


def brightness(picture: np.ndarray) -> list[int]:
    """Of the corners: top left, top right, bottom left, bottom right."""
    height, width = picture.shape[:2]
    return [round(float(picture[y, x].mean())) for y in (8, height - 8) for x in (8, width - 8)]


def joined(path: Path, *pieces: list[np.ndarray]) -> Path:
    """Recordings with sound, one behind the other in one file as `cat` does; each begins at 0 again."""
    for piece in pieces:
        film(path.with_suffix(".part.ts"), piece)
        with path.open("ab") as file:
            file.write(path.with_suffix(".part.ts").read_bytes())
    return path


def film(path: Path, frames: list[np.ndarray]) -> None:
    """Frames at 10 a second, and a quiet sound as long."""
    with av.open(ffmpeg_name(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono")
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(video.encode())
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1600 * len(frames)), np.int16), "s16", "mono")
        samples.sample_rate, samples.pts = 16000, 0
        container.mux(sound.encode(samples))
        container.mux(sound.encode())


def test_frames_and_times_are_read(tmp_path: Path) -> None:
    read = list(read_frames(write_video(tmp_path / "a.mp4", noise(5))))
    assert [round(seconds, 3) for seconds, _ in read] == [0, 0.04, 0.08, 0.12, 0.16]
    assert all(picture.shape == (96, 128, 3) for _, picture in read)


def test_times_of_a_variable_rate_are_the_files_own(tmp_path: Path) -> None:
    times = [0.0, 0.02, 0.1, 0.13, 0.4]
    read = list(read_frames(write_video(tmp_path / "a.mkv", noise(5), times=times)))
    np.testing.assert_allclose([seconds for seconds, _ in read], times, atol=1e-3)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), [40, 100, 160, 220]),
        ((0, 1, -1, 0), [160, 40, 220, 100]),  # a quarter turn clockwise
        ((-1, 0, 0, -1), [220, 160, 100, 40]),
        ((0, -1, 1, 0), [100, 220, 40, 160]),
        ((-1, 0, 0, 1), [100, 40, 220, 160]),  # mirrored, as front cameras do
        ((1, 0, 0, -1), [160, 220, 40, 100]),
        ((0, 1, 1, 0), [40, 160, 100, 220]),
        ((0, -1, -1, 0), [220, 100, 160, 40]),
    ],
)
def test_pictures_are_turned_and_mirrored_as_the_file_says(
    matrix: tuple[int, int, int, int], shown: list[int], tmp_path: Path
) -> None:
    _, picture = next(read_frames(with_matrix(write_video(tmp_path / "a.mp4", [corners()] * 5), *matrix)))
    assert picture.shape == ((96, 128, 3) if matrix[0] else (128, 96, 3))
    np.testing.assert_allclose(brightness(picture), shown, atol=3)


@pytest.mark.parametrize(("aspect", "shape"), [("4/3", (96, 171, 3)), ("15/16", (102, 128, 3)), ("90/1", (96, 128, 3))])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "h264"])
def test_pixels_that_are_not_square_are_made_so(
    aspect: str, shape: tuple[int, int, int], suffix: str, tmp_path: Path
) -> None:
    """Nothing is thrown away: the picture grows along one side. A ratio that no camera has is not believed."""
    path = tmp_path / f"a.{suffix}"
    with av.open(ffmpeg_name(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(corners(), "rgb24")))
        container.mux(stream.encode())
    [(_, picture)] = read_frames(path)
    assert picture.shape == shape
    np.testing.assert_allclose(brightness(picture), [40, 100, 160, 220], atol=3)


@pytest.mark.parametrize(
    ("codec", "pixels", "name"),
    [("libvpx-vp9", "yuva420p", "a.webm"), ("libvpx", "yuva420p", "a.webm"), ("qtrle", "argb", "a.mov")],
)
def test_what_is_transparent_shows_white_and_not_the_colour_hidden_there(
    codec: str, pixels: str, name: str, tmp_path: Path
) -> None:
    rgba = np.full((64, 64, 4), (200, 0, 0, 0), np.uint8)
    rgba[:, :32, 3] = 255
    with av.open(ffmpeg_name(tmp_path / name), "w") as container:
        stream: Any = container.add_stream(codec, rate=10, options={"auto-alt-ref": "0"} if codec == "libvpx" else {})
        stream.width = stream.height = 64
        stream.pix_fmt = pixels
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format=pixels)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    pictures = [picture for _, picture in read_frames(tmp_path / name)]
    assert len(pictures) == 3
    assert abs(pictures[1][32, 8].astype(int) - [200, 0, 0]).max() < 12
    assert pictures[1][32, 56].min() > 250


def test_a_bare_stream_without_times_gives_every_frame(tmp_path: Path) -> None:
    with av.open(ffmpeg_name(tmp_path / "a.h264"), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for frame in noise(9):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    read = list(read_frames(tmp_path / "a.h264"))
    np.testing.assert_allclose([seconds for seconds, _ in read], np.arange(9) / 20)


@pytest.mark.parametrize("mute", [False, True])
def test_recordings_joined_end_to_end_go_on_one_after_the_other(mute: bool, tmp_path: Path) -> None:
    """Brightness 20 to 200 in one, and again in the next, whose times begin anew."""
    frames = [np.full((64, 64, 3), 20 * n, np.uint8) for n in range(1, 11)]
    if mute:
        piece = write_video(tmp_path / "piece.ts", frames, fps=10).read_bytes()
        (tmp_path / "a.ts").write_bytes(piece * 3)
    else:
        joined(tmp_path / "a.ts", frames, frames, frames)
    times, pictures = zip(*read_frames(tmp_path / "a.ts"), strict=True)
    assert [round(float(p.mean()) / 20) for p in pictures] == 3 * list(range(1, 11))
    np.testing.assert_allclose(np.diff(times), 0.1, atol=0.08)  # less where the sound ends later
    assert times[-1] == pytest.approx(2.9, abs=0.2)


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 100, 100, 100, 400, 500, 500], [0, 0.1, 0.15, 0.2, 0.4, 0.5, 0.55]),
        ([0, 100, 100, 200, 200, 300, 400], [0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4]),
        ([0, 0, 0, 0, 0, 0, 0], [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ([0, 100, 300, 200, 400, 500, 600], [0, 0.1, 0.3, 0.35, 0.4, 0.5, 0.6]),
    ],
    ids=["some", "pairs", "all", "one goes back"],
)
def test_frames_whose_times_do_not_grow_come_in_order_and_delay_no_other(
    stamps: list[int], times: list[float], tmp_path: Path
) -> None:
    film = [np.full((64, 64, 3), 10 * n, np.uint8) for n in range(1, 8)]
    with av.open(ffmpeg_name(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libvpx", rate=10, options={"lag-in-frames": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        left = iter(stamps)
        for number, frame in enumerate(film):
            picture = av.VideoFrame.from_ndarray(frame, "rgb24")
            picture.pts = number
            for packet in stream.encode(picture):
                packet.time_base = Fraction(1, 1000)
                packet.pts, packet.dts = next(left), 0
                container.mux(packet)
    read, pictures = zip(*read_frames(tmp_path / "a.mkv"), strict=True)
    assert [round(float(p.mean()) / 10) for p in pictures] == list(range(1, 8))
    np.testing.assert_allclose(read, times, atol=0.002)


def test_a_recording_that_grows_gives_all_of_its_frames(tmp_path: Path) -> None:
    small, large = noise(10, 48, 64), noise(10)
    shapes = [picture.shape for _, picture in read_frames(joined(tmp_path / "a.ts", small, large, large))]
    assert shapes == 10 * [(48, 64, 3)] + 20 * [(96, 128, 3)]


def test_times_that_leap_by_hours_are_not_believed(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mkv", noise(3), times=[0.0, 0.1, 9000.0])
    with pytest.raises(BadInput, match=r"leap by 9,000 s at 0\.1 s; cut it there"):
        list(read_frames(video))


def cover(container: av.container.OutputContainer) -> av.VideoStream:
    """A picture track for a song's or a film's cover."""
    stream = container.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


@pytest.mark.parametrize("pictures", [0, 3])
def test_a_cover_is_not_taken_for_the_film(pictures: int, tmp_path: Path) -> None:
    with av.open(ffmpeg_name(tmp_path / "a.mp4"), "w") as container:
        front = cover(container)
        sound = container.add_stream("aac", rate=16000, layout="mono")
        video = container.add_stream("libx264", rate=10) if pictures else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        container.mux(front.encode(av.VideoFrame(32, 32, "yuvj420p")))
        container.mux([*sound.encode(samples), *sound.encode()])
        if video is not None:
            for frame in noise(pictures):
                container.mux(video.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(video.encode())
    if pictures:
        assert [picture.shape for _, picture in read_frames(tmp_path / "a.mp4")] == 3 * [(96, 128, 3)]
    else:
        with pytest.raises(BadInput, match="no picture track"):
            list(read_frames(tmp_path / "a.mp4"))


def test_of_several_films_in_a_file_one_is_read(tmp_path: Path) -> None:
    with av.open(ffmpeg_name(tmp_path / "a.mkv"), "w") as container:
        streams = [container.add_stream("libx264", rate=10) for _ in range(3)]
        for stream, side in zip(streams, (32, 128, 64), strict=True):
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for _ in range(4):
            for stream in streams:
                container.mux(stream.encode(av.VideoFrame(stream.width, stream.height, "yuv420p")))
        for stream in streams:
            container.mux(stream.encode())
    assert len({picture.shape for _, picture in read_frames(tmp_path / "a.mkv")}) == 1


def test_a_film_without_frames_is_refused(tmp_path: Path) -> None:
    with av.open(ffmpeg_name(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    with pytest.raises(BadInput, match="cannot be read as a video"):
        list(read_frames(tmp_path / "a.mkv"))


def test_pictures_that_are_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the beginning, and where they grow on the way."""
    monkeypatch.setattr(reading, "LARGEST", 5_000)
    with pytest.raises(BadInput, match="pictures of 128 × 96"):
        list(read_frames(write_video(tmp_path / "a.mp4", noise(2))))
    growing, read = joined(tmp_path / "b.ts", noise(3, 48, 64), noise(3)), []
    with pytest.raises(BadInput, match="pictures of 128 × 96"):
        for _, picture in read_frames(growing):
            read.append(picture.shape)
    assert read == 3 * [(48, 64, 3)]


@pytest.mark.parametrize("name", ["2026-05-01T10:30:00.mkv", "http:me.mkv", "file:a b%2d?#é.mkv", "-.mkv"])
def test_any_name_is_a_name(name: str, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", noise(3)).rename(tmp_path / name)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        assert len(list(read_frames(Path(name)))) == len(list(read_frames(tmp_path / name))) == 3
    finally:
        os.chdir(here)
    with pytest.raises(BadInput, match="File name too long"):
        list(read_frames(tmp_path / ("x" * 300)))


def test_a_title_in_another_alphabet_is_no_hindrance(tmp_path: Path) -> None:
    with av.open(ffmpeg_name(tmp_path / "a.mkv"), "w") as container:
        container.metadata["title"] = "Muller"
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for frame in noise(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    latin = (tmp_path / "a.mkv").read_bytes().replace(b"Muller", "Müller".encode("latin-1"))
    (tmp_path / "a.mkv").write_bytes(latin)
    assert len(list(read_frames(tmp_path / "a.mkv"))) == 3


def test_a_playlist_is_no_way_to_the_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        (tmp_path / "a.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n")
        with pytest.raises(BadInput, match="cannot be read as a video"):
            list(read_frames(tmp_path / "a.m3u8"))
        with pytest.raises(TimeoutError):
            server.accept()


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
    with VideoReader(video) as reader:
        assert reader.seconds == pytest.approx(2.4)
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
    with av.open(ffmpeg_name(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(BadInput, match="no picture track"):
        list(read_frames(path))


@pytest.mark.parametrize("content", [b"", b"this is no video"])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_frames(path))


def frames_at(video: Path, shares: list[float]) -> list[tuple[float, np.ndarray]]:
    with VideoReader(video) as reader:
        return list(reader.at(shares))


def test_frames_at_shares_are_those_of_the_whole_reading(tmp_path: Path) -> None:
    """Frame n of 60 has the brightness 4 n; a key frame every 12, so that some lie far after one."""
    film = [np.full((64, 64, 3), 4 * n, np.uint8) for n in range(60)]
    video = write_video(tmp_path / "a.mp4", film, options={"g": "12"})
    found = [(share, round(float(rgb.mean()) / 4)) for share, rgb in frames_at(video, [0.0, 0.1, 0.5, 0.5, 0.98, 1.2])]
    assert found == [(0.0, 0), (0.1, 6), (0.5, 30), (0.98, 59)]  # 0.98 · 60 = 58.8


def test_frames_at_shares_of_no_video_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be read"):
        frames_at(tmp_path / "a.mp4", [0.5])
    with pytest.raises(BadInput, match="no frame"):
        frames_at(write_video(tmp_path / "b.mp4", noise(5)), [3.0])
    stream = write_video(tmp_path / "c.h264", noise(5))
    with pytest.raises(BadInput, match="how long"):
        frames_at(stream, [0.5])
