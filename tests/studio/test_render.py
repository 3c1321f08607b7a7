"""The subject's pictures: consistent with its geometry, moved by every coefficient, seen as a face by MediaPipe."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import mediapipe
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from offline.studio import DEMO, Identity, render
from offline.studio.fields import Points
from offline.studio.paint import paint
from offline.studio.scene import build_scene
from runtime.contract.axes import Camera, Neck, portrait_camera
from runtime.contract.drive import EXPRESSIONS, DriveState
from tests.studio.conftest import State

BACKGROUND = (0.78, 0.80, 0.82)


def test_alpha_depth_and_normals_agree(state: State) -> None:
    picture = render(DEMO, state(), portrait_camera(), 96)
    hit = picture.depth > 0
    assert 0.3 < hit.mean() < 0.7
    assert picture.alpha[hit].mean() > 0.97 and (picture.alpha[~hit] < 0.8).all()
    assert ((picture.alpha > 0.05) & (picture.alpha < 0.95)).any(), "edges should be soft"
    assert (picture.color <= picture.alpha[..., None] + 1e-5).all(), "colour is premultiplied"
    np.testing.assert_allclose(np.linalg.norm(picture.normals[hit], axis=-1), 1.0, atol=1e-3)
    assert (picture.normals[~hit] == 0).all()


def test_depth_lies_on_the_distance_fields_zero(state: State) -> None:
    camera, moment = portrait_camera(0.3), state(yaw=-15, jawOpen=0.5)
    picture = render(DEMO, moment, camera, 64, antialias=False)
    origin, directions = camera.rays(64)
    hit = picture.depth > 0
    np.testing.assert_array_equal(picture.alpha, hit)
    world = torch.from_numpy(origin + directions[hit] * picture.depth[hit][:, None])
    distance = build_scene(DEMO, moment).distance(Points(*world.T.contiguous())).abs()
    assert distance.quantile(0.99) < 0.02


def test_normals_are_those_of_the_depth(state: State, face_camera: Camera) -> None:
    size = 160
    picture = render(DEMO, state(), face_camera, size, antialias=False)
    origin, directions = face_camera.rays(size)
    world = origin + directions * picture.depth[..., None]
    # Forehead: smooth and fully hit.
    rows, columns = slice(40, 46), slice(70, 92)
    across = world[rows, columns] - world[rows, slice(69, 91)]
    down = world[rows, columns] - world[slice(39, 45), columns]
    measured = np.cross(down, across)
    measured /= np.linalg.norm(measured, axis=-1, keepdims=True)
    assert (measured * picture.normals[rows, columns]).sum(-1).mean() > 0.98


def test_shoulders_stay_when_the_head_turns(state: State) -> None:
    still = render(DEMO, state(), portrait_camera(), 96, antialias=False)
    moment = state(yaw=30)
    pivot = Neck().pivot
    stay = (pivot - moment.pose[:, :3] @ pivot).astype(np.float32)
    turned = render(DEMO, replace(moment, translation=stay), portrait_camera(), 96, antialias=False)
    shoulders, face = slice(82, 96), slice(20, 50)
    both = (still.depth[shoulders] > 0) & (turned.depth[shoulders] > 0)
    assert np.abs(still.depth[shoulders] - turned.depth[shoulders])[both].max() < 0.01
    assert np.abs(still.color[face] - turned.color[face]).mean() > 0.02


def test_every_coefficient_moves_or_paints_what_is_seen(state: State, face_camera: Camera) -> None:
    # The mouth is slightly open so that closing it can be seen.
    opened = state(jawOpen=0.3)
    picture = render(DEMO, opened, face_camera, 72, antialias=False)
    origin, directions = face_camera.rays(72)
    hit = picture.depth > 0
    seen = Points(*torch.from_numpy(origin + directions[hit] * picture.depth[hit][:, None]).T.contiguous())

    def look(moment: DriveState) -> tuple[torch.Tensor, torch.Tensor]:
        scene = build_scene(DEMO, moment)
        surface = scene.surface(seen)
        return surface.distances.amin(0), paint(surface, scene.rig, DEMO).colour

    distance, colour = look(opened)
    idle = []
    for name in EXPRESSIONS:
        moved, painted = look(state(**({"jawOpen": 0.3} | {name: 1.0})))
        changed = ((moved - distance).abs() > 0.006) | ((painted - colour).abs().amax(0) > 0.05)
        if int(changed.sum()) < 10:
            idle.append(name)
    assert idle == []


@cache
def _base(intrinsics: tuple[float, ...]) -> NDArray[np.float32]:
    camera = Camera(np.array(intrinsics, np.float32), portrait_camera().extrinsics)
    return render(DEMO, DriveState(), camera, 56, antialias=False).color


@pytest.mark.parametrize("name", ["eyeBlink", "mouthSmile", "browDown", "mouthLowerDown", "noseSneer"])
def test_sides_are_the_subjects(state: State, face_camera: Camera, name: str) -> None:
    base = _base(tuple(face_camera.intrinsics))
    change = np.abs(render(DEMO, state(**{name + "Left": 1.0}), face_camera, 56, antialias=False).color - base).sum(-1)
    assert change[:, 28:].sum() > 4 * change[:, :28].sum(), "the subject's left is the picture's right"


def test_seeds_are_repeatable_and_differ(state: State) -> None:
    assert Identity.from_seed(3) == Identity.from_seed(3)
    pictures = [render(Identity.from_seed(s), state(), portrait_camera(), 32, antialias=False) for s in range(3)]
    for i, a in enumerate(pictures):
        for b in pictures[i + 1 :]:
            assert np.abs(a.color - b.color).mean() > 0.01
            assert np.abs((a.depth > 0).astype(int) - (b.depth > 0)).sum() > 5, "shape varies, not only colour"


def test_rendering_is_repeatable(state: State) -> None:
    first, second = (render(DEMO, state(yaw=10), portrait_camera(), 32) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def _landmarks(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """MediaPipe's 478 landmarks [478, 2] in fractions of the picture; fails where it finds no face."""
    options = {"static_image_mode": True, "refine_landmarks": True}
    with mediapipe.solutions.face_mesh.FaceMesh(**options) as mesh:
        faces = mesh.process(picture).multi_face_landmarks
    assert faces, "MediaPipe finds no face"
    return np.array([(p.x, p.y) for p in faces[0].landmark])


