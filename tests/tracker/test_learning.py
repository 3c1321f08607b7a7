"""Learning the tracker's network: the numbers that it is given, and that numpy runs what torch learnt."""

from __future__ import annotations

import numpy as np
import torch

from offline.tracker.examples import as_webcams_see, faces
from offline.tracker.learn import correlations, table
from offline.tracker.network import Network, crop_inputs, disturbed, learn
from offline.tracker.pairs import Pairs, hidden
from runtime.contract.axes import angles_from_rotation
from runtime.contract.drive import INDEX
from runtime.tracking.crop import HEIGHT, WIDTH
from runtime.tracking.fit import FaceFit, Observation
from runtime.tracking.reader import READ, CoefficientReader, Usual, crop_input, face_row
from runtime.tracking.slide import Slide
from tests.tracking.synthetic import MODEL, landmarks


def pairs(count: int = 4) -> Pairs:
    rng = np.random.default_rng(0)
    return Pairs(
        rng.normal(0, 0.05, (count, len(READ), 3)).astype(np.float32), np.zeros((count, 3), np.float32),
        rng.integers(0, 255, (count, HEIGHT, WIDTH, 3), np.uint8), rng.uniform(0, 1, (count, 52)).astype(np.float32),
        np.ones(count, np.float32),
    )  # fmt: skip


def test_a_mirror_twice_is_nothing() -> None:
    one, twice = pairs(), pairs().mirrored().mirrored()
    for name in Pairs.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(twice, name))
    assert (one.mirrored().expression[:, INDEX["mouthLeft"]] == one.expression[:, INDEX["mouthRight"]]).all()


def test_numpy_runs_what_torch_learnt() -> None:
    network = learn([pairs()], epochs=1)
    reader = CoefficientReader(network.arrays())
    network.load_state_dict({n: v.half().float() for n, v in network.state_dict().items()})
    points = landmarks({"jawOpen": 0.5})
    rgb = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    face, seen = FaceFit(MODEL, Slide.load()), reader.look(rgb, points)
    observation = Observation.of(points, 640, 480, 1.2, seen)
    pose = face.posed(observation)
    row = face_row(face.left(observation, pose, READ), angles_from_rotation(pose.rotation))
    with torch.no_grad():
        made = network(torch.from_numpy(row)[None], torch.from_numpy(seen)[None])[0, :-1].clamp(0, 1)
    read = reader.read(face, observation, Usual()).expression
    np.testing.assert_allclose(read, made.numpy(), atol=1e-3)


def test_both_ways_to_prepare_a_crop_agree() -> None:
    crops = pairs().crops
    made = crop_inputs(torch.from_numpy(crops)).numpy()
    np.testing.assert_allclose(made, np.stack([crop_input(crop) for crop in crops]), atol=1e-4)
    assert disturbed(torch.from_numpy(made)).shape == made.shape


def test_faces_are_the_same_for_the_same_seed_and_in_range() -> None:
    one, other = (np.array([state.expression for state in faces(7, 200)]) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.min() >= 0 and one.max() <= 1 and ((one > 0.3).sum(0) > 0).all()
    assert (one[:, INDEX["mouthClose"]] <= one[:, INDEX["jawOpen"]]).all()


def test_a_webcam_s_picture_and_a_hidden_mouth() -> None:
    rng = np.random.default_rng(2)
    file = as_webcams_see(np.full((64, 64, 4), 0.5, np.float32), rng)
    assert file.dtype == np.uint8 and bytes(file[:2]) == b"\xff\xd8"
    points, rgb = landmarks().astype(np.float32), np.full((480, 640, 3), 90, np.uint8)
    covered = hidden(rgb, points, rng)
    middle = (points[[13, 14], :2].mean(0) * [640, 480]).astype(int)
    assert covered.shape == rgb.shape and np.abs(covered[middle[1], middle[0]].astype(int) - 90).max() > 5
    np.testing.assert_array_equal(rgb, 90)


def test_figures_by_hand() -> None:
    truth = np.zeros((4, 52), np.float32)
    truth[:, 0], truth[:, -1] = [0, 1, 0, 1], [0, 0, 1, 1]
    made = truth * 0.5
    assert correlations(made, truth)[0] == 1 and correlations(made, truth)[1] == 0
    text = table({"half": made}, truth)
    assert "| tongue said to be out, out | 1.00 |" in text and "| tongue said to be out, in | 0.00 |" in text
    assert Network().arrays()["out.bias"].shape == (53,)
