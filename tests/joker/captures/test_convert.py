"""Other people's datasets as captures: what is found in their folders, what is chosen and what is left out."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from offline.joker.captures.convert.captions import ANYONE, one_of_each, tidy
from offline.joker.captures.convert.celebv import clips
from offline.joker.captures.convert.choosing import most_expressive
from offline.joker.captures.convert.heads import fit_heads
from offline.joker.captures.convert.nersemble import WIDTH, Participant, calibrated, participants
from offline.joker.captures.convert.nersemble_sentences import EXPRESSIVE, SENTENCES, sentence
from offline.joker.captures.convert.people import TOO_FEW, Settings, convert
from offline.joker.captures.convert.stills import TURNED, UNREADABLE, Finder, fault
from offline.joker.captures.framing import Framing
from offline.joker.captures.layout import read
from offline.joker.prior import cli as prior_cli
from offline.track.reasons import Reason
from runtime.contract.axes import rotation_from_angles
from runtime.errors import BadInput
from runtime.tracking.fit import COEFFICIENTS, Solution
from tests.track.films import noise, person, write_video


def file(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_the_calm_frontal_picture_comes_first_and_then_what_differs() -> None:
    expressions = np.zeros((5, 52))
    expressions[1, 0], expressions[2, 0], expressions[3, 1] = 1.0, 0.95, 0.8
    angles = np.zeros((5, 2))
    angles[4, 0] = 0.3
    nothing = [""] * 5
    # 1: 1 + 2·1. Then 2 is 0.05 from it: 0.95 + 0.1; 3 is 0.8 from rest and 1.28 from 1: 0.8 + 1.6; 4: 0.15 + 0.3.
    assert most_expressive(expressions, angles, nothing, 3) == [0, 1, 3]
    assert most_expressive(expressions, angles, nothing, 9) == [0, 1, 3, 2, 4]
    tongue = ["", "", "a tongue", "", ""]
    assert most_expressive(expressions, angles, tongue, 2) == [0, 2]
    assert most_expressive(np.zeros((0, 52)), np.zeros((0, 2)), [], 3) == []


def test_captions_are_lower_case_bounded_and_never_empty(tmp_path: Path) -> None:
    assert tidy("  The Woman \t smiles. ") == "the woman smiles"
    assert tidy("word " * 200).split() == ["word"] * 60  # 60 · 5 - 1 = 299 characters
    rng = np.random.default_rng(0)
    assert one_of_each([], rng) == one_of_each([tmp_path / "none.txt"], rng) == ANYONE
    first = file(tmp_path / "a.txt", "She Smiles.\n\nShe is happy.\n")
    second = file(tmp_path / "b.txt", "She talks.")
    said = {one_of_each([first, second], rng) for _ in range(20)}
    assert said == {"she smiles. she talks", "she is happy. she talks"}
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe caf\xe9")
    assert one_of_each([tmp_path / "c.txt"], rng).endswith("caf�")


def test_celebv_clips_come_from_as_many_videos_as_possible_with_their_texts(tmp_path: Path) -> None:
    for name in ("aaaaaaaaaaa_0", "aaaaaaaaaaa_1", "bbbbbbbbbbb_0_2"):
        file(tmp_path / f"videos/celebvtext_6/{name}.mp4")
    file(tmp_path / "raw/ccccccccccc.mp4")
    action = file(tmp_path / "texts/action_dur/aaaaaaaaaaa_0.txt")
    emotion = file(tmp_path / "texts/emotion/aaaaaaaaaaa_0.txt")
    file(tmp_path / "texts/light_dir/aaaaaaaaaaa_0.txt")
    beside = file(tmp_path / "videos/celebvtext_6/bbbbbbbbbbb_0_2.txt")
    found = clips(tmp_path)
    assert [clip.name for clip in found] == ["aaaaaaaaaaa_0", "bbbbbbbbbbb_0_2", "aaaaaaaaaaa_1"]
    assert [clip.texts for clip in found] == [(emotion, action), (beside,), ()]
    assert [clip.name for clip in clips(tmp_path, 1)] == ["aaaaaaaaaaa_0"]
    with pytest.raises(BadInput, match="no clips"):
        clips(tmp_path / "texts")


@pytest.mark.parametrize("place", ["sequences/{}/images", "{}"], ids=["version 2", "version 1"])
def test_nersemble_participants_by_the_layout_of_both_versions(tmp_path: Path, place: str) -> None:
    for sequence in ("EXP-6-tongue-1", "BACKGROUND", "SEN-04-two_plus_seven"):
        for serial in ("220700191", "222200037"):
            file(tmp_path / "017" / place.format(sequence) / f"cam_{serial}.mp4")
    file(tmp_path / "metadata_sequences.csv")
    (only,) = participants(tmp_path)
    assert only.name == "017" and only.calibration is None
    assert [(take.name, [v.stem for v in take.videos]) for take in only.takes] == [
        ("EXP-6-tongue-1", ["cam_222200037", "cam_220700191"])
    ]
    (everything,) = participants(tmp_path, names=())
    assert [take.name for take in everything.takes] == ["EXP-6-tongue-1", "SEN-04-two_plus_seven"]
    with pytest.raises(BadInput, match="no participant"):
        participants(tmp_path, names=("HAIR",))


def test_the_calibration_gives_the_lens_that_all_cameras_share(tmp_path: Path) -> None:
    inside = [[8190.0, 0.0, 1102.2], [0.0, 8190.0, 1604.0], [0.0, 0.0, 1.0]]
    lens = calibrated(file(tmp_path / "a.json", json.dumps({"world_2_cam": {}, "intrinsics": inside})))
    assert lens is not None and lens.focal == pytest.approx(8190 / WIDTH)
    assert lens.centre == pytest.approx((0.501, 0.5))
    assert calibrated(None) is None
    for broken in ("{", "[]", "{}", '{"intrinsics": [[1, 2], [3]]}', '{"intrinsics": [[1, 2], [3, 4]]}'):
        with pytest.raises(BadInput, match="intrinsics"):
            calibrated(file(tmp_path / "b.json", broken))


def test_heads_of_no_use_are_told_by_their_fit() -> None:
    frontal = Solution(np.eye(3), np.array([0.0, 0.0, -9.0]), np.zeros(COEFFICIENTS))
    away = Solution(rotation_from_angles(1.2, 0, 0).astype(np.float64), frontal.translation, frontal.coefficients)
    assert fault(frontal, 0.01, Framing.of(frontal), side=256, size=512) is None
    assert fault(frontal, 0.01, Framing.of(frontal), side=255, size=512) == Reason.TINY.words
    assert fault(frontal, 0.5, Framing.of(frontal), side=256, size=512) == Reason.NO_FIT.words
    assert fault(None, np.inf, None, side=0, size=512) == Reason.NO_FIT.words
    assert fault(away, 0.01, Framing.of(away), side=256, size=512) == TURNED


def test_blurred_faces_and_those_at_the_border_are_left_out() -> None:
    (rgb,) = person("subjects/turning-16s.mp4", 1, 60, 256)
    small = cv2.resize(rgb, (32, 32), interpolation=cv2.INTER_AREA)
    blurred = np.asarray(cv2.resize(small, (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
    tally: Counter[str] = Counter()
    with Finder() as finder:
        assert finder.find(rgb, "", tally) is not None and not tally
        assert finder.find(blurred, "", tally) is None
        assert finder.find(np.ascontiguousarray(rgb[:, :140]), "", tally) is None
    assert tally[Reason.BLURRED.words] == 1 and sum(tally.values()) == 2


def test_every_sequence_has_a_sentence() -> None:
    assert set(EXPRESSIVE) < set(SENTENCES) and len(SENTENCES) == 26
    assert all(said == tidy(said) for said in SENTENCES.values())
    assert "tongue" in sentence("EXP-6-tongue-1")
    assert sentence("SEN-01-port_strong_smokey") == SENTENCES["SEN-10-port_strong_smokey"]  # version 1's number
    assert sentence("NEW-1-thing") == sentence("x") == ANYONE


def test_what_cannot_be_used_is_counted_and_not_tried_again(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    file(source / "broken_video_0.mp4", "no video")
    write_video(source / "noise_noise_0.mp4", noise(8))
    settings = Settings(size=64, pictures=3, looked=3)
    wanted = Counter({Reason.NO_FACE.words: 3, UNREADABLE: 1, TOO_FEW: 2})
    first = convert(clips(source), out, "celebv", settings, workers=1)
    assert (first.people, first.pictures, first.left_out) == (0, 0, wanted)
    (source / "broken_video_0.mp4").unlink()
    write_video(source / "broken_video_0.mp4", noise(8))
    again = convert(clips(source), out, "celebv", settings, workers=1)
    assert again.left_out == wanted
    with pytest.raises(BadInput, match="other captures"):
        convert(clips(source), out, "nersemble", settings, workers=1)


def test_a_real_clip_becomes_captures(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    write_video(source / "turning_man_0.mp4", person("subjects/turning-16s.mp4", 60, 60, 256))
    file(source / "turning_man_0.txt", "The man turns his head.")
    made = convert(clips(source), out, "celebv", Settings(size=128, pictures=2, looked=3), workers=1)
    assert (made.people, made.pictures, sum(made.left_out.values())) == (1, 2, 0)
    (someone,) = read(out).people
    assert [frame.caption for frame in someone.frames] == ["the man turns his head"] * 2
    calm, other = (np.hypot(frame.yaw, frame.pitch) for frame in someone.frames)
    assert calm < other
    for n in range(2):
        alpha, normals = someone.picture(n)[..., 3], someone.normals(n)
        face = normals.any(-1)
        assert 0.1 < face.mean() < 0.35  # a face of about 1.5 dm by 1.8 dm, turned, in 3.1 dm squared
        assert (alpha[face] > 200).mean() > 0.97  # the head model's face lies within the person
        assert (alpha[:8, :8] < 50).all()


def test_other_cameras_see_the_moments_of_the_first(tmp_path: Path) -> None:
    """The second camera shows the same film lower and smaller; expression and caption must be the first one's."""
    home = tmp_path / "017/sequences/EXP-6-tongue-1/images"
    home.mkdir(parents=True)
    film = person("driving/tongue.mp4", 40, 80, 256)
    write_video(home / "cam_222200037.mp4", film)
    write_video(home / "cam_220700191.mp4", [np.pad(f, ((64, 0), (32, 32), (0, 0)), mode="edge") for f in film])
    (home / "cam_222200036.mp4").write_bytes(b"cut")
    (someone,) = participants(tmp_path)
    assert isinstance(someone, Participant)
    tally: Counter[str] = Counter()
    with Finder() as finder:
        shots = list(someone.shots(finder, Settings(size=128, pictures=1, looked=2), tally))
    assert tally == {UNREADABLE: 1}
    first, second = shots
    np.testing.assert_array_equal(second.solution.coefficients, first.solution.coefficients)
    assert second.still.caption == first.still.caption == SENTENCES["EXP-6-tongue-1"]
    # The same picture under the other picture's centre and width: nearer turns than 5° only if the lens is right.
    assert abs(second.framing.yaw - first.framing.yaw) < 0.09


def test_nobody_fits_a_clip_without_faces() -> None:
    tally: Counter[str] = Counter()
    assert fit_heads([], 64, tally) is None


@pytest.mark.parametrize("option", [["--size", "100"], ["--looked", "0"], ["--people", "0"], ["--sequences", "EXP-6"]])
def test_options_out_of_range_are_refused(option: list[str], tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    prior_cli.add_arguments(parser)
    words = ["convert", "nersemble", str(tmp_path), "-o", str(tmp_path / "out"), *option]
    with pytest.raises(BadInput, match=option[1] if option[0] == "--sequences" else option[0]):
        prior_cli.run(parser.parse_args(words))
