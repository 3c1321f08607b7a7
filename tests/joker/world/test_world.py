"""The studio's world: what only captions tell apart, and the data written of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from offline.joker.captures.layout import create, finish, write_frame
from offline.joker.captures.normals import head_normals
from offline.joker.captures.views import head_camera
from offline.joker.prior.ambiguity import Case, answer, picture_of
from offline.joker.world.dataset import PITCH, YAW, shots, write_world
from offline.joker.world.looks import EVERYDAY, FAMILIES, Look, caption, expression, person, weakened, words
from runtime.contract.head_model import HeadModel


def test_the_looks_of_a_family_have_the_same_coefficients_and_other_sentences() -> None:
    for family in FAMILIES.values():
        assert len({tuple(expression(look)) for look in family}) == 1
        phrases = [phrase for look in family for phrase in look.phrases]
        assert len(set(phrases)) == len(phrases)
        assert len({look.manner for look in family}) == len(family)


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, id=n, marks=() if n == "frown" else pytest.mark.slow) for n, f in FAMILIES.items()],
)
def test_the_looks_of_a_family_are_told_apart_by_their_pictures(family: tuple[Look, ...]) -> None:
    who = person(3)
    truths = torch.stack([picture_of(who, look, 0.2, 0.0, 32) for look in family])
    names = tuple(look.name for look in family)
    noise = 0.05 * torch.randn(truths.shape, generator=torch.Generator().manual_seed(0))
    for name, truth, n in zip(names, truths, noise, strict=True):
        case = Case(name, names, "", truth, truth, truths)
        assert answer((truth + n).clamp(0, 1), case) == name


def test_a_weakened_look_is_between_rest_and_the_look() -> None:
    tongue = FAMILIES["open mouth"][1]
    half = weakened(tongue, 0.5)
    assert half.manner.tongue == 0.5
    assert half.coefficients["jawOpen"] == pytest.approx(0.275)
    assert half.phrases == tongue.phrases


def test_captions_are_made_of_known_words_and_vary() -> None:
    rng = np.random.default_rng(0)
    said = {caption(FAMILIES["open mouth"][1], rng) for _ in range(50)}
    assert len(said) == 12
    assert {word for sentence in said for word in sentence.split()} <= set(words())


def test_people_differ_and_are_always_the_same() -> None:
    assert person(5) == person(5)
    assert person(5).cloth != person(6).cloth


def test_shots_begin_with_the_frontal_neutral_face() -> None:
    taken = shots(1, 40)
    first = taken[0].frame
    assert (first.look, first.yaw, first.pitch) == (EVERYDAY[0].name, 0.0, 0.0)
    assert not any(first.expression)
    assert all(abs(s.frame.yaw) <= YAW and abs(s.frame.pitch) <= PITCH for s in taken)
    assert shots(1, 40) == taken


def test_a_stopped_world_goes_on(tmp_path: Path) -> None:
    create(tmp_path, 64, "studio")
    blank = np.zeros((64, 64, 4), np.uint8)
    taken = [shot.frame for shot in shots(0, 1)]
    for frame in taken:
        write_frame(tmp_path / "000000", frame.name, blank, blank[..., :3])
    finish(tmp_path / "000000", taken)
    write_frame(tmp_path / "000001", "000", blank, blank[..., :3])  # where the kill came
    made = write_world(tmp_path, 2, 1, 64, workers=1)
    assert [len(p.frames) for p in made.people] == [2, 2]
    assert not made.people[0].picture(0).any()
    assert made.people[1].picture(0)[..., 3].mean() > 50
    mean = head_normals(HeadModel.load(), None, np.zeros(52, np.float32), head_camera(), 64).transpose(1, 2, 0)
    assert made.head == "fitted" and made.people[1].normals(0).any()
    assert np.abs(made.people[1].normals(0) - 255 * mean).mean() > 1  # the person's own, not the mean head's


def test_the_head_model_cannot_tell_a_tongue() -> None:
    inside, out = FAMILIES["open mouth"][:2]
    model = HeadModel.load()
    assert np.array_equal(model.vertices(None, expression(inside)), model.vertices(None, expression(out)))
