"""Identity, LPIPS and the face mesh as the evaluation uses them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from offline.evaluate import identity
from offline.evaluate.identity import SAME_PERSON
from offline.evaluate.judges import Judges, distance
from offline.evaluate.pictures import Picture
from runtime.errors import BadInput
from runtime.media.reading import read_frames
from tests.test_perceptual import weights

SUBJECTS = Path(__file__).parents[3] / "shared/data/subjects"


def two_frames(name: str) -> list[Picture]:
    """The first frame of a subject's video and one two seconds later."""
    if not (SUBJECTS / name).exists():
        pytest.skip(f"{name} is not there; it comes with the development data")
    return [np.asarray(rgb, np.float32) / 255 for _, rgb in islice(read_frames(SUBJECTS / name), 0, 51, 50)]


def test_frames_of_one_person_are_nearer_than_those_of_two() -> None:
    if identity.weights_path() is None:
        pytest.skip(f"face recognition is not installed; {identity.INSTALL}")
    with Judges() as judges:
        (a, b), (other, _) = (
            [judges.describe(p, judges.landmarks(p)) for p in two_frames(name)]
            for name in ("speaker-50s.mp4", "turning-16s.mp4")
        )
    same, different = distance(a, b), distance(a, other)
    assert same is not None and different is not None and same < SAME_PERSON < different
    assert distance(a, None) is None


def test_absent_recognition_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "find_spec", lambda name: None)
    with Judges() as judges:
        assert ".[evaluate]" in judges.absent["identity_distance"]
        assert judges.describe(np.zeros((64, 64, 3), np.float32), np.zeros((478, 3), np.float32)) is None


def test_lpips_is_measured_with_its_weights_and_refused_without(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lacks 'features\.0\.weight'"):
        Judges(tmp_path)
    save_file(weights(), tmp_path / "vgg.safetensors")
    black, white = np.zeros((32, 32, 3), np.float32), np.ones((32, 32, 3), np.float32)
    with Judges(tmp_path) as judges:
        assert "lpips" not in judges.absent
        found = judges.lpips(black, white)
        assert judges.lpips(black, black) == 0.0 and found is not None and found > 0
        assert judges.landmarks(black) is None and judges.describe(black, None) is None
