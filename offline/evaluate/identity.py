"""Whether two faces are one person's, by dlib's face recognition network (King 2017), where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.landmarks68 import POINTS
from runtime.errors import Unavailable

NETWORK = "dlib ResNet-29"
SAME_PERSON = 0.6
"""Distance below which dlib takes two faces for one person's; its authors' threshold on Labeled Faces in the Wild."""
INSTALL = "pip install -c constraints.txt -e '.[evaluate]'"


class FaceIdentity:
    """Descriptors of faces, aligned by MediaPipe's landmarks."""

    def __init__(self) -> None:
        """Raises Unavailable, with the command that installs it, where library or weights are absent."""
        weights = weights_path()
        if find_spec("dlib") is None or weights is None:
            raise Unavailable(f"face recognition is not installed; install it with: {INSTALL}")
        import dlib

        self._dlib = dlib
        self._network = dlib.face_recognition_model_v1(str(weights))

    def describe(self, picture: NDArray[np.floating], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Descriptor [128] of the face in a picture [H, W, 3] (0..1) with landmarks [478, 2 or more] (0..1)."""
        pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
        height, width = pixels.shape[:2]
        points = landmarks[np.array(POINTS), :2] * [width, height]
        low, high = points.min(0), points.max(0)
        box = self._dlib.rectangle(*(int(v) for v in (*low, *high)))
        shape = self._dlib.full_object_detection(box, [self._dlib.point(int(x), int(y)) for x, y in points.round()])
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(pixels), shape))


def weights_path() -> Path | None:
    """The network's weights in the package `face_recognition_models`, which is looked into but not imported: importing
    it needs the retired pkg_resources."""
    spec = find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec is not None else None
    path = Path(folders[0]) / "models/dlib_face_recognition_resnet_model_v1.dat" if folders else None
    return path if path is not None and path.is_file() else None
