"""Whether an avatar does what its coefficients do to the subject: figures worked by hand, and the real detector."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from offline.evaluate.avatars import ShownAvatar
from offline.evaluate.axes import PARTS, AxesReport, Shot, compare, likeness, measure_axes, shots, subject_of
from offline.evaluate.combinations import COMBINATIONS
from offline.evaluate.performance_page import performance_lines, performance_sections
from offline.people import DEMOS, Person, prepared, render
from runtime.contract.drive import EXPRESSIONS, DriveState
from runtime.errors import BadInput

DEMO = DEMOS["mira"]


def nobody(subject: str = DEMO.name) -> ShownAvatar:
    return ShownAvatar("a", subject, 512, lambda state, camera: np.ones((512, 512, 3), np.float32), "none")


def test_cosine_and_gain_by_hand() -> None:
    theirs, ours = np.zeros((478, 2)), np.zeros((478, 2))
    theirs[0] = 3, 4
    assert likeness(theirs, theirs) == (pytest.approx(1), pytest.approx(1))
    assert likeness(theirs, ours) == (0, 0)
    ours[0] = 1.5, 2
    assert likeness(theirs, ours) == (pytest.approx(1), pytest.approx(0.5))
    ours[0] = -4, 3  # at right angles
    assert likeness(theirs, ours) == (pytest.approx(0), pytest.approx(0))
    ours[0], ours[1] = (3, 4), (0, 5)  # what moves besides lowers the cosine, not the gain
    assert likeness(theirs, ours) == (pytest.approx(math.sqrt(0.5)), pytest.approx(1))
    ours[7, 0] = np.nan
    assert likeness(theirs, ours) == (None, None)


def faces(gain: float, lost: bool = False) -> dict:
    """A subject whose mouthSmileLeft moves landmark 61 by 10 px, and whose blink moves the lids by 4; an avatar that
    does a share of it."""
    still = np.full((478, 3), 0.5, np.float32)
    found = {}
    for name, view in [("neutral", "front"), ("mouthSmileLeft 1", "front"), ("mouthSmileLeft 0.5", "front"),
                       ("blink", "front")]:  # fmt: skip
        theirs, ours = still.copy(), still.copy()
        if name.startswith("mouth"):
            step = 10 / 512 * float(name.split()[1])
            theirs[61, 0] += step
            ours[61, 0] += gain * step
        if name == "blink":
            lids = list(PARTS["lids"])
            theirs[lids, 1] += 4 / 512
            ours[lids, 1] += gain * 4 / 512
        found[name, view] = theirs, (None if lost and name != "neutral" else ours)
    return found


def test_an_axis_is_followed_or_not() -> None:
    row = compare(faces(1.0))["axes"]["mouthSmileLeft"]["front"]
    assert row["moved"] == pytest.approx(10, abs=1e-3) and row["followed"] is True
    assert row["half"]["moved"] == pytest.approx(5, abs=1e-3)
    half = compare(faces(0.5))
    assert half["axes"]["mouthSmileLeft"]["front"]["gain"] == pytest.approx(0.5, abs=1e-4)
    assert half["axes"]["mouthSmileLeft"]["front"]["followed"] is False  # the right way, not far enough
    assert half["summary"]["axes_front"] == 1 and half["summary"]["followed_front"] == 0
    assert half["combinations"]["blink"]["front"]["lids"] == pytest.approx(2, abs=1e-3)
    assert half["combinations"]["blink"]["front"]["irises"] == 0


def test_closing_the_mouth_counts_from_the_open_jaw() -> None:
    asked = {shot.name: shot.values for shot in shots(["front"])}
    assert asked["mouthClose 0.5"] == {"mouthClose": 0.5, "jawOpen": 1.0} and asked["jawOpen 1"] == {"jawOpen": 1.0}
    still = np.full((478, 3), 0.5, np.float32)
    opened, shut = still.copy(), still.copy()
    opened[14, 1] += 40 / 512
    shut[14, 1] += 4 / 512
    found = {("neutral", "front"): (still, still), ("jawOpen 1", "front"): (opened, opened),
             ("jawOpen 0.5", "front"): (opened, opened), ("mouthClose 1", "front"): (shut, opened),
             ("mouthClose 0.5", "front"): (shut, shut)}  # fmt: skip
    row = compare(found)["axes"]["mouthClose"]["front"]
    assert row["moved"] == pytest.approx(36, abs=1e-2) and row["gain"] == pytest.approx(0, abs=1e-4)
    assert row["half"]["gain"] == pytest.approx(1, abs=1e-4)


def test_a_face_that_is_lost_is_counted_and_not_followed() -> None:
    lost = compare(faces(1.0, lost=True))
    assert lost["lost"] == 3
    assert lost["axes"]["mouthSmileLeft"]["front"]["followed"] is False
    assert lost["summary"]["lowest_cosine"] == -1


def test_the_page_shows_the_sides_that_were_measured() -> None:
    report = AxesReport({"subject": "Mira", "avatar": "a", "engine": "none"} | compare(faces(0.5)), [])
    page = "".join(performance_sections(report, []))
    assert "0 of 1" in page and "front: moves px" in page and "left: moves px" not in page and "all sides" not in page
    assert [line for line in performance_lines(report, []) if "all sides" in line] == []


def test_what_is_asked() -> None:
    asked = shots()
    assert len(asked) == 3 * (1 + 2 * len(EXPRESSIONS) + len(COMBINATIONS)) and len(COMBINATIONS) >= 40
    assert len({shot.file for shot in asked}) == len(asked)
    for shot in asked:
        assert shot.state.expression.max() <= 1  # raises KeyError where a name is none
    left = next(s for s in asked if s.name == "look left").values
    assert set(left) == {"eyeLookOutLeft", "eyeLookInRight"}  # the subject's left


def test_only_synthetic_subjects_have_a_true_face() -> None:
    assert subject_of(nobody()) == DEMO
    assert subject_of(nobody("Person 12")) == Person.from_seed(12)
    with pytest.raises(BadInput, match="needs a synthetic subject"):
        subject_of(nobody("Anna"))


@pytest.mark.slow
def test_the_subject_itself_follows_every_axis_and_a_still_one_none(tmp_path: Path) -> None:
    asked = [Shot("neutral", "front", {}), Shot("jawOpen 0.5", "front", {"jawOpen": 0.5}),
             Shot("jawOpen 1", "front", {"jawOpen": 1.0})]  # fmt: skip

    model = prepared(DEMO)

    def itself(state: DriveState, camera: object) -> np.ndarray:
        return render(model, state, camera, 512).over((1, 1, 1)).astype(np.float32) / 255  # type: ignore[arg-type]

    def still(state: DriveState, camera: object) -> np.ndarray:
        return itself(DriveState(), camera)

    own = measure_axes(ShownAvatar("a", DEMO.name, 512, itself, "studio"), tmp_path, asked, workers=1)
    row = own.figures["axes"]["jawOpen"]["front"]
    assert row["moved"] > 20 and row["cosine"] == pytest.approx(1) and row["gain"] == pytest.approx(1)
    assert len(list((tmp_path / "subject" / "Mira").glob("*.png"))) == 3
    none = measure_axes(ShownAvatar("a", DEMO.name, 512, still, "studio"), tmp_path, asked)
    assert none.figures["axes"]["jawOpen"]["front"]["gain"] == pytest.approx(0, abs=0.02)
