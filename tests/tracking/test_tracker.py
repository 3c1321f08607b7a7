"""The live tracker on pictures: bad ones, none with a face, and real people's videos where they are there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation
from runtime.contract.drive import INDEX, checked
from runtime.contract.head_model import EYE_CORNERS, LOWER_LID, UPPER_LID, HeadModel, Side, mouth_opening
from runtime.media.reading import read_frames
from runtime.tracking.mesh import quiet_start
from runtime.tracking.tracker import FORGET, FaceTracker, TrackedFace

DATA = Path(__file__).parents[3] / "shared/data"
MODEL = HeadModel.load()


@pytest.fixture
def tracker() -> Iterator[FaceTracker]:
    with FaceTracker() as tracker:
        yield tracker


def frames(name: str, first: int = 0, count: int = 10_000, every: int = 1) -> Iterator[np.ndarray]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not there; it comes with the development data")
    for i, (_, rgb) in enumerate(read_frames(path)):
        if first <= i < first + count and (i - first) % every == 0:
            yield rgb


def follow(tracker: FaceTracker, pictures: Iterator[np.ndarray], fps: float = 30) -> list[TrackedFace]:
    found = [tracker.track(picture, i / fps) for i, picture in enumerate(pictures)]
    return [face for face in found if face is not None]


def portrait() -> np.ndarray:
    path = DATA / "portraits/astronaut.png"
    if not path.exists():
        pytest.skip("portraits/astronaut.png is not there; it comes with the development data")
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1])


def raw(faces: list[TrackedFace], width: int, height: int) -> np.ndarray:
    """MediaPipe's landmarks in pixels, [N, 478, 3]."""
    return np.array([f.landmarks for f in faces]) * [width, height, width]


def eye_aspect(points: np.ndarray, side: Side) -> np.ndarray:
    upper, lower = list(UPPER_LID[side][2:5]), list(LOWER_LID[side][2:5])
    outer, inner = EYE_CORNERS[side]
    gap = np.linalg.norm(points[:, upper, :2] - points[:, lower, :2], axis=-1).mean(1)
    return gap / np.linalg.norm(points[:, outer, :2] - points[:, inner, :2], axis=-1)


