"""MediaPipe's face mesh on one chosen face."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from runtime.contract.axes import Array

CHECK = 1.0
"""Seconds between looks at whether a larger face has come."""
LARGER = 1.5
"""Ratio of heights from which another face takes over, and only if it stays for `PATIENCE` looks."""
PATIENCE = 3
MEMORY = 2.0
"""Seconds for which a lost face is awaited before any other is taken."""
NEAR = 0.8
"""Distance between centres, in face heights, within which two boxes are the same face."""
MARGIN = 1.0
"""What is kept around a chosen face, in face heights, while others are hidden."""

NOTICES = re.compile(
    rb"INFO: Created TensorFlow Lite XNNPACK delegate"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} \S+ +\d+ (inference_feedback_manager|gl_context\w*)\.cc:"
)
"""What MediaPipe 0.10 prints at every start: how it computes, and what its own models lack."""

_STARTING = threading.Lock()
"""Two that replaced the descriptor at once would restore the wrong one."""

_NOTHING = np.zeros((64, 64, 3), np.uint8)

Box = NDArray[np.float64]
"""(centre u, centre v, height), the first two as fractions, the last as a fraction of the picture's height."""


class FaceMesh:
    """Landmarks of the largest face, the same one for as long as it is there. Not safe for several threads."""

    def __init__(self) -> None:
        with quiet_start():
            from mediapipe.python.solutions import face_detection, face_mesh

            self._mesh = face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True)
            self._detector = face_detection.FaceDetection(model_selection=0, min_detection_confidence=0.5)
            self._mesh.process(_NOTHING)
            self._detector.process(_NOTHING)
        self.changes = 0
        """How many times it left a face for a larger one that came."""
        self._locked: Box | None = None
        self._seen = self._checked = -np.inf
        self._rivals = 0

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def detect(self, rgb: NDArray[np.uint8], timestamp: float) -> Array | None:
        """Landmarks [478, 3] of a picture [H, W, 3]: u and v in 0..1, z relative to the width; None without a face."""
        landmarks = self._process(rgb)
        if landmarks is None:
            return None
        box = _box(landmarks)
        if self._needs_choice(box, timestamp):
            wanted = self._choose(rgb, box, timestamp)
            if wanted is not box:
                landmarks = self._relock(rgb, wanted)
                if landmarks is None:
                    return None
                box = _box(landmarks)
        self._locked, self._seen = box, timestamp
        return landmarks

    def faces(self, rgb: NDArray[np.uint8]) -> list[Box]:
        """Every face that the detector finds in a picture [H, W, 3]."""
        found = self._detector.process(rgb).detections or []
        boxes = [detection.location_data.relative_bounding_box for detection in found]
        return [np.array([b.xmin + b.width / 2, b.ymin + b.height / 2, b.height]) for b in boxes]

    def reset(self) -> None:
        """Forgets the face, so that the largest one is chosen anew."""
        self._lose()
        self._locked = None
        self._rivals = 0

    def close(self) -> None:
        """Frees MediaPipe's graphs; the object cannot be used afterwards."""
        self._mesh.close()
        self._detector.close()

    def _process(self, rgb: NDArray[np.uint8]) -> Array | None:
        faces = self._mesh.process(rgb).multi_face_landmarks
        if not faces:
            return None
        landmarks = np.array([(p.x, p.y, p.z) for p in faces[0].landmark], np.float32)
        return landmarks if np.isfinite(landmarks).all() else None

    def _needs_choice(self, box: Box, timestamp: float) -> bool:
        jumped = self._locked is None or not _same(box, self._locked)
        return jumped or timestamp - self._checked >= CHECK or timestamp < self._checked

    def _choose(self, rgb: NDArray[np.uint8], box: Box, timestamp: float) -> Box:
        """The face to follow: `box` itself, where the mesh is on it already, or another."""
        self._checked = timestamp
        faces = self.faces(rgb)
        current = box
        if self._locked is not None and timestamp - self._seen < MEMORY:
            known = [face for face in faces if _same(face, self._locked)]
            if not _same(box, self._locked) and known:
                current = max(known, key=_height)
        else:
            return max([face for face in faces if not _same(face, box)] + [box], key=_height)
        rivals = [face for face in faces if not _same(face, current) and face[2] > LARGER * current[2]]
        self._rivals = self._rivals + 1 if rivals else 0
        if self._rivals < PATIENCE:
            return current
        self._rivals = 0
        self.changes += 1
        return max(rivals, key=_height)

    def _relock(self, rgb: NDArray[np.uint8], wanted: Box) -> Array | None:
        """Points the mesh at one face by hiding the rest of a single picture from it."""
        height, width = rgb.shape[:2]
        reach = (0.5 + MARGIN) * wanted[2] * height
        left, right = np.clip(wanted[0] * width + np.array([-reach, reach]), 0, width).astype(int)
        top, bottom = np.clip(wanted[1] * height + np.array([-reach, reach]), 0, height).astype(int)
        alone = np.full_like(rgb, 127)
        alone[top:bottom, left:right] = rgb[top:bottom, left:right]
        self._lose()
        return self._process(alone)

    def _lose(self) -> None:
        """Makes the mesh look for a face anew: it lets go of one that is not in the picture."""
        self._mesh.process(_NOTHING)


def _box(landmarks: Array) -> Box:
    """The box that the face detector would give, roughly: from the brows to the chin."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    centre = (low + high) / 2
    return np.array([centre[0], centre[1], 0.85 * (high[1] - low[1])], np.float64)


def _height(box: Box) -> float:
    return float(box[2])


def _same(a: Box, b: Box) -> bool:
    return bool(np.linalg.norm(a[:2] - b[:2]) < NEAR * max(a[2], b[2]))


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hides the notices that MediaPipe's C++ side prints while it starts, which no option turns off, and these alone.

    All else that the process writes to its stderr in the meantime is passed on as it comes.
    """
    with _STARTING, _filtered_stderr():
        yield


@contextlib.contextmanager
def _filtered_stderr() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    reading, writing = os.pipe()
    threading.Thread(target=_pass_on, args=(reading, saved), name="mien-stderr", daemon=True).start()
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)


def _pass_on(reading: int, stderr: int) -> None:
    """Writes lines to `stderr` until the last writer is gone; a program started meanwhile may be one for long."""
    with open(reading, "rb") as lines, open(stderr, "wb", buffering=0) as out:
        for line in lines:
            if not NOTICES.match(line):
                out.write(line)
