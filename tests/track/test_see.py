"""Real faces in spoiled videos: every frame gets its verdict."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from offline.track.reasons import Reason
from offline.track.see import Seen, see
from runtime.errors import BadInput
from tests.track.films import Picture, person, write_video

SPOILED = range(30, 45)


@pytest.fixture(scope="module")
def man() -> list[Picture]:
    return person("subjects/turning-16s.mp4", 75)


@pytest.fixture(scope="module")
def other() -> list[Picture]:
    return person("subjects/address-47s.mov", 40)


def look(path: Path, frames: list[Picture], times: list[float] | None = None) -> Seen:
    return see(write_video(path / "film.mkv", frames, times=times), progress=False)


def reasons(seen: Seen) -> set[Reason]:
    return {verdict for verdict in seen.verdicts if verdict is not None}


def frames_of(seen: Seen, *wanted: Reason) -> list[int]:
    return [i for i, verdict in enumerate(seen.verdicts) if verdict in wanted]


def test_of_a_clean_video_every_frame_is_used(man: list[Picture], tmp_path: Path) -> None:
    seen = look(tmp_path, man)
    assert seen.index == list(range(75)) and not seen.notes and set(seen.segments) == {0}
    assert seen.fps == pytest.approx(25) and (seen.width, seen.height) == (256, 256)


def test_repeated_frames_are_found_exactly(man: list[Picture], tmp_path: Path) -> None:
    """25 frames a second shown at 30: each fifth twice."""
    doubled = [frame for i, frame in enumerate(man) for frame in [frame] * (2 if i % 5 == 4 else 1)]
    seen = see(write_video(tmp_path / "film.mkv", doubled, crf=0), progress=False)
    assert frames_of(seen, Reason.REPEAT) == list(range(5, 90, 6)) and len(seen.index) == 75
    assert reasons(seen) == {Reason.REPEAT} and set(seen.segments) == {0}


def test_a_jump_cut_begins_a_segment(tmp_path: Path) -> None:
    head, tail = person("subjects/turning-16s.mp4", 40), person("subjects/turning-16s.mp4", 35, first=140)
    seen = look(tmp_path, head + tail)
    assert seen.index == list(range(75))
    assert seen.segments.tolist() == [0] * 40 + [1] * 35


def test_someone_else_between_two_cuts_is_left_out(man: list[Picture], other: list[Picture], tmp_path: Path) -> None:
    seen = look(tmp_path, man[:30] + other[:20] + man[30:60])
    dropped = frames_of(seen, Reason.OTHER_PERSON, Reason.NO_FACE, Reason.COVERED)
    assert set(range(30, 50)) <= set(dropped) <= set(range(26, 54))
    assert Reason.OTHER_PERSON in reasons(seen) and seen.segments.max() == 1


def test_a_second_face_beside_is_left_out(man: list[Picture], other: list[Picture], tmp_path: Path) -> None:
    wide = [np.concatenate([frame, np.full_like(frame, 200)], 1) for frame in man]
    for i in range(30, 42):
        wide[i][:, 180:340] = other[i - 30][:, 50:210]
    seen = look(tmp_path, wide)
    dropped = frames_of(seen, Reason.OTHER_FACE)
    assert set(range(32, 42)) <= set(dropped) <= set(range(24, 48))
    assert reasons(seen) == {Reason.OTHER_FACE}


def test_a_face_that_leaves_the_picture(man: list[Picture], tmp_path: Path) -> None:
    """The picture slides to the right by up to three quarters and comes back."""
    frames = []
    for i, frame in enumerate(man):
        shift = int(192 * np.clip(1 - abs(i - 37) / 12, 0, 1))
        frames.append(np.concatenate([np.full_like(frame[:, :shift], 210), frame[:, : 256 - shift]], 1))
    seen = look(tmp_path, frames)
    dropped = frames_of(seen, Reason.LEAVES, Reason.NO_FACE)
    assert set(range(34, 41)) <= set(dropped) <= set(range(27, 52))
    assert reasons(seen) <= {Reason.LEAVES, Reason.NO_FACE, Reason.SCRAP} and Reason.LEAVES in reasons(seen)


def test_a_hand_before_the_face(man: list[Picture], tmp_path: Path) -> None:
    """A patch of the man's own skin over mouth and chin, grained and shaded, stands for the hand."""
    frames = [frame.copy() for frame in man]
    grain = np.random.default_rng(0).normal(0, 4, (66, 90, 1)) + np.linspace(-12, 12, 90)[None, :, None]
    for i in SPOILED:
        skin = np.median(frames[i][95:110, 105:120].reshape(-1, 3), 0)
        frames[i][128:194, 76:166] = np.clip(skin + grain, 0, 255)
    seen = look(tmp_path, frames)
    dropped = frames_of(seen, Reason.COVERED)
    assert set(SPOILED) <= set(dropped) <= set(range(26, 49)) and reasons(seen) == {Reason.COVERED}


