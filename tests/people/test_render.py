"""Pictures of people: consistent with the mesh, moved by every coefficient, with hair, teeth and a soft matte."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from offline.people import Model, Person, Render, prepared, render
from offline.people.hairstyles import STYLES
from offline.people.render import landmarks, to_world
from offline.people.shade import Material
from runtime.contract.axes import Camera, Neck, portrait_camera
from runtime.contract.drive import EXPRESSIONS, DriveState
from tests.people.conftest import State, model

BACKGROUND = (0.78, 0.80, 0.82)
TOOTH, SKIN = Material.TOOTH + 1, Material.SKIN + 1


def test_the_matte_is_soft_and_the_colour_within_it(bald: Model, state: State) -> None:
    picture = render(bald, state(), portrait_camera(), 96)
    assert picture.alpha[:3].max() == 0 and picture.alpha[20:40, :10].max() == 0, "nothing beside the head"
    assert picture.alpha[-10:, 30:66].min() > 0.99, "the chest fills the bottom"
    assert ((picture.alpha > 0.05) & (picture.alpha < 0.95)).any(), "edges are soft"
    assert (picture.color <= picture.alpha[..., None] + 1e-4).all(), "colour is premultiplied"
    rgba = picture.rgba()
    assert rgba.shape == (96, 96, 4) and (rgba[picture.alpha == 0] == 0).all()


def test_a_vertex_is_where_the_picture_shows_it(bald: Model, state: State) -> None:
    moment, camera, size = state(yaw=20, pitch=5, jawOpen=0.5), portrait_camera(0.1), 128
    picture = render(bald, moment, camera, size)
    world = landmarks(bald, moment)
    depth = world @ camera.extrinsics[2, :3] + camera.extrinsics[2, 3]
    # The tip of the nose, the chin, the forehead and the lower lip are in front of all else.
    for landmark in (1, 152, 10, 17):
        column, row = (camera.project(world[landmark]) * size).astype(int)
        assert abs(picture.depth[row, column] - depth[landmark]) < 0.06


def test_world_places_are_those_that_the_neck_takes_back(state: State) -> None:
    moment = replace(state(yaw=35, pitch=-20, roll=15), translation=np.array([0.2, -0.1, 0.5], np.float32))
    places = np.random.default_rng(0).uniform([-1, -1.6, -1], [1, 1.5, 0.6], (200, 3)).astype(np.float32)
    back = Neck().to_head(to_world(places, moment.pose), moment.pose)
    np.testing.assert_allclose(back, places, atol=1e-3)


def test_shoulders_stay_when_the_head_turns(bald: Model, state: State) -> None:
    still, moment = render(bald, state(), portrait_camera(), 96), state(yaw=30)
    pivot = Neck().pivot
    stay = (pivot - moment.pose[:, :3] @ pivot).astype(np.float32)
    turned = render(bald, replace(moment, translation=stay), portrait_camera(), 96)
    rows = slice(84, 96)
    both = (still.depth[rows] > 0) & (turned.depth[rows] > 0)
    assert np.abs(still.depth[rows] - turned.depth[rows])[both].max() < 0.02
    assert np.abs(still.color[20:50] - turned.color[20:50]).mean() > 0.02


def test_every_coefficient_moves_what_is_drawn(bald: Model, state: State) -> None:
    # The mouth is slightly open so that it can close.
    base, _ = bald.vertices(state(jawOpen=0.3).expression)
    moved = {n: bald.vertices(state(**({"jawOpen": 0.3} | {n: 1.0})).expression)[0] - base for n in EXPRESSIONS}
    assert [n for n, by in moved.items() if np.linalg.norm(by, axis=1).max() < 0.03] == []


@pytest.mark.parametrize("name", ["eyeBlink", "mouthSmile", "browDown", "mouthLowerDown", "noseSneer"])
def test_left_is_the_subjects_left(bald: Model, state: State, face_camera: Camera, name: str) -> None:
    base = render(bald, state(), face_camera, 64).color
    change = np.abs(render(bald, state(**{name + "Left": 1.0}), face_camera, 64).color - base).sum(-1)
    assert change[:, 32:].sum() > 2 * change[:, :32].sum(), "the subject's left is the picture's right"


def test_gaze_moves_the_irises(bald: Model, state: State, face_camera: Camera) -> None:
    def middle(**values: float) -> float:
        picture = render(bald, state(**values), face_camera, 160)
        dark = (picture.labels == Material.EYE + 1) * (0.75 - picture.color.mean(-1)).clip(0)
        return float((dark * np.arange(160)).sum() / dark.sum())

    assert middle(eyeLookOutLeft=1, eyeLookInRight=1) > middle() + 1.5
    assert middle(eyeLookInLeft=1, eyeLookOutRight=1) < middle() - 1.5


def test_teeth_show_between_open_lips_only(bald: Model, state: State, face_camera: Camera) -> None:
    shut = render(bald, state(), face_camera, 160).labels
    lips = {"mouthUpperUpLeft": 0.8, "mouthUpperUpRight": 0.8, "mouthLowerDownLeft": 0.8, "mouthLowerDownRight": 0.8}
    grin = render(bald, state(jawOpen=0.15, **lips), face_camera, 160).labels
    assert (shut == TOOTH).sum() <= 3
    assert (grin == TOOTH).sum() > 60


@cache
def _bare() -> Render:
    return render(model(), DriveState(), portrait_camera(), 64)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_hairstyle_grows_on_the_scalp_and_leaves_the_face(style: str, state: State) -> None:
    person = model(style)
    picture, bare = render(person, state(), portrait_camera(), 64), _bare()
    assert np.abs(picture.color - bare.color)[:20].sum() > 5, "the head's top has hair"
    assert np.isfinite(person.hair.rigid).all()
    # Between brows and chin, from eye to eye.
    face = np.s_[30:40, 29:35]
    assert np.abs(picture.color[face] - bare.color[face]).mean() < 0.12


def test_rendering_is_repeatable(state: State) -> None:
    person = Person.from_seed(3)
    first, second = (render(prepared(person), state(yaw=10), portrait_camera(), 48) for _ in range(2))
    assert np.array_equal(first.rgba(), second.rgba()) and np.array_equal(first.depth, second.depth)


def test_seeds_differ_and_repeat() -> None:
    people = [Person.from_seed(seed) for seed in range(200)]
    assert people[7] == Person.from_seed(7)
    assert len({person.skin for person in people}) == 200
    assert {person.hair_style for person in people} == {"bald", *STYLES}
    assert any(person.age < 12 for person in people) and any(person.age > 70 for person in people)
    assert not any(person.beard != "none" and (person.male < 0.5 or person.age < 20) for person in people)
