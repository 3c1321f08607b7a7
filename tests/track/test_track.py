"""Video to clip."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from offline.clip import Clip, ClipInfo
from offline.track import cli
from offline.track.crop import Crop, camera_of, square_around
from offline.track.reading import read_frames
from offline.track.texture import mean_texture
from offline.track.video import track_video
from runtime.contract.axes import portrait_camera, rotation_from_angles
from runtime.contract.head_model import FACE_VERTICES, HeadModel
from runtime.errors import BadInput
from runtime.tracking.fit import COEFFICIENTS, Solution

DATA = Path(__file__).parents[3] / "shared/data"


def write_video(path: Path, frames: Iterator[np.ndarray] | list[np.ndarray], fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=fps)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        assert stream is not None
        container.mux(stream.encode())
    return path


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(count)]


def solution(x: float, y: float, z: float) -> Solution:
    return Solution(np.eye(3), np.array([x, y, z]), np.zeros(COEFFICIENTS))


def test_frames_and_times_are_read(tmp_path: Path) -> None:
    read = list(read_frames(write_video(tmp_path / "a.mp4", noise(5))))
    assert [round(seconds, 3) for seconds, _ in read] == [0, 0.04, 0.08, 0.12, 0.16]
    assert all(picture.shape == (96, 128, 3) for _, picture in read)


@pytest.mark.parametrize("content", [b"", b"this is no video", None])
def test_an_unreadable_file_is_refused_and_nothing_written(tmp_path: Path, content: bytes | None) -> None:
    video = tmp_path / "broken.mp4"
    if content is not None:
        video.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        track_video(video, tmp_path / "clip", progress=False)
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
def test_a_real_video_becomes_a_clip_that_its_camera_explains(tmp_path: Path) -> None:
    source = DATA / "subjects/turning-16s.mp4"
    if not source.exists():
        pytest.skip("subjects/turning-16s.mp4 is not there; it comes with the development data")
    pictures = [rgb for i, (_, rgb) in enumerate(read_frames(source)) if i < 75]
    clip = track_video(write_video(tmp_path / "short.mp4", pictures), tmp_path / "clip", size=256, progress=False)
    assert len(clip) >= 70 and not clip.missing()
    assert clip.landmarks is not None and clip.identity is not None
    model = HeadModel.load()
    errors = []
    for i in range(0, len(clip), 10):
        pose = clip.state(i).pose
        head = model.vertices(clip.identity, clip.expression[i], clip.detail[i])
        seen = clip.info.camera.project(head @ pose[:, :3].T + pose[:, 3])
        errors.append(np.linalg.norm(seen - clip.landmarks[i, :, :2], axis=1).mean() * clip.info.size)
    assert np.mean(errors) < 2.0
    assert np.abs(np.median(clip.translation, 0)).max() < 0.1
    alpha = clip.frame(0)[..., 3]
    face = (clip.landmarks[0, 4, :2] * clip.info.size).astype(int)
    assert alpha[face[1], face[0]] == 255 and alpha[5, 5] < 20


def test_a_face_of_a_moment_is_too_short(tmp_path: Path) -> None:
    source = DATA / "subjects/turning-16s.mp4"
    if not source.exists():
        pytest.skip("subjects/turning-16s.mp4 is not there; it comes with the development data")
    frames = [rgb for i, (_, rgb) in zip(range(20), read_frames(source), strict=False)]
    with pytest.raises(BadInput, match="are the least"):
        track_video(write_video(tmp_path / "short.mp4", frames), tmp_path / "clip", progress=False)
    assert not (tmp_path / "clip").exists()
