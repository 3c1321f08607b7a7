"""The report on a clip that is made up, so that every figure in it is known."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from offline.clip import Clip, ClipInfo
from offline.track.figures import Speed, dropped, figures, head_angles, missing
from offline.track.overlay import axes_in_picture, overlay_video
from offline.track.reasons import Reason
from offline.track.report import write_report
from offline.track.reprojection import projected, reprojection_errors
from offline.track.see import Seen
from runtime.contract.axes import portrait_camera, quaternion_from_rotation, rotation_from_angles
from runtime.contract.drive import INDEX
from runtime.contract.head_model import HeadModel
from runtime.errors import Unavailable
from runtime.media.reading import read_frames
from runtime.tracking.slide import Slide
from tests.disk import files_limited

COUNT, SIZE = 20, 64


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """A head that turns from 0 to 38° to its left, its landmarks where the model is seen, smiling and still else."""
    turns = [quaternion_from_rotation(rotation_from_angles(np.radians(2 * i), 0, 0)) for i in range(COUNT)]
    expression = np.zeros((COUNT, 52))
    expression[:, INDEX["mouthSmileLeft"]] = 0.6
    arrays: dict[str, np.ndarray] = {
        "expression": expression,
        "detail": np.zeros((COUNT, 8)),
        "rotation": np.array(turns),
        "translation": np.zeros((COUNT, 3)),
        "timestamp": np.arange(COUNT) / 25,
    }
    info = ClipInfo(SIZE, 25, COUNT, "video", "A <b> & C", "", portrait_camera())
    blank = Clip.create(tmp_path / "blank", info, arrays)
    places = projected(blank, HeadModel.load())
    arrays["landmarks"] = np.concatenate([places, np.zeros((COUNT, 478, 1))], 2)
    made = Clip.create(tmp_path / "clip", info, arrays)
    for i in range(COUNT):
        made.write_frame(i, np.full((SIZE, SIZE, 4), (200, 150, 120, 255 * (i % 2)), np.uint8))
    return made


@pytest.fixture
def seen(clip: Clip) -> Seen:
    """Twenty of thirty frames: two repeats, and eight covered ones between two segments."""
    verdicts: list[Reason | None] = [None] * 30
    verdicts[4] = verdicts[7] = Reason.REPEAT
    verdicts[12:20] = [Reason.COVERED] * 8
    index = [i for i, verdict in enumerate(verdicts) if verdict is None]
    assert clip.landmarks is not None
    times = np.arange(30) / 25
    segments = np.array([0] * 10 + [1] * 10)
    seen, notes = np.zeros((20, 2), np.float32), ["A & note."]
    return Seen(
        index, times[index].astype(np.float32), clip.landmarks, seen, segments, 640, 480, times, verdicts, notes
    )


def test_the_error_is_zero_where_the_model_is_and_a_pixel_a_pixel_off(clip: Clip) -> None:
    assert clip.landmarks is not None
    points = projected(clip, HeadModel.load())
    assert reprojection_errors(points, clip.landmarks).max() < 1e-3
    np.testing.assert_allclose(
        reprojection_errors(points + np.array([1 / 512, 0], np.float32), clip.landmarks), 1.0, atol=1e-3
    )


def test_landmarks_are_expected_where_they_slide_to(clip: Clip) -> None:
    """Frame 15 is turned by 30°, seen from straight before."""
    turned = rotation_from_angles(np.radians(30), 0, 0).astype(np.float64)
    head = HeadModel.load().vertices(None, clip.expression[15]) + Slide.load().at(turned)
    np.testing.assert_allclose(
        projected(clip, HeadModel.load())[15], clip.info.camera.project(head @ turned.T), atol=1e-5
    )


def test_runs_and_ranges_are_those_of_the_verdicts(seen: Seen) -> None:
    assert [str(run) for run in seen.runs()] == ["frame 4 (0.2 s)", "frame 7 (0.3 s)", "frames 12-19 (0.5-0.8 s)"]
    assert dropped(seen) == {
        "covered": {"frames": 8, "ranges": [[12, 19]]},
        "repeat": {"frames": 2, "ranges": [[4, 4], [7, 7]]},
    }


def test_frames_without_a_fit_are_marked(seen: Seen) -> None:
    fewer = seen.only(np.array([0, 1, 2, 19]))
    assert fewer.index == [0, 1, 2, 29] and fewer.segments.tolist() == [0, 0, 0, 1]
    assert fewer.verdicts.count(Reason.NO_FIT) == 16 and seen.verdicts.count(Reason.NO_FIT) == 0


def test_what_the_performance_lacks_is_said(clip: Clip) -> None:
    angles = head_angles(clip)
    np.testing.assert_allclose(angles[:, 0], np.arange(0, 40, 2), atol=0.01)
    text = "\n".join(missing(clip, angles))
    assert "-0°" not in text and "You never turned to your right by more than 0°" in text and "lasts 1 s" in text
    assert "turned to your left" not in text and "smiled" not in text and "You never blinked" in text


def test_the_report_is_whole_and_matches_its_json(clip: Clip, seen: Seen, tmp_path: Path) -> None:
    assert clip.landmarks is not None
    errors = np.linspace(0.5, 1.5, COUNT)
    values = figures(clip, seen, errors, 2.0, Speed(1.0, 1.0, 1.0))
    write_report(tmp_path, clip, seen, errors, values, "overlay.mp4")
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored == values
    assert stored["reprojection_px_at_512"] == {"mean": 1.0, "p95": 1.45, "worst": 1.5, "worst_frame": 29}
    assert stored["frames"]["read"] == 30 and stored["speed"]["frames_per_s"] == 10
    assert stored["segments_start_s"] == [0.0, 0.8] and stored["degrees"]["yaw"] == [0.0, 38.0]
    page = (tmp_path / "index.html").read_text()
    assert "A &lt;b&gt; &amp; C" in page and "<script" not in page and "A &amp; note." in page
    assert "frames 12-19 (0.5-0.8 s)" in page and 'src="overlay.mp4"' in page
    assert len(re.findall(r'class="band"', page)) == 2  # on a broad and on a narrow screen
    assert not re.search(r'(src|href)="(?!data:|overlay.mp4)', page)


def test_the_overlay_draws_the_head_and_says_what_is_dropped(clip: Clip, tmp_path: Path) -> None:
    assert clip.landmarks is not None
    grey, matte = np.full((SIZE, SIZE, 3), 90, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    points = projected(clip, HeadModel.load())
    with overlay_video(tmp_path / "overlay.mp4", 25) as overlay:
        axes = axes_in_picture(clip.info.camera, clip.state(0).pose)
        overlay.used(grey, matte, points[0], clip.landmarks[0], axes)
        overlay.dropped(grey, "no face")
    used, words = (picture for _, picture in read_frames(tmp_path / "overlay.mp4"))
    chin = (points[0, 152] * 512).astype(int)
    around = used[chin[1] - 4 : chin[1] + 5, chin[0] - 4 : chin[0] + 5].astype(int)
    assert (around[..., 1] - around[..., 0]).max() > 40  # the green line
    assert np.abs(used[10, 10].astype(int) - 90).max() < 6 and np.abs(words[10, 10].astype(int) - 36).max() < 6
    assert words[440:, :200].max() > 200


def test_axes_start_at_the_head_and_point_left_up_and_forward() -> None:
    camera = portrait_camera()
    origin, x, y, z = axes_in_picture(camera, np.eye(3, 4, dtype=np.float32))
    np.testing.assert_allclose(origin, camera.project(np.zeros(3)), atol=1e-6)
    assert x[0] > origin[0] and y[1] < origin[1]
    assert np.linalg.norm(z - origin) < 0.25 * np.linalg.norm(x - origin)


def test_an_overlay_that_fills_the_disk_is_told_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, 512, 512, 3), np.uint8)
    with (
        files_limited(100_000),
        pytest.raises(Unavailable, match="could not be written"),
        overlay_video(tmp_path / "overlay.mp4", 25) as overlay,
    ):
        for picture in noise:
            overlay.dropped(picture, "no face")
    assert list(tmp_path.iterdir()) == []
