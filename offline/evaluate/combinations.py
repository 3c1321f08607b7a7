"""Expressions that people make, as coefficients: what an avatar is asked for beside single axes."""

from __future__ import annotations

Coefficients = dict[str, float]


def _both(**values: float) -> Coefficients:
    """`mouthSmile=0.5` for left and right."""
    return {f"{name}{side}": value for name, value in values.items() for side in ("Left", "Right")}


def _look(yaw: float = 0.0, pitch: float = 0.0) -> Coefficients:
    """Both eyes to the subject's left (yaw > 0) and up (pitch > 0), 0..1 of their range."""
    side = (
        {"eyeLookOutLeft": yaw, "eyeLookInRight": yaw} if yaw > 0 else {"eyeLookInLeft": -yaw, "eyeLookOutRight": -yaw}
    )
    height = _both(eyeLookUp=pitch) if pitch > 0 else _both(eyeLookDown=-pitch)
    return {name: value for name, value in (side | height).items() if value}


_SMILE = _both(mouthSmile=0.6, cheekSquint=0.3)
_GRIN = _both(mouthSmile=0.9, cheekSquint=0.6, mouthUpperUp=0.4, mouthLowerDown=0.4) | {"jawOpen": 0.12}
_ANGER = _both(browDown=0.9, eyeSquint=0.5, noseSneer=0.4, mouthPress=0.5)
_BLINK = _both(eyeBlink=1.0)

COMBINATIONS: dict[str, Coefficients] = {
    "smile, closed": _SMILE,
    "smile, teeth": _GRIN,
    "laugh": _both(mouthSmile=0.9, cheekSquint=0.8, eyeSquint=0.6, mouthUpperUp=0.5) | {"jawOpen": 0.45},
    "half smile, left": {"mouthSmileLeft": 0.8, "cheekSquintLeft": 0.4, "mouthDimpleLeft": 0.3},
    "half smile, right": {"mouthSmileRight": 0.8, "cheekSquintRight": 0.4, "mouthDimpleRight": 0.3},
    "smile, eyes shut": _SMILE | _BLINK,
    "wink left with a smile": _SMILE | {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.7},
    "wink right with a smile": _SMILE | {"eyeBlinkRight": 1.0, "cheekSquintRight": 0.7},
    "smirk": {"mouthSmileRight": 0.5, "mouthPressLeft": 0.5, "mouthRight": 0.2},
    "surprise": _both(browOuterUp=0.9, eyeWide=0.8) | {"browInnerUp": 0.9, "jawOpen": 0.5},
    "mild surprise": _both(browOuterUp=0.6, eyeWide=0.3) | {"browInnerUp": 0.6, "jawOpen": 0.12},
    "fear": _both(browOuterUp=0.3, eyeWide=0.9, mouthStretch=0.7) | {"browInnerUp": 0.9, "jawOpen": 0.25},
    "disgust": _both(noseSneer=0.9, browDown=0.5, mouthUpperUp=0.6, mouthFrown=0.4),
    "anger, lips pressed": _ANGER,
    "anger, teeth": _both(browDown=0.9, noseSneer=0.6, mouthUpperUp=0.6, mouthLowerDown=0.6) | {"jawOpen": 0.1},
    "sadness": _both(mouthFrown=0.8, eyeSquint=0.2) | {"browInnerUp": 0.9, "mouthShrugLower": 0.4},
    "crying": _both(mouthFrown=0.6, mouthStretch=0.6, eyeSquint=0.8) | {"browInnerUp": 0.9, "jawOpen": 0.3},
    "contempt": {"mouthDimpleLeft": 0.8, "mouthSmileLeft": 0.3, "noseSneerLeft": 0.3},
    "thinking": _look(-0.5, 0.6) | {"mouthLeft": 0.4, "browDownRight": 0.4, "browOuterUpLeft": 0.5, "mouthPucker": 0.3},
    "doubt": _both(mouthFrown=0.5) | {"mouthShrugLower": 0.7, "browOuterUpRight": 0.7},
    "left brow raised": {"browOuterUpLeft": 0.9, "browInnerUp": 0.3, "browDownRight": 0.3},
    "right brow raised": {"browOuterUpRight": 0.9, "browInnerUp": 0.3, "browDownLeft": 0.3},
    "look left": _look(0.8),
    "look right": _look(-0.8),
    "look up": _look(0.0, 0.8) | {"browInnerUp": 0.2},
    "look down": _look(0.0, -0.8) | _both(eyeBlink=0.3),
    "look left, half blink": _look(0.7) | _both(eyeBlink=0.5),
    "look right and down": _look(-0.6, -0.6) | _both(eyeBlink=0.25),
    "blink": _BLINK,
    "squint": _both(eyeSquint=0.9, cheekSquint=0.5, browDown=0.3),
    "kiss": {"mouthPucker": 0.9, "mouthFunnel": 0.2},
    "puffed cheeks": _both(mouthPress=0.4) | {"cheekPuff": 0.9},
    "lips rolled in": _both(mouthPress=0.4) | {"mouthRollLower": 0.8, "mouthRollUpper": 0.7},
    "shout": _both(browDown=0.5, mouthUpperUp=0.3, mouthLowerDown=0.4) | {"jawOpen": 0.9},
    "yawn": _both(eyeBlink=0.8, mouthStretch=0.3) | {"jawOpen": 0.95, "browInnerUp": 0.3},
    "A (viseme)": _both(mouthLowerDown=0.2) | {"jawOpen": 0.5},
    "E (viseme)": _both(mouthStretch=0.4, mouthSmile=0.3, mouthLowerDown=0.3) | {"jawOpen": 0.2},
    "I (viseme)": _both(mouthSmile=0.5, mouthStretch=0.3, mouthUpperUp=0.2, mouthLowerDown=0.2) | {"jawOpen": 0.1},
    "O (viseme)": {"mouthFunnel": 0.7, "mouthPucker": 0.3, "jawOpen": 0.35},
    "U (viseme)": {"mouthPucker": 0.75, "mouthFunnel": 0.3, "jawOpen": 0.1},
    "M (viseme)": _both(mouthPress=0.5) | {"mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "F (viseme)": _both(mouthUpperUp=0.3) | {"mouthRollLower": 0.6, "jawOpen": 0.06},
}
"""Left and right are the subject's."""
