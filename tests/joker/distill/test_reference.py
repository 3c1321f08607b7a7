"""A photo as the prior's reference."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from offline.joker.captures.views import head_camera
from offline.joker.distill import reference
from offline.joker.distill.reference import SIZE, framed, photo_reference
from runtime.contract.axes import rotation_from_angles
from runtime.contract.drive import DETAIL, EXPRESSIONS
from runtime.contract.head_model import EYE_CORNERS, HeadModel
from runtime.errors import BadInput
from runtime.tracking.fit import Solution
from runtime.tracking.mesh import FaceMesh

PORTRAITS = Path(__file__).parents[4] / "shared" / "data" / "portraits"
NAMES = ("astronaut.png", "mona-lisa.jpg", "official-2012.jpg", "pearl-earring.jpg", "terracotta.jpg")


def portrait(name: str) -> Path:
    path = PORTRAITS / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/portraits/{name}")
    return path


def eyes(landmarks: np.ndarray) -> np.ndarray:
    """Middles of both eyes [2, 2], the left one first."""
    return np.array([landmarks[list(EYE_CORNERS[side]), :2].mean(0) for side in EYE_CORNERS])


@pytest.mark.parametrize("name", NAMES)
def test_photos_paintings_and_a_sculpture_are_laid_where_the_camera_sees_the_head(name: str) -> None:
    picture = photo_reference(portrait(name)).picture
    assert picture.shape == (SIZE, SIZE, 3)
    with FaceMesh() as mesh:
        landmarks = mesh.detect(picture, 0.0)
    assert landmarks is not None
    seen = eyes(landmarks)
    model = HeadModel.load()
    wanted = head_camera().project(eyes_of(model))
    # people differ from the mean head, and a turned head's eyes move aside; a tenth of the picture is 3 cm
    np.testing.assert_allclose(seen.mean(0), wanted.mean(0), atol=0.1)
    across = seen[0] - seen[1]
    # upright; the eyes of a head that is turned by 34° and seen from 10° above lie on a slope
    assert abs(np.degrees(np.arctan2(across[1], abs(across[0])))) < (11 if name == "pearl-earring.jpg" else 6)
    corner = picture[:8, :8].astype(int)
    assert abs(corner - 128).max() <= 2 or name == "pearl-earring.jpg"  # the turban leaves the picture there


def eyes_of(model: HeadModel) -> np.ndarray:
    return np.array([model.mean[list(EYE_CORNERS[side])].mean(0) for side in EYE_CORNERS])


def written(folder: Path, pixels: np.ndarray) -> Path:
    cv2.imwrite(str(folder / "photo.png"), pixels)
    return folder / "photo.png"


def test_no_face_and_no_picture(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="shows no face"):
        photo_reference(written(tmp_path, np.full((300, 300, 3), 128, np.uint8)))
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(BadInput, match="more than 40 million pixels"):  # told by its header, 2 GB if it were decoded
        photo_reference(written(tmp_path, np.zeros((8000, 5001, 3), np.uint8)))
    for name in ("text.jpg", "none.jpg"):
        with pytest.raises(BadInput, match="not a picture that can be read"):
            photo_reference(tmp_path / name)


def test_several_faces_and_a_tiny_one(tmp_path: Path) -> None:
    pixels = cv2.imread(str(portrait("astronaut.png")))
    with pytest.raises(BadInput, match="several faces"):
        photo_reference(written(tmp_path, np.concatenate([pixels[:320, 70:390]] * 2, 1)))
    with pytest.raises(BadInput, match=r"pixels high and 64 are the least"):
        photo_reference(written(tmp_path, cv2.resize(pixels, (160, 160), interpolation=cv2.INTER_AREA)))


def test_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Solution(
        rotation_from_angles(np.radians(-70), 0, 0).astype(float), np.array([0.0, 0, -9]),
        np.zeros(len(EXPRESSIONS) + DETAIL),
    )  # fmt: skip
    monkeypatch.setattr(reference, "_one_face", lambda photo, rgb: (turned, np.zeros(1, np.float32)))
    with pytest.raises(BadInput, match=r"from the side \(70°\)"):
        photo_reference(written(tmp_path, np.zeros((64, 64, 3), np.uint8)))


def test_framing_by_hand() -> None:
    """A head 9 dm away whose middle is on the optical axis: a dm is 1.2 · 600 / 9 = 80 pixels there."""
    solution = Solution(np.eye(3), np.array([0.0, -0.05, -8.9]), np.zeros(len(EXPRESSIONS) + DETAIL))
    photo = np.zeros((200, 600, 4), np.uint8)
    photo[..., 3] = 255
    photo[100 - 8 : 100 + 8, 300 + 40 - 8 : 300 + 40 + 8, 0] = 255  # red, half a dm to the right of the middle
    picture = framed(photo, solution)
    y, x = np.argwhere(picture[..., 0] > 250).mean(0)
    # the square is 9 · 0.75 / 2.2 = 3.068 dm wide, so half a dm is 512 · 0.5 / 3.068 = 83.4 pixels
    assert (x, y) == (pytest.approx(255.5 + 83.4, abs=0.7), pytest.approx(255.5, abs=0.7))
    lean = rotation_from_angles(0, 0, np.radians(90)).astype(float)  # the crown leans to the left: it is turned right
    turned = framed(photo, Solution(lean, solution.translation + np.array([0.05, 0.05, 0.0]), solution.coefficients))
    y, x = np.argwhere(turned[..., 0] > 250).mean(0)
    assert (x, y) == (pytest.approx(255.5, abs=0.7), pytest.approx(255.5 + 83.4, abs=0.7))
    assert tuple(picture[256, 0]) == tuple(turned[0, 256]) == (0, 0, 0)
    assert tuple(picture[0, 256]) == tuple(turned[256, 0]) == (128, 128, 128)  # beyond the photo
