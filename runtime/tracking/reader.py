"""Reads from one picture what landmarks do not show: a small network over landmarks and the face's crop.

It learnt studio people through the detector (`offline.tracker`), whose true coefficients are known, and sees a tongue,
puffed cheeks, a hand before the mouth. It reads all other axes too, and studio people better than the fit does; a real
person's brows and upper lip it reads worse, so that the tracker leaves them to the fit. Its weights are few enough for
numpy.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from runtime.contract.axes import Array, angles_from_rotation
from runtime.contract.drive import EXPRESSIONS, INDEX
from runtime.contract.head_model import IRIS
from runtime.errors import BadInput
from runtime.tracking.bounded import Floats
from runtime.tracking.crop import face_crop
from runtime.tracking.fit import FaceFit, Observation, landmark_weights

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4")
"""Each 3×3 with stride 2 over one pixel of padding, rectified."""
DENSE = ("crop", "face", "joined", "out")
"""Of the convolved crop, of the landmarks, of both; all are rectified but the last."""
OUTPUTS = len(EXPRESSIONS) + 1
"""The coefficients, and the logit of a mouth that nothing hides."""
READ = np.array([*landmark_weights()[0], *IRIS["right"], *IRIS["left"]], np.intp)
"""The landmarks that are read."""
SCALE = np.array([10.0, 10.0, 4.0])
"""Of what landmarks are away, 1/dm: the detector's depth is a guess."""
TONGUE, JAW, PUFF = INDEX["tongueOut"], INDEX["jawOpen"], INDEX["cheekPuff"]
TONGUE_DOUBTED, PER_JAW, TONGUE_RANGE = 0.25, 0.65, 0.2
"""What is read of a tongue counts for nothing up to `TONGUE_DOUBTED`, plus `PER_JAW` times what is read of the jaw, and
in full a `TONGUE_RANGE` above: in a mouth wide open the network takes many a real tongue for one that is out."""
PUFF_DOUBTED = 0.15
"""What is read of puffed cheeks up to which they count for nothing."""
UNSEEN = [TONGUE, PUFF]
"""Axes that landmarks hardly show."""
LEAST_CONTRAST = 8.0
"""Standard deviation of a crop's values (0..255) below which it is not amplified."""
DOUBT = 1.0
"""Faces at rest after which what was seen of a person counts as much as what the fit makes of it."""
REST = 2.0
"""How quickly a face counts less for what is usual the more it does."""
MEMORY = 120.0
"""Faces at rest that are remembered."""


@dataclass(frozen=True)
class Reading:
    """What the network makes of one picture."""

    expression: Array
    """[52], 0..1."""
    visible: float
    """How sure it is that nothing hides the mouth, 0..1; 1 where there is no picture."""

    def unseen(self) -> Array:
        """What landmarks do not show, as far as it is believed: coefficients [2] of `UNSEEN`."""
        tongue, jaw, puff = self.expression[[TONGUE, JAW, PUFF]]
        believed = np.clip((tongue - TONGUE_DOUBTED - PER_JAW * jaw) / TONGUE_RANGE, 0, 1)
        return np.array([tongue * believed, max(puff - PUFF_DOUBTED, 0) / (1 - PUFF_DOUBTED)], np.float32)


class Usual:
    """How a person's landmarks are seen when their face is at rest, which no model of heads says exactly."""

    def __init__(self) -> None:
        self._total = np.zeros((len(READ), 3))
        self._weight = 0.0

    def away(self, places: Floats, neutral: Floats) -> Floats:
        """How far landmarks in head space [n, 3] are from rest; `neutral` [n, 3] is where the fit has them."""
        return places - (self._total + DOUBT * neutral) / (self._weight + DOUBT)

    def add(self, places: NDArray[np.floating], expression: NDArray[np.floating]) -> None:
        """Counts one face [n, 3], as far as it was at rest by its expression [52]."""
        weight = float(restful(expression))
        keep = min(1.0, MEMORY / (self._weight + weight))
        self._total = keep * (self._total + weight * places)
        self._weight = keep * (self._weight + weight)