def test_blurred_frames_are_left_out(man: list[Picture], tmp_path: Path) -> None:
    frames = list(man)
    for i in SPOILED:
        frames[i] = np.asarray(cv2.blur(man[i], (9, 9)), np.uint8)
    assert frames_of(look(tmp_path, frames), Reason.BLURRED) == list(SPOILED)


def test_a_variable_rate_keeps_the_files_times(man: list[Picture], tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.08], 75)).round(3)
    seen = look(tmp_path, man, times.tolist())
    np.testing.assert_allclose(seen.times, times - times[0], atol=1e-3)
    assert len(seen.notes) == 1 and "varies" in seen.notes[0] and set(seen.segments) == {0}


def test_a_recording_whose_size_grows_is_used_as_a_whole(man: list[Picture], tmp_path: Path) -> None:
    """As recordings of calls do: first 192², then 256², and for a moment another shape."""
    small = [np.asarray(cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA), np.uint8) for frame in man[:25]]
    wide = [np.ascontiguousarray(frame[32:224]) for frame in man[25:35]]
    pieces = (write_video(tmp_path / f"{n}.ts", frames) for n, frames in enumerate((small, wide, man[35:])))
    (tmp_path / "film.ts").write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    seen = see(tmp_path / "film.ts", progress=False)
    assert (seen.width, seen.height) == (256, 256)
    assert frames_of(seen, Reason.OTHER_SHAPE) == list(range(25, 35))
    assert len(seen.index) >= 62 and {0, 24, 35, 74} <= {*seen.index, *frames_of(seen, Reason.REPEAT)}
    assert any("between 192 and 256 pixels" in note for note in seen.notes)
    assert any("shape changes; 13% of the frames" in note for note in seen.notes)
    assert not any("cut" in note for note in seen.notes)


def test_the_rate_is_exact_where_the_file_rounds_its_times(man: list[Picture], tmp_path: Path) -> None:
    """Matroska keeps milliseconds: 33, 33, 34."""
    assert look(tmp_path, man, [i / 30 for i in range(75)]).fps == pytest.approx(30, abs=0.02)


def test_a_pause_in_the_file_begins_a_segment(man: list[Picture], tmp_path: Path) -> None:
    times = [i / 25 + (1.5 if i >= 50 else 0) for i in range(75)]
    seen = look(tmp_path, man, times)
    assert seen.segments.tolist() == [0] * 50 + [1] * 25


def test_portrait_format_is_used_whole(man: list[Picture], tmp_path: Path) -> None:
    seen = look(tmp_path, [frame[:, 48:208] for frame in man])
    assert (seen.width, seen.height) == (160, 256) and len(seen.index) == 75


def test_a_cut_file_says_how_much_was_read(man: list[Picture], tmp_path: Path) -> None:
    video = write_video(tmp_path / "film.mkv", man * 2)
    video.write_bytes(video.read_bytes()[: int(video.stat().st_size * 0.7)])
    seen = see(video, progress=False)
    assert 60 < len(seen.index) < 140 and "it was cut" in seen.notes[0]


def test_a_long_video_is_looked_at_up_to_a_limit(
    man: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.track.look.LONGEST", 2.2)
    seen = look(tmp_path, man)
    assert len(seen.index) == 56 and seen.notes == ["Only the first 0.0 minutes are used."]


def test_a_small_face_is_refused_with_advice(man: list[Picture], tmp_path: Path) -> None:
    frames = []
    for frame in man[:60]:
        canvas = np.full((240, 320, 3), 180, np.uint8)
        canvas[60:188, 90:218] = cv2.resize(frame, (128, 128), interpolation=cv2.INTER_AREA)
        frames.append(canvas)
    with pytest.raises(BadInput, match=r"face too small in frames 0-59 \(0\.0-2\.4 s\).*come closer"):
        look(tmp_path, frames)


def test_a_refusal_names_the_frames_and_what_to_film(man: list[Picture], tmp_path: Path) -> None:
    frames = man[:20] + [np.full_like(man[0], 90 + i % 5 * 20) for i in range(40)] + man[20:35]
    with pytest.raises(BadInput, match=r"no face in frames 20-59 \(0\.8-2\.4 s\).*keep your face in the picture"):
        look(tmp_path, frames)


def test_a_still_picture_is_refused(man: list[Picture], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="repeats the frame before"):
        look(tmp_path, [man[0]] * 75)