def raw_angles(points: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll [N, 3] of the line from ear to ear and of the one from chin to forehead."""
    across, up = points[:, 454] - points[:, 234], points[:, 10] - points[:, 152]
    yaw, roll = np.arctan2(across[:, 2], across[:, 0]), np.arctan2(-across[:, 1], across[:, 0])
    return np.column_stack([yaw, np.arctan2(-up[:, 2], -up[:, 1]), roll])


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((240, 320, 3), np.uint8),
        np.full((240, 320, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((2, 900, 3), np.uint8),
    ],
)
def test_a_picture_without_a_face_gives_none(tracker: FaceTracker, picture: np.ndarray) -> None:
    assert tracker.track(picture, 0.0) is None


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((240, 320), np.uint8),
        np.zeros((240, 320, 4), np.uint8),
        np.zeros((240, 320, 3), np.float32),
        np.zeros((0, 320, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(tracker: FaceTracker, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="picture"):
        tracker.track(picture, 0.0)


def test_a_timestamp_must_be_finite(tracker: FaceTracker) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        tracker.track(np.zeros((8, 8, 3), np.uint8), float("nan"))


def test_a_still_portrait_is_at_rest_and_steady(tracker: FaceTracker) -> None:
    picture = portrait()
    faces = [tracker.track(picture, i / 30) for i in range(60)]
    states = [face.state for face in faces if face is not None]
    assert len(states) == 60
    assert checked(states[-1]).timestamp == pytest.approx(59 / 30)
    assert np.degrees(np.abs(angles_from_rotation(states[-1].pose[:, :3]))).max() < 12
    assert np.abs(states[-1].translation).max() < 0.1
    assert np.abs(np.diff([s.expression for s in states[30:]], axis=0)).mean() < 0.01
    grin = states[-1].expression
    assert min(grin[INDEX["mouthSmileLeft"]], grin[INDEX["mouthSmileRight"]]) > 0.5, "she shows her teeth"
    assert set(faces[-1].seconds) == {"detect", "fit"}  # type: ignore[union-attr]


def test_the_state_survives_a_short_loss_and_time_that_stands_still(tracker: FaceTracker) -> None:
    picture, nothing = portrait(), np.zeros((512, 512, 3), np.uint8)
    before = [tracker.track(picture, i / 30) for i in range(30)][-1]
    assert tracker.track(nothing, 1.0) is None
    after = [tracker.track(picture, t) for t in (1.9, 1.9, 1.8, 1.95)][-1]
    assert before is not None and after is not None
    np.testing.assert_allclose(after.state.pose, before.state.pose, atol=0.06)
    assert tracker.track(picture, 2.0 + 2 * FORGET) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["webcam-glasses", "wink-turn-shout"])
def test_the_state_follows_what_the_landmarks_do(tracker: FaceTracker, name: str) -> None:
    pictures = list(frames(f"driving/{name}.mp4"))
    faces = follow(tracker, iter(pictures))
    points = raw(faces, pictures[0].shape[1], pictures[0].shape[0])
    assert len(faces) > 0.98 * len(pictures)
    expression = np.array([f.state.expression for f in faces])
    detail = np.array([f.state.detail for f in faces])
    gap = np.linalg.norm(points[:, 13, :2] - points[:, 14, :2], axis=1)
    height = np.linalg.norm(points[:, 10, :2] - points[:, 152, :2], axis=1)
    assert correlation(mouth_opening(MODEL.vertices(None, expression, detail)), gap / height) > 0.95
    angles = np.array([angles_from_rotation(f.state.pose[:, :3]) for f in faces])
    for axis, least in enumerate((0.95, 0.92, 0.95)):
        assert correlation(angles[:, axis], raw_angles(points)[:, axis]) > least
    for side, blink in (("left", "eyeBlinkLeft"), ("right", "eyeBlinkRight")):
        assert correlation(expression[:, INDEX[blink]], -eye_aspect(points, side)) > 0.85  # type: ignore[arg-type]


def test_winks_are_told_apart(tracker: FaceTracker) -> None:
    faces = follow(tracker, frames("driving/wink-turn-shout.mp4", count=120))
    left, right = (np.array([f.state.expression[INDEX[f"eyeBlink{s}"]] for f in faces]) for s in ("Left", "Right"))
    assert ((left > 0.7) & (right < 0.4)).any()


def test_one_of_several_people_is_followed(tracker: FaceTracker) -> None:
    faces = follow(tracker, frames("driving/several-people.mp4", count=150), fps=25)
    assert len(faces) > 120
    centres = np.array([f.landmarks[:, :2].mean(0) for f in faces])
    heights = np.array([np.ptp(f.landmarks[:, 1]) for f in faces])
    jumps = np.linalg.norm(np.diff(centres, axis=0), axis=1) > heights[1:]
    assert jumps.sum() <= 1


def test_the_larger_of_two_faces_is_chosen_and_kept(tracker: FaceTracker) -> None:
    face = portrait()[:256, 96:352]
    scene = np.full((480, 640, 3), 90, np.uint8)
    scene[200:360, 20:180] = cv2.resize(face, (160, 160))
    scene[60:460, 220:620] = cv2.resize(face, (400, 400))
    found = [tracker.track(scene, i / 30) for i in range(5)]
    assert all(f is not None and f.landmarks[:, 0].mean() > 0.4 for f in found)
    mirrored = np.ascontiguousarray(scene[:, ::-1])
    last = [tracker.track(mirrored, 6.0 + i / 30) for i in range(4)][-1]
    assert last is not None and last.landmarks[:, 0].mean() < 0.6
    assert last is not None and found[-1] is not None
    assert last.person != found[-1].person, "after so long it may be anybody"


def test_a_larger_face_that_takes_over_is_somebody_else(tracker: FaceTracker) -> None:
    face = portrait()[:256, 96:352]
    alone = np.full((480, 640, 3), 90, np.uint8)
    alone[240:460, 5:225] = cv2.resize(face, (220, 220))
    both = alone.copy()
    both[40:440, 235:635] = cv2.resize(face, (400, 400))
    before = [tracker.track(alone, i / 30) for i in range(2)][-1]
    after = [tracker.track(both, 1.0 + 1.1 * i) for i in range(4)]
    assert before is not None and after[0] is not None and after[-1] is not None
    assert after[0].landmarks[:, 0].mean() < 0.3 and after[0].person == before.person
    assert after[-1].landmarks[:, 0].mean() > 0.4 and after[-1].person != before.person


def test_the_start_hides_its_own_notices_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_start():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"the disk is full\n")
        os.write(2, b"W0000 00:00:1795902765.172594   22775 inference_feedback_manager.cc:114] Feedback manager\n")
        child = subprocess.Popen(["sh", "-c", "read line; echo late >&2"], stdin=subprocess.PIPE)
    child.communicate(b"now\n")
    said = ""
    while "late" not in said:
        said += capfd.readouterr().err
    assert said == "the disk is full\nlate\n"


def test_finding_a_face_again_leaves_stderr_alone(tracker: FaceTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    monkeypatch.setattr(os, "dup2", lambda *descriptors: moved.append(descriptors[1]))
    tracker.reset()
    assert moved == []
