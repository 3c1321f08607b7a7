"""How far an avatar does what its driver does: correlations by hand, features on faces that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.evaluate.avatars import ShownAvatar
from offline.evaluate.drive import FEWEST, drive, follow_features
from offline.evaluate.face_features import FEATURES, face_features
from offline.people import Person, prepared, render
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState, coefficients
from runtime.contract.head_model import HeadModel
from tests.track.films import write_video

SOMEBODY = Person.from_seed(12)
NAMES = [f.name for f in FEATURES]
WIDTH, BROWS = NAMES.index("mouth width"), NAMES.index("inner brows")


def performance(frames: int = 60) -> np.ndarray:
    rows = np.zeros((frames, len(FEATURES)))
    rows[:, WIDTH] = 0.5 + 0.1 * np.sin(np.arange(frames) / 5)
    return rows


def test_half_as_wide_and_two_frames_late() -> None:
    driver = performance()
    made = 0.3 + 0.5 * np.roll(driver, 2, axis=0)
    made[:2] = np.nan  # no face was found there
    found = follow_features(driver, made)["mouth width"]
    assert found["correlation"] == pytest.approx(1) and found["gain"] == pytest.approx(0.5)
    assert found["span"] == pytest.approx(0.2, abs=0.01)
    assert found["counts"] and found["met"] is False  # half of it is too little
    same = follow_features(driver, driver)["mouth width"]
    assert same["met"] is True and same["gain"] == pytest.approx(1)


def test_what_the_driver_does_not_do_does_not_count() -> None:
    found = follow_features(performance(), performance())["inner brows"]
    assert found["counts"] is False and found["met"] is None and found["correlation"] is None


def test_an_avatar_that_stands_still_follows_nothing() -> None:
    found = follow_features(performance(), np.ones((60, len(FEATURES))))["mouth width"]
    assert found["correlation"] is None and found["met"] is False


def test_features_of_the_head_model_move_with_its_axes() -> None:
    model = HeadModel.load()

    def features(**values: float) -> dict[str, float]:
        vertices = model.vertices(expression=coefficients(values))
        flat = np.stack([0.5 + vertices[:, 0] / 4, 0.5 - vertices[:, 1] / 4, -vertices[:, 2] / 4], 1)
        return dict(zip(NAMES, face_features(np.zeros((256, 256, 3), np.uint8), flat.astype(np.float32)), strict=True))

    still = features()
    assert features(jawOpen=0.8)["lips apart"] > still["lips apart"] + 0.2
    assert features(browInnerUp=1.0)["inner brows"] > still["inner brows"] + 0.02
    assert features(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)["lids"] < still["lids"] - 0.03
    smile = features(mouthSmileLeft=1.0, mouthSmileRight=1.0)
    assert smile["mouth width"] > still["mouth width"] and smile["mouth corners"] > still["mouth corners"] + 0.03
    assert abs(still["yaw"]) < 2 and abs(still["roll"]) < 2 and still["teeth"] == 0


def test_without_a_face_there_are_no_features() -> None:
    assert np.isnan(face_features(np.zeros((8, 8, 3), np.uint8), None)).all()


@pytest.mark.slow
def test_what_tracking_loses_is_told_from_what_the_avatar_loses(tmp_path: Path) -> None:
    """Somebody opens the mouth before the camera; an avatar of them stands still."""
    model = prepared(SOMEBODY)

    def shown(state: DriveState) -> np.ndarray:
        return render(model, state, portrait_camera(), 512).over((1.0, 1.0, 1.0))

    frames = [shown(DriveState(coefficients({"jawOpen": 0.35 + 0.35 * np.sin(n / 3)}))) for n in range(2 * FEWEST)]
    write_video(tmp_path / "opens.mp4", frames)
    still = frames[0].astype(np.float32) / 255
    avatar = ShownAvatar("a", SOMEBODY.name, 512, lambda state, camera: still, "none")
    found = drive(avatar, tmp_path / "opens.mp4", SOMEBODY).figures
    passed_on, arrived = (found[part]["lips apart"] for part in ("subject", "avatar_of_subject"))
    assert passed_on["correlation"] > 0.9 and 0.6 < passed_on["gain"] < 1.4
    assert abs(arrived["gain"] or 0.0) < 0.05 and not arrived["met"]
