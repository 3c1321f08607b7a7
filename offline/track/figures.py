"""What a tracked video amounts to, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.clip import Clip
from offline.track.reasons import Reason
from offline.track.see import Seen
from runtime.contract.axes import angles_from_rotation, rotation_from_quaternion
from runtime.contract.drive import INDEX

ANGLES = ("yaw", "pitch", "roll")
ENOUGH_TURN = {
    ("yaw", 1): (20, "turned to your left"),
    ("yaw", -1): (20, "turned to your right"),
    ("pitch", 1): (10, "lowered your chin"),
    ("pitch", -1): (10, "raised your chin"),
    ("roll", 1): (8, "tilted your head to your right"),
    ("roll", -1): (8, "tilted your head to your left"),
}
"""Degrees from the usual pose that a clip should reach, and the movement's name."""
ENOUGH_FACE = {
    "opened your mouth wide": (("jawOpen",), 0.5),
    "blinked": (("eyeBlinkLeft", "eyeBlinkRight"), 0.6),
    "smiled broadly": (("mouthSmileLeft", "mouthSmileRight"), 0.4),
    "raised your brows": (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 0.4),
    "pursed your lips": (("mouthPucker", "mouthFunnel"), 0.4),
    "looked to the side": (("eyeLookOutLeft", "eyeLookOutRight"), 0.4),
}
"""Movements of the face: any of these coefficients should reach the value."""
OFTEN = 99.0
"""Percentile that counts as reached, so that a single wrong frame does not."""
LONG_ENOUGH = 20.0
"""Seconds below which a clip is short."""


@dataclass(frozen=True)
class Speed:
    """Seconds that tracking took, for all frames that were read."""

    look: float
    fit: float
    write: float

    @property
    def total(self) -> float:
        return self.look + self.fit + self.write


def head_angles(clip: Clip) -> NDArray[np.float64]:
    """Yaw, pitch and roll [N, 3] in degrees, from the usual pose."""
    return np.degrees([angles_from_rotation(rotation_from_quaternion(q)) for q in clip.rotation])


def figures(clip: Clip, seen: Seen, errors: NDArray[np.floating], focal: float, speed: Speed) -> dict[str, Any]:
    """Everything that the report states, ready for JSON; `errors` [N] are the clip's reprojection errors and `focal` is
    the focal length in widths of the whole picture."""
    angles = head_angles(clip)
    heights = np.ptp(seen.landmarks[:, :, 1], 1) * seen.height
    first = np.flatnonzero(np.diff(seen.segments)) + 1
    return {
        "subject": clip.info.subject,
        "size": clip.info.size,
        "fps": clip.info.fps,
        "frames": {"read": len(seen.verdicts), "kept": len(clip), "dropped": dropped(seen)},
        "segments_start_s": [round(float(seen.times[i]), 3) for i in (0, *first)],
        "notes": seen.notes,
        "picture": [seen.width, seen.height],
        "face_height_px": round(float(np.median(heights)), 1),
        "focal_widths": round(focal, 3),
        "reprojection_px_at_512": {
            "mean": round(float(errors.mean()), 3),
            "p95": round(float(np.percentile(errors, 95)), 3),
            "worst": round(float(errors.max()), 3),
            "worst_frame": seen.index[int(errors.argmax())],
        },
        "degrees": {
            name: [round(float(angles[:, i].min()), 1), round(float(angles[:, i].max()), 1)]
            for i, name in enumerate(ANGLES)
        },
        "missing": missing(clip, angles),
        "speed": {
            "frames_per_s": round(len(seen.verdicts) / speed.total, 2),
            "look_s": round(speed.look, 2),
            "fit_s": round(speed.fit, 2),
            "write_s": round(speed.write, 2),
        },
        "source_frames": seen.index,
    }


def dropped(seen: Seen) -> dict[str, dict[str, Any]]:
    """Reason to number of frames and their ranges (first, last), the commonest first."""
    found: dict[Reason, list[list[int]]] = {}
    for run in seen.runs():
        found.setdefault(run.reason, []).append([run.first, run.last])
    counted = {reason: sum(b - a + 1 for a, b in ranges) for reason, ranges in found.items()}
    return {
        reason.name.lower(): {"frames": counted[reason], "ranges": found[reason]}
        for reason in sorted(found, key=lambda reason: -counted[reason])
    }


def missing(clip: Clip, angles: NDArray[np.floating]) -> list[str]:
    """Sentences on what the performance lacks; an avatar is rough where it was never shown anything."""
    sentences = []
    seconds = len(clip) / clip.info.fps
    if seconds < LONG_ENOUGH:
        sentences.append(f"The clip lasts {seconds:.0f} s; half a minute or more gives a better avatar.")
    for (name, sign), (enough, movement) in ENOUGH_TURN.items():
        reached = max(0.0, float(np.percentile(sign * angles[:, ANGLES.index(name)], OFTEN)))
        if reached < enough:
            sentences.append(f"You never {movement} by more than {reached:.0f}°: the avatar will be rough there.")
    for movement, (names, least) in ENOUGH_FACE.items():
        values = clip.expression[:, [INDEX[name] for name in names]].max(1)
        if float(np.percentile(values, OFTEN)) < least:
            sentences.append(f"You never {movement}: the avatar will guess what that looks like.")
    return sentences
