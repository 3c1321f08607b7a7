"""Video to clip."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from offline.clip import Clip, ClipInfo
from offline.track import cli
from offline.track.crop import Crop, camera_of, square_around
from offline.track.texture import mean_texture
from offline.track.video import track_video
from runtime.contract.axes import portrait_camera, rotation_from_angles
from runtime.contract.head_model import FACE_VERTICES, HeadModel
from runtime.errors import BadInput
from runtime.media.reading import read_frames
from runtime.tracking.fit import COEFFICIENTS, Solution
from tests.track.films import noise, person, write_video


def solution(x: float, y: float, z: float) -> Solution:
    return Solution(np.eye(3), np.array([x, y, z]), np.zeros(COEFFICIENTS))


def test_an_unreadable_file_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        track_video(tmp_path / "missing.mp4", tmp_path / "clip", progress=False)
    assert not (tmp_path / "clip").exists()


def test_a_video_without_a_face_is_refused_and_nothing_written(tmp_path: Path) -> None:
    video = write_video(tmp_path / "noise.mp4", noise(10))
    with pytest.raises(BadInput, match="no face"):
        track_video(video, tmp_path / "clip", progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["noise.mp4"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip/mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="already exists"):
        track_video(tmp_path / "a.mp4", tmp_path / "clip", progress=False)


@pytest.mark.parametrize("option", [["--size", "3"], ["--focal", "0"]])
def test_options_out_of_range_are_refused(option: list[str], tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    with pytest.raises(BadInput, match=option[0]):
        cli.run(parser.parse_args(["a.mp4", "-o", str(tmp_path / "clip"), *option]))


def test_a_head_framed_as_the_portrait_gives_the_portrait_camera() -> None:
    place = np.array([0.0, 0.3, -9.0])  # 2.2 / 9 of the picture's height above its centre
    crop = square_around([solution(*place)], 2.2, 800, 800)
    assert crop == Crop(0, 0, 800)
    camera = camera_of(crop, np.eye(3), place, 2.2, 800, 800)
    points = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(camera.project(points), portrait_camera().project(points), atol=1e-5)


def test_the_crops_camera_sees_what_the_whole_pictures_saw() -> None:
    width, height, focal = 1280, 720, 2.0
    rest, place = rotation_from_angles(0.1, 0.15, 0).astype(float), np.array([0.7, 0.2, -9.0])
    crop = square_around([solution(*place)], focal, width, height)
    assert 0 <= crop.left <= width - crop.side and 0 <= crop.top <= height - crop.side
    head = np.random.default_rng(1).normal(size=(30, 3)) * 0.5
    x, y, z = (head @ rest.T + place).T
    pixels = np.column_stack([width / 2 + focal * width * x / -z, height / 2 - focal * width * y / -z, z * 0])
    landmarks = crop.landmarks(pixels / [width, height, width], width, height)
    camera = camera_of(crop, rest, place, focal, width, height)
    np.testing.assert_allclose(camera.project(head), landmarks[:, :2], atol=1e-4)


@pytest.mark.parametrize("size", [256, 512, 100])
def test_the_margin_continues_the_square(size: int) -> None:
    """In a video whose colours are its coordinates; as far as the video goes, at most 112/512 of the square."""
    width, height = 480, 360
    v, u = np.mgrid[:height, :width] + 0.5
    video = np.stack([u / width * 255, v / height * 255, 0 * u], -1).round().astype(np.uint8)
    crop = Crop(left=20, top=70, side=256)
    left, top, right, bottom = margin = crop.margin(size, width, height)
    assert margin == (int(20 / 256 * size), int(56 / 256 * size), int(56 / 256 * size), int(34 / 256 * size))
    wide = crop.cut_wide(video, size, margin)
    assert wide.shape == (top + size + bottom, left + size + right, 3)
    np.testing.assert_array_equal(wide[top : top + size, left : left + size], crop.cut(video, size))
    x = crop.left + (np.arange(-left, size + right) + 0.5) / size * crop.side
    y = crop.top + (np.arange(-top, size + bottom) + 0.5) / size * crop.side
    assert np.abs(wide[..., 0] - x / width * 255).max() < 1.6
    assert np.abs(wide[..., 1] - (y / height * 255)[:, None]).max() < 1.6


def test_a_square_as_large_as_the_video_has_no_margin() -> None:
    assert Crop(0, 0, 480).margin(256, 480, 480) == (0, 0, 0, 0)
    assert Crop(100, 0, 480).margin(512, 680, 480) == (106, 0, 106, 0)


def test_mean_texture_is_what_the_camera_sees(tmp_path: Path) -> None:
    """A picture whose colours are its coordinates, on a head at rest: each texel must say where the camera sees it."""
    camera, size, model = portrait_camera(), 128, HeadModel.load()
    v, u = np.mgrid[:size, :size] * (255 / size)
    arrays = {"expression": np.zeros((3, 52)), "detail": np.zeros((3, 8)), "rotation": np.tile([0.0, 0, 0, 1], (3, 1)),
              "translation": np.zeros((3, 3)), "timestamp": np.arange(3) / 25}  # fmt: skip
    clip = Clip.create(tmp_path / "clip", ClipInfo(size, 25, 3, "studio", "nobody", "none needed", camera), arrays)
    for i in range(3):
        clip.write_frame(i, np.stack([u, v, 0 * u, 0 * u + 255], -1).astype(np.uint8))
    texture = mean_texture(clip, model, 96)
    assert texture.shape == (96, 96, 3) and texture.min() >= 0 and texture.max() <= 1
    tip = model.mean[:FACE_VERTICES][4]
    seen = camera.project(tip)
    row, column = int((0.5 - (tip[1] + 0.2) / 2.2) * 96), int((0.5 + tip[0] / 2.2) * 96)
    np.testing.assert_allclose(texture[row, column, :2], seen, atol=0.02)


@pytest.mark.slow
def test_a_real_video_becomes_a_clip_with_a_report(tmp_path: Path) -> None:
    """The man, ten frames with a bar of his own skin before his mouth, and the man at another moment."""
    pictures = person("subjects/turning-16s.mp4", 40) + person("subjects/turning-16s.mp4", 35, first=140)
    for picture in pictures[20:30]:
        picture[128:194, 76:166] = np.median(picture[95:110, 105:120].reshape(-1, 3), 0)
    clip = track_video(write_video(tmp_path / "short.mp4", pictures), tmp_path / "clip", size=256, progress=False)
    assert 56 <= len(clip) <= 62 and not clip.missing()  # 75 but for the bar and 0.15 s around it
    assert np.abs(np.median(clip.translation, 0)).max() < 0.1
    alpha = clip.frame(0)[..., 3]
    assert clip.landmarks is not None
    face = (clip.landmarks[0, 4, :2] * clip.info.size).astype(int)
    assert alpha[face[1], face[0]] == 255 and alpha[5, 5] < 20
    report = json.loads((clip.folder / "report/report.json").read_text())
    assert report["frames"]["kept"] == len(clip) == len(report["source_frames"])
    assert report["frames"]["dropped"]["covered"]["frames"] >= 8
    assert report["segments_start_s"][-1] == pytest.approx(1.6) and report["reprojection_px_at_512"]["mean"] < 2.0
    assert report["speed"]["frames_per_s"] > 0
    assert "something before the face" in (clip.folder / "report/index.html").read_text()
    repeats = report["frames"]["dropped"].get("repeat", {"frames": 0})["frames"]
    assert sum(1 for _ in read_frames(clip.folder / "report/overlay.mp4")) == 75 - repeats
    np.testing.assert_allclose(np.diff(clip.timestamp).min(), 0.04, atol=1e-3)


def test_a_face_of_a_moment_is_too_short(tmp_path: Path) -> None:
    video = write_video(tmp_path / "short.mp4", person("subjects/turning-16s.mp4", 20))
    with pytest.raises(BadInput, match="are the least"):
        track_video(video, tmp_path / "clip", progress=False)
    assert not (tmp_path / "clip").exists()
