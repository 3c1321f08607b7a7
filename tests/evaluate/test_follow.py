"""Face parameters of faces whose parameters are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from offline.evaluate.follow import UNITS, Parameters, compare, face_parameters
from runtime.contract.axes import Camera, portrait_camera, rotation_from_angles
from runtime.contract.drive import coefficients
from runtime.contract.head_model import HeadModel, mouth_opening
from runtime.tracking.slide import Slide

MODEL = HeadModel.load()
IDENTITY = np.zeros(len(MODEL.identity))
TURNED = Camera(np.array([2.2, 2.2, 0.53, 0.46], np.float32), portrait_camera(0.2, -0.1).extrinsics)
"""A camera like that of a tracked clip: it looks from the side, and its axis is off the middle of the picture."""


def face(
    camera: Camera, degrees: tuple[float, float, float], expression: Mapping[str, float] | None = None
) -> np.ndarray:
    """Landmarks [478, 3] as the camera sees a head that is turned (yaw, pitch, roll) in the world."""
    turned = rotation_from_angles(*np.radians(degrees)).astype(np.float64)
    seen = np.diag([1.0, -1.0, -1.0]) @ camera.extrinsics[:, :3] @ turned
    head = MODEL.vertices(None, coefficients(expression or {})) + Slide.load().at(seen)
    world = head @ turned.T
    depth = world @ camera.extrinsics[2, :3] + camera.extrinsics[2, 3]
    middle = camera.extrinsics[2, 3]
    return np.column_stack([camera.project(world), (depth - middle) / middle * camera.intrinsics[0]])


def read(camera: Camera, faces: list[np.ndarray | None]) -> Parameters:
    return face_parameters(faces, np.arange(len(faces)) * 1.0, camera, MODEL, IDENTITY)


@pytest.mark.parametrize("degrees", [(0.0, 0.0, 0.0), (20.0, -8.0, 5.0), (-25.0, 10.0, 0.0)])
def test_the_head_pose_is_that_in_the_world_whatever_the_camera(degrees: tuple[float, float, float]) -> None:
    for camera in (portrait_camera(), TURNED):
        found = read(camera, [face(camera, degrees)])
        # as for the fit itself: 0.03 rad, since the face's expression explains some of a turn
        assert [found[name][0] for name in ("yaw", "pitch", "roll")] == pytest.approx(degrees, abs=1.8)


def test_openings_are_those_of_the_head_in_millimetres() -> None:
    open_, shut = {"jawOpen": 0.6}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    camera = portrait_camera()
    found = read(camera, [face(camera, (0, 0, 0)), face(camera, (0, 0, 0), open_), face(camera, (0, 0, 0), shut)])
    true = 100 * float(mouth_opening(MODEL.vertices(None, coefficients(open_))))
    assert found["mouth opening"][1] == pytest.approx(true, abs=2.0) and found["mouth opening"][0] < 1
    assert found["eye opening"][2] < 0.4 * found["eye opening"][0]
    raised = read(
        camera, [face(camera, (0, 0, 0), {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0})]
    )
    assert raised["brow height"][0] > found["brow height"][0] + 2


def test_a_frame_without_a_face_has_no_parameters() -> None:
    camera = portrait_camera()
    found = read(camera, [None, face(camera, (0, 0, 0))])
    assert set(found) == set(UNITS)
    assert all(np.isnan(v[0]) and np.isfinite(v[1]) for v in found.values())


def test_comparison_is_correlation_and_mean_difference_over_what_both_have() -> None:
    moving = np.array([0.0, 2, 4, 6, 8, 10, 12, 14, np.nan])
    made = 1 + 0.5 * moving
    made[-1] = 3.0
    still = np.full(9, 5.0)
    names = list(UNITS)
    driving = dict.fromkeys(names, moving) | {"pitch": still, "roll": moving[:9] * np.nan}
    found = compare(driving, dict.fromkeys(names, made))
    assert found["yaw"]["correlation"] == pytest.approx(1.0) and found["yaw"]["frames"] == 8
    assert found["yaw"]["difference"] == pytest.approx(np.abs(made[:8] - moving[:8]).mean())
    assert found["pitch"]["correlation"] is None and found["pitch"]["difference"] is not None
    assert found["roll"] == {"correlation": None, "difference": None, "unit": "°", "frames": 0}
    few = compare({n: v[:7] for n, v in driving.items()}, dict.fromkeys(names, made[:7]))
    assert few["yaw"]["correlation"] is None
