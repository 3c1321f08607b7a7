"""Captures on disk and what pairs are drawn from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offline.joker.captures.layout import Captures, Frame, create, finish, read, write_frame
from offline.joker.prior.pairs import Pairs, diverse_reference, target_odds
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.errors import BadInput


def _expression(**values: float) -> tuple[float, ...]:
    return tuple(values.get(name, 0.0) for name in EXPRESSIONS)


FRAMES = (
    Frame("000", "a face", _expression()),
    Frame("001", "a face with the mouth open", _expression(jawOpen=0.5)),
    Frame("002", "a face with the tongue out", _expression(jawOpen=0.5)),
    Frame("003", "a face shouting", _expression(jawOpen=1.0)),
    Frame("004", "a face smiling", _expression(mouthSmileLeft=0.1)),
)


@pytest.fixture
def captures(tmp_path: Path) -> Captures:
    """One person whose frame n is of the colour 40·n, opaque in its left half."""
    create(tmp_path, 8, "test")
    for n, frame in enumerate(FRAMES):
        rgba = np.zeros((8, 8, 4), np.uint8)
        rgba[..., :3] = 40 * n
        rgba[:, :4, 3] = 255
        write_frame(tmp_path / "one", frame.name, rgba, np.full((8, 8, 3), 10 * n, np.uint8))
    finish(tmp_path / "one", FRAMES)
    return read(tmp_path)


def _pairs(captures: Captures, **given: object) -> Pairs:
    values: dict[str, object] = {"size": 4, "reference": "frontal", "dropout": 0.0, "tint": 0.0} | given
    return Pairs([captures], **values)  # type: ignore[arg-type]


def test_pictures_are_averaged_down_and_laid_over_grey(captures: Captures) -> None:
    batch = _pairs(captures).fixed([(0, 3)])
    assert batch.target.shape == (1, 3, 4, 4)
    np.testing.assert_allclose(batch.target[0, :, 0], [[120 / 255] * 2 + [0.5] * 2] * 3, atol=1e-6)
    np.testing.assert_allclose(batch.normals, 30 / 255, atol=1e-6)
    assert batch.captions == ["a face shouting"]
    assert float(batch.reference[0, 0, 0, 0]) == 0.0


def test_the_reference_is_one_of_the_three_farthest_by_four_two_one(captures: Captures) -> None:
    # From frame 3 (jawOpen 1): 4 and 0 are about 1 away, 1 and 2 half of it and equal: 4, 0, then either of them.
    rng = np.random.default_rng(0)
    drawn = [diverse_reference(captures.people[0], 3, rng) for _ in range(7000)]
    counts = {n: drawn.count(n) / 1000 for n in range(5)}
    # Three standard deviations of a binomial share of 7000 draws are 0.13 of these units.
    assert counts == pytest.approx({0: 2.0, 1: 0.5, 2: 0.5, 3: 0.0, 4: 4.0}, abs=0.15)


def test_a_tongue_and_a_strong_expression_are_drawn_more_often(captures: Captures) -> None:
    # Rank: norm + 2 · farthest other, over the largest (3): 2.01/3, 1.52/3 (twice), 3.01/3.01, 2.11/3.
    odds = target_odds(captures.people[0])
    far = np.hypot(1, 0.1)
    rank = np.array([2 * 1.0, 0.5 + 2 * np.hypot(0.5, 0.1), 0.5 + 2 * np.hypot(0.5, 0.1), 1 + 2 * far, 0.1 + 2 * far])
    by_hand = 1 + rank / rank.max() + np.array([0, 0, 1, 0, 0])
    np.testing.assert_allclose(odds, by_hand / by_hand.sum(), rtol=1e-6)
    assert odds[2] == odds.max()


def test_text_is_dropped_as_often_as_asked(captures: Captures) -> None:
    batch = _pairs(captures, dropout=0.1).draw(2000, np.random.default_rng(0))
    # Four standard deviations of the share of 2000 draws.
    assert batch.captions.count("") / 2000 == pytest.approx(0.1, abs=0.027)


def test_both_pictures_of_a_pair_get_the_same_tint_and_the_background_none(captures: Captures) -> None:
    batch = _pairs(captures, tint=0.3).draw(50, np.random.default_rng(0))
    assert float((batch.target[:, :, :, 2:] - 0.5).abs().max()) < 1e-6
    inside = batch.target[:, :, 0, 0]
    shades = [n for n in range(50) if 0 < float(inside[n].max()) < 0.9]
    assert len({round(float(inside[n, 0] / inside[n, 1]), 3) for n in shades}) > 20


def test_the_same_generator_draws_the_same_pairs(captures: Captures) -> None:
    one, two = (_pairs(captures, tint=0.1).draw(9, np.random.default_rng(3)) for _ in range(2))
    assert one.captions == two.captions
    assert bool((one.target == two.target).all())


def test_sources_are_drawn_equally_often_however_many_people_they_have(captures: Captures) -> None:
    crowd = replace(captures, people=captures.people * 9)
    pairs = Pairs([crowd, captures], 4, "frontal", 0.0, 0.0)
    rng = np.random.default_rng(0)
    last = [pairs._random_person(rng) == 9 for _ in range(2000)]
    # Four standard deviations of the share of 2000 draws.
    assert np.mean(last) == pytest.approx(0.5, abs=0.045)


def test_captures_of_another_size_are_named(captures: Captures) -> None:
    with pytest.raises(BadInput, match="8 pixels"):
        Pairs([captures], 3, "frontal", 0.0, 0.0)


def test_memory_for_pictures_is_bounded(captures: Captures) -> None:
    pairs = _pairs(captures, memory=2 * 7 * 16)
    pairs.draw(50, np.random.default_rng(0))
    assert len(pairs._kept) == 2


def test_people_that_are_not_finished_are_left_out(captures: Captures) -> None:
    write_frame(captures.folder / "two", "000", np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.uint8))
    assert [p.folder.name for p in read(captures.folder).people] == ["one"]


def test_a_frame_cannot_be_outside_its_folder(captures: Captures) -> None:
    path = captures.folder / "one" / "person.json"
    values = json.loads(path.read_text())
    values["frames"][0]["name"] = "../../secret"
    path.write_text(json.dumps(values))
    with pytest.raises(BadInput, match="outside"):
        read(captures.folder)


def test_a_typo_in_a_frames_key_is_named(captures: Captures) -> None:
    path = captures.folder / "one" / "person.json"
    values = json.loads(path.read_text())
    values["frames"][0]["captoin"] = values["frames"][0].pop("caption")
    path.write_text(json.dumps(values))
    with pytest.raises(BadInput, match="caption"):
        read(captures.folder)


def test_what_cannot_be_read_says_what_to_do(captures: Captures, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="mien prior world"):
        read(tmp_path / "nothing")
    (captures.folder / "one" / "003.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"003\.png"):
        captures.people[0].picture(3)
    with pytest.raises(BadInput, match="other captures"):
        create(captures.folder, 16, "test")


def test_expressions_are_by_name() -> None:
    assert FRAMES[3].expression[INDEX["jawOpen"]] == 1.0


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("captures.json", {"size": "large"}, "needs a size of 1 to 4096 pixels"),
        ("captures.json", {"size": 10**9}, "needs a size of 1 to 4096 pixels"),
        ("captures.json", {"head": "mine"}, "unknown head 'mine'"),
        ("one/person.json", {"frames": [1, 2]}, "a frame that is no mapping"),
        ("one/person.json", {"frames": [{"name": "000"}, {}]}, "a frame that cannot be read"),
        (
            "one/person.json",
            {"frames": [{"name": "000", "caption": "", "expression": [0.0]}] * 2},
            "52 finite coefficients",
        ),
        (
            "one/person.json",
            {"frames": [{"name": "../000", "caption": "", "expression": [0.0] * 52}] * 2},
            "outside its folder",
        ),
    ],
)
def test_damaged_captures_are_refused(captures: Captures, name: str, change: dict[str, object], says: str) -> None:
    path = captures.folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadInput, match=says):
        read(captures.folder)


@pytest.mark.parametrize("written", ["", "[" * 100_000, "[1]", " " * (16 * 2**20 + 1)])
def test_captures_that_are_no_mapping_are_refused(captures: Captures, written: str) -> None:
    (captures.folder / "captures.json").write_text(written)
    with pytest.raises(BadInput, match=r"captures\.json' (cannot be read|is not a mapping)"):
        read(captures.folder)