def _opening(landmarks: NDArray[np.float64], upper: int, lower: int, inner: int, outer: int) -> float:
    across = np.linalg.norm(landmarks[inner] - landmarks[outer])
    return float(np.linalg.norm(landmarks[upper] - landmarks[lower]) / across)


def _seen(moment: DriveState) -> NDArray[np.float64]:
    return _landmarks(render(DEMO, moment, portrait_camera(), 160, antialias=False).over(BACKGROUND))


@cache
def _still() -> NDArray[np.float64]:
    return _seen(DriveState())


@pytest.mark.filterwarnings("ignore:SymbolDatabase.GetPrototype:UserWarning")
def test_mediapipe_sees_the_face_where_it_is() -> None:
    landmarks = _still()
    camera = portrait_camera()
    # Nose tip, chin and the outer corners of the eyes (dm, head space).
    for index, place in (
        (1, (0, -0.11, 0.75)),
        (152, (0, -0.94, 0.43)),
        (33, (-0.46, 0.26, 0.31)),
        (263, (0.46, 0.26, 0.31)),
    ):
        np.testing.assert_allclose(landmarks[index], camera.project(np.array(place)), atol=0.02)


@pytest.mark.filterwarnings("ignore:SymbolDatabase.GetPrototype:UserWarning")
def test_mediapipe_reads_the_expression(state: State) -> None:
    right, left, lips = (159, 145, 33, 133), (386, 374, 362, 263), (13, 14, 33, 263)
    still = _still()
    wink = _seen(state(yaw=-20, eyeBlinkLeft=1))
    shout = _seen(state(yaw=25, pitch=8, jawOpen=1))
    assert _opening(still, *right) > 0.25 and _opening(still, *left) > 0.25 and _opening(still, *lips) < 0.02
    assert _opening(wink, *left) < 0.12 and _opening(wink, *right) > 0.25
    assert _opening(shout, *lips) > 0.2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_compiled_field_is_the_plain_one(state: State) -> None:
    moment = replace(state(yaw=12, mouthSmileLeft=1, jawOpen=0.4), translation=np.array([0.1, 0, 0.3], np.float32))
    generator = torch.Generator().manual_seed(0)
    p = Points(*(torch.rand(3, 5000, generator=generator) * 4 - 2))
    with torch.no_grad():
        plain = build_scene(DEMO, moment).distance(p)
        compiled = build_scene(DEMO, moment, compiled=True).distance(p)
    torch.testing.assert_close(plain, compiled, atol=2e-5, rtol=1e-4)
