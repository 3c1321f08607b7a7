"""Coefficients by the names and in the forms that other programs write them."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.contract.wire import WireError, drive_state

SPELLINGS = {
    "ARKit, MediaPipe": lambda name: name,
    "Live Link, VMC": lambda name: name[0].upper() + name[1:],
    "ARKit's raw values, iFacialMocap": lambda name: name.replace("Left", "_L").replace("Right", "_R"),
    "snake": lambda name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name),
    "Maya": lambda name: f"blendShape1.{name}",
    "capitals": lambda name: "".join(f"_{c}" if c.isupper() else c.upper() for c in name),
}


@pytest.mark.parametrize("program", SPELLINGS)
def test_each_name_is_known_however_it_is_spelled(program: str) -> None:
    for index, name in enumerate(EXPRESSIONS):
        state = drive_state({"values": {SPELLINGS[program](name): 0.5}}, 0.0)
        assert state.expression[index] == 0.5 and state.expression.sum() == 0.5, name


def test_mediapipes_categories_and_live_links_columns_drive() -> None:
    scores = [{"index": 0, "score": 0.9, "categoryName": "_neutral", "displayName": ""}]
    scores += [{"index": 25, "score": 0.5, "categoryName": "jawOpen", "displayName": ""}]
    by_object = drive_state({"values": {"_neutral": 0.9, "jawOpen": 0.5}}, 0.0).expression
    np.testing.assert_array_equal(drive_state({"values": scores}, 0.0).expression, by_object)
    assert by_object[INDEX["jawOpen"]] == 0.5 and by_object.sum() == 0.5

    assert drive_state({"values": {"JawOpen": 0.5, "HeadYaw": 0.2, "LeftEyePitch": 0.1}}, 0.0).expression.sum() == 0.5


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"jawOpne": 1}, "unknown coefficient 'jawOpne'; did you mean 'jawOpen'"),
        ({"eyeBlinkLef": 1, "mouthSmilleRight": 1}, "'eyeBlinkLeft'.*'mouthSmileRight'"),
        ({f"nonsense{i}": 1 for i in range(9)}, "nonsense2.*and 6 more$"),
        ({"x" * 60_000: 1}, "unknown coefficient 'x{40}'"),
        ({"jawOpen": 0.1, "jaw_open": 0.2}, "'jawOpen' is there twice, once as 'jaw_open'"),
        ({"JawOpen": "wide"}, "'JawOpen' must be a number"),
        ([0.1] * 52, "does not say which is which"),
        ([], "does not say which is which"),
        ([{"score": 1}], "'categoryName'"),
        ([{"categoryName": "jawOpen"}], "'jawOpen' must be a number"),
        (["jawOpen"] * 52, "does not say which is which"),
        (None, "'values' must be an object"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(values: object, says: str) -> None:
    with pytest.raises(WireError, match=says):
        drive_state({"values": values}, 0.0)
