"""The drive state: names, gaze, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtime.contract.drive import EXPRESSIONS, GAZE_YAW, INDEX, DriveState, checked, coefficients


def test_there_are_52_names_and_each_stands_once() -> None:
    assert len(EXPRESSIONS) == len(set(EXPRESSIONS)) == 52
    assert {name.removesuffix("Left") for name in EXPRESSIONS if name.endswith("Left")} == {
        name.removesuffix("Right") for name in EXPRESSIONS if name.endswith("Right")
    }


def test_coefficients_go_by_name() -> None:
    vector = coefficients({"jawOpen": 0.5})
    assert vector[INDEX["jawOpen"]] == 0.5 and vector.sum() == 0.5
    with pytest.raises(KeyError, match="jawopen"):
        coefficients({"jawopen": 0.5})


@pytest.mark.parametrize("gaze", [(0.2, 0.1), (-0.3, -0.2), (0.0, 0.4)])
def test_gaze_goes_there_and_back(gaze: tuple[float, float]) -> None:
    np.testing.assert_allclose(DriveState().looking(*gaze).gaze, gaze, atol=1e-6)


def test_looking_to_the_pictures_right_is_out_for_the_left_eye_and_in_for_the_right() -> None:
    expression = DriveState().looking(GAZE_YAW, 0).expression
    assert {name for name in EXPRESSIONS if expression[INDEX[name]] > 0} == {"eyeLookOutLeft", "eyeLookInRight"}


def test_out_of_range_is_clipped_and_a_quaternion_made_unit() -> None:
    state = checked(DriveState(expression=np.full(52, 3, np.float32), rotation=np.array([0, 0, 0, 2], np.float32)))
    assert state.expression.max() == 1
    np.testing.assert_allclose(state.rotation, (0, 0, 0, 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expression", np.zeros(51, np.float32)),
        ("expression", np.full(52, np.nan, np.float32)),
        ("detail", np.full(8, np.inf, np.float32)),
        ("rotation", np.zeros(4, np.float32)),
        ("translation", np.array([0, 11, 0], np.float32)),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(field: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"'{field}'"):
        checked(replace(DriveState(), **{field: value}))  # type: ignore[arg-type]