class CoefficientReader:
    """Arrays ``NAME.weight`` and ``NAME.bias``: convolutions [O, I, 3, 3], dense layers [O, I]."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Raises BadInput where something is missing or does not fit together."""
        names = [f"{layer}.{part}" for layer in (*CONVOLUTIONS, *DENSE) for part in ("weight", "bias")]
        missing = [name for name in names if name not in arrays]
        if missing:
            raise BadInput(f"the tracker's network lacks '{missing[0]}'; learn it again with offline.tracker.learn")
        self._arrays = {name: np.asarray(arrays[name], np.float32) for name in names}
        if (count := len(self._arrays["out.bias"])) != OUTPUTS:
            raise BadInput(
                f"the tracker's network says {count} numbers instead of {OUTPUTS}; "
                "learn it again with offline.tracker.learn"
            )

    @classmethod
    def load(cls) -> CoefficientReader:
        """The one that Mien ships."""
        return _shipped()

    @classmethod
    def of(cls, data: bytes) -> CoefficientReader:
        """From the bytes of an ``.npz`` file. Raises BadInput with the reason."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls({name: arrays[name] for name in arrays.files})
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise BadInput(
                f"the tracker's network cannot be read ({error}); learn it again with offline.tracker.learn"
            ) from error

    def look(self, rgb: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Array:
        """What `read` needs of a picture [H, W, 3] with these landmarks [478, 3]: a few numbers."""
        pixels = crop_input(face_crop(rgb, landmarks))
        for layer in CONVOLUTIONS:
            pixels = self._convolved(layer, pixels)
        return self._rectified("crop", pixels.reshape(-1))

    def read(self, face: FaceFit, observation: Observation, usual: Usual) -> Reading:
        """The expression of one observed face, which then counts for what is `usual`."""
        pose = face.posed(observation)
        neutral = face.neutral[READ]
        places = neutral + face.left(observation, pose, READ)
        row = face_row(usual.away(places, neutral), angles_from_rotation(pose.rotation))
        seen = observation.seen
        looked = np.zeros(len(self._arrays["crop.bias"]), np.float32) if seen is None else seen
        joined = self._rectified("joined", np.concatenate([self._rectified("face", row), looked]))
        made = self._dense("out", joined)
        expression = np.clip(made[:-1], 0, 1)
        usual.add(places, expression)
        return Reading(expression, 1.0 if seen is None else float(1 / (1 + np.exp(-made[-1]))))

    def _dense(self, layer: str, values: Array) -> Array:
        return self._arrays[f"{layer}.weight"] @ values + self._arrays[f"{layer}.bias"]

    def _rectified(self, layer: str, values: Array) -> Array:
        return np.maximum(self._dense(layer, values), 0)

    def _convolved(self, layer: str, pixels: Array) -> Array:
        """[I, H, W] → [O, H/2, W/2]."""
        weight = self._arrays[f"{layer}.weight"]
        padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]  # type: ignore[call-overload]
        inputs, height, width = windows.shape[:3]
        columns = windows.transpose(0, 3, 4, 1, 2).reshape(inputs * 9, height * width)
        made = weight.reshape(len(weight), -1) @ columns + self._arrays[f"{layer}.bias"][:, None]
        return np.maximum(made, 0).reshape(-1, height, width)


def face_row(away: Floats, angles: tuple[float, float, float]) -> Array:
    """[3 n + 3] of what the n landmarks of `READ` are away [n, 3], dm, and yaw, pitch, roll."""
    return np.concatenate([(away * SCALE).reshape(-1), angles]).astype(np.float32)


def crop_input(crop: NDArray[np.uint8]) -> Array:
    """A crop [H, W, 3] freed from light and complexion, [3, H, W]."""
    values = crop.astype(np.float32)
    spread = max(float(values.std()), LEAST_CONTRAST)
    return np.ascontiguousarray(((values - values.mean((0, 1))) / spread).transpose(2, 0, 1))


def restful(expression: NDArray[np.floating]) -> NDArray[np.floating]:
    """How far faces [..., 52] are at rest, 0..1; where they look does not matter."""
    moves = [i for i, name in enumerate(EXPRESSIONS) if not name.startswith("eyeLook")]
    return np.asarray(np.exp(-REST * expression[..., moves].sum(-1)))


@cache
def _shipped() -> CoefficientReader:
    return CoefficientReader.of(files("runtime.tracking").joinpath("data/reader.npz").read_bytes())
