"""The clip folder: round trip, resuming, and what it says when it is broken."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from offline.clip import Clip, ClipInfo, drive_arrays
from offline.studio import DEMO, performance
from offline.studio.cli import add_arguments, run
from offline.studio.dataset import write_clip
from runtime.contract.axes import portrait_camera
from runtime.errors import BadInput
from runtime.media.paths import ffmpeg_name

SIZE, FRAMES = 16, 10


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    info = ClipInfo(SIZE, 30.0, FRAMES, "studio", "Test", "synthetic", portrait_camera())
    made = Clip.create(tmp_path / "clip", info, drive_arrays(performance(FRAMES, 30.0, 0)))
    for i in range(FRAMES):
        made.write_frame(i, np.full((SIZE, SIZE, 4), (10 * i, 1, 2, 200), np.uint8))
    return made


def test_round_trip(clip: Clip) -> None:
    again = Clip.open(clip.folder)
    assert again.frame(3)[0, 0].tolist() == [30, 1, 2, 200]
    assert again.info.to_json() == clip.info.to_json()
    np.testing.assert_array_equal(again.state(4).expression, clip.expression[4])
    assert again.train == range(8) and again.test == range(8, 10)
    assert not list(clip.folder.rglob(".*"))


def test_a_margin_is_kept_around_the_picture(tmp_path: Path) -> None:
    info = ClipInfo(SIZE, 30.0, 1, "video", "Test", "synthetic", portrait_camera(), margin=(1, 0, 3, 2))
    made = Clip.create(tmp_path / "clip", info, drive_arrays(performance(1, 30.0, 0)))
    wide = np.random.default_rng(0).integers(0, 256, (SIZE + 2, SIZE + 4, 4)).astype(np.uint8)
    with pytest.raises(ValueError, match=r"uint8 \[18, 20, 4\]"):
        made.write_frame(0, wide[1:])
    made.write_frame(0, wide)
    again = Clip.open(made.folder)
    assert again.info.margin == (1, 0, 3, 2)
    np.testing.assert_array_equal(again.wide_frame(0), wide)
    np.testing.assert_array_equal(again.frame(0), wide[:SIZE, 1 : 1 + SIZE])


def test_a_clip_without_a_margin_is_described_as_before_there_were_any(clip: Clip) -> None:
    assert "margin" not in json.loads((clip.folder / "clip.json").read_text())
    assert Clip.open(clip.folder).info.margin == (0, 0, 0, 0)
    np.testing.assert_array_equal(clip.wide_frame(2), clip.frame(2))


def test_missing_frames_are_named(clip: Clip) -> None:
    clip.frame_path(6).unlink()
    with pytest.raises(BadInput, match="lacks 1 of 10 frames, the first is 6"):
        Clip.open(clip.folder)
    assert Clip.open(clip.folder, allow_missing_frames=True).missing() == [6]


def test_another_clip_is_not_overwritten(clip: Clip) -> None:
    with pytest.raises(BadInput, match="different clip"):
        Clip.create(clip.folder, clip.info, drive_arrays(performance(FRAMES, 30.0, 1)))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("format", "x", "does not describe a clip"), ("version", 9, "version 9"), ("size", "a", "misstates"),
     ("frames", 0, "must be positive"), ("source", "film", "source one of"), ("margin", [1, 2], "misstates"),
     ("margin", [0, 0, 0, -1], "misstates")],
)  # fmt: skip
def test_broken_description(clip: Clip, key: str, value: object, message: str) -> None:
    path = clip.folder / "clip.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(BadInput, match=message):
        Clip.open(clip.folder)


def test_broken_files(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no clip\.json"):
        Clip.open(tmp_path)
    clip.frame_path(1).write_bytes(b"not a picture")
    with pytest.raises(BadInput, match="unreadable"):
        clip.frame(1)
    cv2.imwrite(str(clip.frame_path(1)), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BadInput, match="should be 8-bit RGBA"):
        clip.frame(1)
    (clip.folder / "drive.npz").write_bytes(b"PK cut")
    with pytest.raises(BadInput, match="cannot be read"):
        Clip.open(clip.folder)


def test_arrays_are_checked(clip: Clip, tmp_path: Path) -> None:
    arrays = drive_arrays(performance(FRAMES, 30.0, 0))
    short = arrays | {"detail": arrays["detail"][:-1]}
    for wrong, message in (
        (short, "'detail' should be"),
        (arrays | {"timestamp": np.full(FRAMES, np.nan)}, "not finite"),
        (arrays | {"extra": np.zeros(1)}, "unknown arrays: extra"),
        ({k: v for k, v in arrays.items() if k != "rotation"}, "lacks the array 'rotation'"),
    ):
        with pytest.raises(BadInput, match=message):
            Clip.create(tmp_path / "other", clip.info, wrong)


@pytest.mark.slow
def test_an_interrupted_clip_goes_on(tmp_path: Path) -> None:
    states = performance(3, 30.0, 0)
    write_clip(tmp_path, DEMO, states, 30.0, 32)
    kept = (tmp_path / "frames/000000.png").stat().st_mtime_ns
    (tmp_path / "frames/000001.png").unlink()
    clip = write_clip(tmp_path, DEMO, states, 30.0, 32)
    assert clip.missing() == [] and (tmp_path / "frames/000000.png").stat().st_mtime_ns == kept


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_video(tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    run(_arguments("--seed", "2", "--frames", "2", "--size", "32", "-o", str(out)))
    with av.open(ffmpeg_name(out)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) == 2 and frames[0].shape == (32, 32, 3)
    assert abs(int(frames[0][1, 1, 0]) - 199) < 8, "plain background in the corner"
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("words", [("--frames", "0"), ("--size", "9"), ("--fps", "0"), ("--workers", "0")])
def test_options_out_of_range(tmp_path: Path, words: tuple[str, str]) -> None:
    with pytest.raises(BadInput, match=f"{words[0]} must be between"):
        run(_arguments(*words, "-o", str(tmp_path / "x")))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "x" * 9000), ("size", "big"), ("size", 10**400), ("fps", 1e400), ("fps", 10**400), ("frames", None),
        ("subject", 3), ("source", []), ("camera", 3), ("camera", {"intrinsics": [[1], 2], "extrinsics": 0}),
    ],
)  # fmt: skip
def test_a_description_with_a_value_that_cannot_be_is_refused_in_one_short_sentence(
    clip: Clip, key: str, value: object
) -> None:
    path = clip.folder / "clip.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(BadInput) as raised:
        Clip.open(clip.folder)
    assert len(str(raised.value)) < 600


def test_a_description_that_is_deep_is_refused(clip: Clip) -> None:
    (clip.folder / "clip.json").write_text("[" * 100_000)
    with pytest.raises(BadInput, match="not valid JSON"):
        Clip.open(clip.folder)
