"""Sound that comes along: copied or encoded anew, in step with the pictures, or said to be missing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from runtime.media.mp4 import mp4
from runtime.media.paths import ffmpeg_name
from runtime.media.reading import VideoReader
from runtime.media.soundtrack import Soundtrack

RATE = 16_000
FPS = 10
BEEP = 0.5
"""Seconds at which a tone of a tenth of a second begins."""


def write_beep(path: Path, codec: str, late: float = 0.0, layout: str = "mono", rate: int = RATE) -> Path:
    """A second of grey pictures, one white at the beep; the sound begins `late` seconds after the first picture."""
    times = late + np.arange(round((1 - late) * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * 1000 * times) * ((times >= BEEP) & (times < BEEP + 0.1))
    with av.open(ffmpeg_name(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound: Any = container.add_stream(codec, rate=rate, layout=layout)
        for number in range(FPS):
            shade = 230 if number == round(BEEP * FPS) else 60
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), shade, np.uint8), format="yuv420p")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        channels = 2 if layout == "stereo" else 1
        samples = np.repeat((tone * 32767).astype(np.int16)[None], channels, 1)
        heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "s16", layout)
        heard.sample_rate, heard.pts, heard.time_base = rate, round(late * rate), Fraction(1, rate)
        container.mux(sound.encode(heard))
        container.mux(sound.encode())
    return path


def taken_along(source: Path, out: Path) -> str | None:
    """Copies the pictures of a film and takes its sound along; what is lost of it."""
    with VideoReader(source) as reader:
        pictures = [rgb for _, rgb in reader]
        start = reader.start
    with Soundtrack(source, start) as sound, mp4(out, 64, 64, FPS, sound) as writer:
        for rgb in pictures:
            writer.write(np.asarray(av.VideoFrame.from_ndarray(rgb).to_ndarray(format="yuv420p"), np.uint8))
    return sound.lost


def codec_of(film: Path) -> list[str]:
    with av.open(ffmpeg_name(film)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams.audio]


def beeps(film: Path) -> list[float]:
    """Seconds at which the tone begins."""
    loud = []
    with av.open(ffmpeg_name(film)) as container:
        for frame in container.decode(audio=0):
            samples: Any = frame.to_ndarray()
            full = 1.0 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
            sound = samples[0] if frame.format.is_planar else samples[0, :: len(frame.layout.channels)]
            loud += [frame.time + n / frame.sample_rate for n in np.flatnonzero(np.abs(sound / full) > 0.25)]
    return [b for a, b in zip([-1.0, *loud], loud, strict=False) if b - a > 0.1]


def flashes(film: Path) -> list[float]:
    """Seconds at which the white pictures come."""
    with av.open(ffmpeg_name(film)) as container:
        return [frame.time for frame in container.decode(video=0) if frame.to_ndarray(format="gray").mean() > 150]


@pytest.mark.parametrize(
    ("codec", "suffix", "taken"),
    [
        ("aac", "mp4", "aac"),
        ("libmp3lame", "mp4", "mp3"),
        ("libmp3lame", "mkv", "mp3"),
        ("libopus", "webm.mkv", "opus"),
        ("flac", "mkv", "flac"),
        ("pcm_s16le", "mov", "aac"),
        ("pcm_u8", "mkv", "aac"),
        ("pcm_mulaw", "mov", "aac"),
        ("aac", "ts", "aac"),
        ("mp2", "ts", "aac"),
    ],
)
@pytest.mark.parametrize("late", [0.0, 0.3])
def test_sound_comes_along_in_step(codec: str, suffix: str, taken: str, late: float, tmp_path: Path) -> None:
    source, out = write_beep(tmp_path / f"a.{suffix}", codec, late), tmp_path / "out.mp4"
    assert taken_along(source, out) is None
    assert codec_of(out) == [taken]
    assert flashes(out) == [pytest.approx(BEEP)]
    assert beeps(out) == [pytest.approx(BEEP, abs=0.04)]


def test_sound_of_a_rate_and_layout_that_aac_lacks_is_resampled(tmp_path: Path) -> None:
    source = write_beep(tmp_path / "a.mov", "pcm_s16le", layout="stereo", rate=15_000)
    assert taken_along(source, tmp_path / "out.mp4") is None
    assert beeps(tmp_path / "out.mp4") == [pytest.approx(BEEP, abs=0.04)]


@pytest.mark.parametrize("codec", ["aac", "mp2"])
def test_sound_stays_in_step_in_recordings_that_were_joined(codec: str, tmp_path: Path) -> None:
    piece = write_beep(tmp_path / "a.ts", codec).read_bytes()
    (tmp_path / "joined.ts").write_bytes(3 * piece)
    assert taken_along(tmp_path / "joined.ts", tmp_path / "out.mp4") is None
    shown, heard = flashes(tmp_path / "out.mp4"), beeps(tmp_path / "out.mp4")
    assert shown == pytest.approx([0.5, 1.5, 2.5], abs=0.01)
    np.testing.assert_allclose(heard, shown, atol=0.1)


def test_sound_that_nothing_here_can_read_is_said_to_be_missing(tmp_path: Path) -> None:
    source = write_beep(tmp_path / "a.mov", "pcm_s16le")
    source.write_bytes(source.read_bytes().replace(b"sowt", b"zzzz"))
    lost = taken_along(source, tmp_path / "out.mp4")
    assert lost is not None and "left out" in lost
    assert codec_of(tmp_path / "out.mp4") == []


def test_sound_whose_header_is_damaged_is_encoded_or_missing_but_never_costs_the_film(tmp_path: Path) -> None:
    source = write_beep(tmp_path / "a.mkv", "flac")
    data = source.read_bytes()
    at = data.index(b"fLaC") - 3
    assert data[at : at + 3] == b"\x63\xa2\xaa"  # Matroska's CodecPrivate of 42 bytes becomes a Void of 43
    source.write_bytes(data[:at] + b"\xec\xab" + data[at + 2 :])
    taken_along(source, tmp_path / "out.mp4")
    assert flashes(tmp_path / "out.mp4") == [pytest.approx(BEEP)]


def test_damaged_pieces_of_copied_sound_are_left_out_and_said(tmp_path: Path) -> None:
    source = write_beep(tmp_path / "a.mp4", "aac")
    with av.open(ffmpeg_name(source)) as container:
        pieces = [(packet.pos or 0, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(source.read_bytes())
    for at, size in pieces[1:4]:
        data[at : at + size] = b"\xff" * size
    source.write_bytes(data)
    lost = taken_along(source, tmp_path / "out.mp4")
    assert lost is not None and lost.startswith("3 pieces of the sound")
    assert flashes(tmp_path / "out.mp4") == [pytest.approx(BEEP)]
    assert beeps(tmp_path / "out.mp4") == [pytest.approx(BEEP, abs=0.04)]


def test_what_is_written_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = write_beep(Path("me:10:30.mp4"), "aac")
    assert taken_along(source, Path("http:out.mp4")) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["http:out.mp4", "me:10:30.mp4"]
    assert beeps(Path("http:out.mp4")) == [pytest.approx(BEEP, abs=0.04)]
