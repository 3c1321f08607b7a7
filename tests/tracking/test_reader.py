"""The network that reads expressions: what goes in, and what a broken file says."""

from __future__ import annotations

import io

import numpy as np
import pytest

from runtime.contract.head_model import LIPS
from runtime.errors import BadInput
from runtime.tracking.crop import HEIGHT, LIPS_AT, WIDTH, face_crop
from runtime.tracking.fit import FaceFit, Observation, similarity
from runtime.tracking.person import Person
from runtime.tracking.reader import MEMORY, PUFF, READ, TONGUE, CoefficientReader, Reading, Usual, restful
from runtime.tracking.slide import Slide
from tests.tracking.synthetic import FOCAL, MODEL, landmarks, vector
from tests.tracking.synthetic import HEIGHT as TALL
from tests.tracking.synthetic import WIDTH as WIDE


def test_a_similarity_comes_back() -> None:
    points = np.random.default_rng(0).normal(size=(9, 3))
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    rotation, scale, shift = similarity(points, 2 * points @ turn.T + [1, 2, 3], np.full(9, 1 / 9))
    np.testing.assert_allclose(rotation, turn, atol=1e-9)
    np.testing.assert_allclose([scale, *shift], [2, 1, 2, 3], atol=1e-9)


def test_the_pose_does_not_heed_the_mouth() -> None:
    face = FaceFit(MODEL, Slide.load())
    poses = [
        face.posed(Observation.of(landmarks(expression, (0.3, 0.1, 0.0)), WIDE, TALL, FOCAL))
        for expression in ({}, {"jawOpen": 1.0, "mouthSmileLeft": 1.0})
    ]
    np.testing.assert_allclose(poses[0].rotation, poses[1].rotation, atol=0.03)
    assert np.abs(face.left(Observation.of(landmarks(), WIDE, TALL, FOCAL), poses[0], READ)).max() < 0.6


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (0.4, 0.1, 0.3)])
def test_lips_at_rest_lie_in_the_same_row_of_the_crop(angles: tuple[float, float, float]) -> None:
    points = landmarks(angles=angles, place=(0.5, -0.2, -9))
    rgb = np.zeros((TALL, WIDE, 3), np.uint8)
    u, v = (points[list(LIPS), :2].mean(0) * [WIDE, TALL]).astype(int)
    rgb[v - 2 : v + 3, u - 2 : u + 3] = 255
    crop = face_crop(rgb, points)
    assert crop.shape == (HEIGHT, WIDTH, 3)
    rows, columns = np.nonzero(crop[..., 0] > 60)
    assert abs(rows.mean() - LIPS_AT) < 4 and abs(columns.mean() - (WIDTH - 1) / 2) < 4


def test_what_is_usual_is_learnt_from_faces_at_rest() -> None:
    usual, neutral, own = Usual(), np.zeros((len(READ), 3)), np.full((len(READ), 3), 0.1)
    for _ in range(200):
        usual.add(own, vector()[:52])
    assert np.abs(usual.away(own, neutral)).max() < 0.1 / MEMORY * 1.1
    before = usual.away(own, neutral)
    usual.add(own + 1.0, vector(mouthSmileLeft=1.0, mouthSmileRight=1.0, jawOpen=1.0)[:52])
    np.testing.assert_allclose(usual.away(own, neutral), before, atol=1e-3)
    assert restful(vector(eyeLookInLeft=1.0)[:52]) == 1.0


def test_the_shipped_network_reads_with_and_without_a_picture() -> None:
    reader, face = CoefficientReader.load(), FaceFit(MODEL, Slide.load())
    points = landmarks({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0})
    blind = reader.read(face, Observation.of(points, WIDE, TALL, FOCAL), Usual())
    assert blind.visible == 1.0 and blind.expression.shape == (52,)
    assert blind.expression.min() >= 0 and blind.expression.max() <= 1
    looked = reader.look(np.full((TALL, WIDE, 3), 120, np.uint8), points)
    seen = reader.read(face, Observation.of(points, WIDE, TALL, FOCAL, looked), Usual())
    assert 0 <= seen.visible <= 1


def test_a_tongue_is_doubted_the_wider_the_mouth() -> None:
    def believed(**values: float) -> list[float]:
        return [round(float(value), 3) for value in Reading(vector(**values)[:52].astype(np.float32), 1.0).unseen()]

    assert believed(tongueOut=0.9, jawOpen=0.5) == [0.9, 0.0]
    assert believed(tongueOut=0.75, jawOpen=0.8, cheekPuff=0.1) == [0.0, 0.0]
    assert believed(tongueOut=0.35) == [0.175, 0.0]
    assert believed(cheekPuff=1.0) == [0.0, 1.0]


def test_a_person_shows_the_tongue_that_is_read() -> None:
    class Told(CoefficientReader):
        def __init__(self, **values: float) -> None:
            self.expression = vector(**values)[:52].astype(np.float32)

        def read(self, *_: object) -> Reading:
            return Reading(self.expression, 1.0)

    points = landmarks({"jawOpen": 0.4})
    seen = Observation.of(points, WIDE, TALL, FOCAL, np.zeros(96, np.float32))
    for told, tongue in ((Told(), 0.0), (Told(tongueOut=1.0, cheekPuff=0.575), 1.0)):
        person = Person(MODEL, reader=told)
        for observation in (seen, Observation.of(points, WIDE, TALL, FOCAL)):
            solution = person.follow(observation, 0.03)
            assert solution is not None
            assert solution.coefficients[TONGUE] == pytest.approx(tongue, abs=1e-6)
            assert solution.coefficients[PUFF] >= tongue / 2 - 1e-6


def test_a_broken_file_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        CoefficientReader.of(b"nothing")
    buffer = io.BytesIO()
    np.savez(buffer, nothing=np.zeros(52))
    with pytest.raises(BadInput, match="conv1"):
        CoefficientReader.of(buffer.getvalue())
