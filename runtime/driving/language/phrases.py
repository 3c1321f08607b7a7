"""What the avatar can be asked to do, as data: each expression's coefficients at full strength and how people call it.

Left and right are the subject's own, as in ARKit: "wink left" closes `eyeBlinkLeft`, which is on the right of the
picture, and "turn left" turns the face to the right of the picture (positive yaw).

A coefficient without its side stands for both sides. A phrase is a bag of words, whatever their order and the words in
between that mean nothing here; ``a|b`` offers alternatives and ``(a)`` is optional.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from runtime.driving.channels import CHANNEL, HEAD, OWN

YAW, PITCH, ROLL = math.radians(32), math.radians(20), math.radians(16)
"""Head angles at full strength."""
SHIFT, DEPTH = 0.3, 0.6
"""Head shifts (dm) at full strength: sideways and up, and along the line of sight."""


REST = 0.08
"""Seconds between two repetitions of a gesture that comes back to rest."""


@dataclass(frozen=True)
class Beat:
    """One rise and fall within an expression; times in seconds, targets at full strength."""

    targets: Mapping[str, float]
    start: float = 0.0
    attack: float = 0.35
    hold: float = 1.5
    release: float = 0.45


@dataclass(frozen=True)
class LexiconEntry:
    """Something that can be asked for."""

    name: str
    """The phrase that people are told."""
    beats: tuple[Beat, ...]
    phrases: tuple[str, ...]
    """The ways of asking for it, expanded: words in their dictionary form."""
    normal: float = 0.75
    """Strength where none is asked for."""
    side: str = "both"
    """The side taken where none is asked for."""
    gesture: bool = False
    """Whether it is a movement (repeated to fill a duration) rather than a face that is held."""
    period: float = 0.0
    """Seconds from one repetition of a gesture to the next."""
    times: int = 1
    """Repetitions of a gesture where no number is asked for."""
    own_accord: bool = False
    """Whether a head does it by itself, so that "don't" alone asks for something."""

    @property
    def length(self) -> float:
        """Seconds from its start to the end of its last release."""
        return max((b.start + b.attack + b.hold + b.release for b in self.beats), default=0.0)

    def held(self, side: str | None = None) -> frozenset[str]:
        """The channels that rest where it is forbidden (on one side). None for a feeling, which only is not shown, and
        where its point is that something rests."""
        if self in EMOTIONS:
            return frozenset()
        names = {name for beat in self.beats for name, value in beat.targets.items() if value}
        if self.sided and side in ("left", "right"):
            names = {name for name in names if name.lower().endswith(side)}
        return frozenset(names)

    @property
    def sided(self) -> bool:
        """Whether it can be done on one side; an avatar's own expressions are what they are."""
        names = {name for beat in self.beats for name in beat.targets}
        return names.isdisjoint(OWN) and any(is_sided(name) for name in names)


def is_sided(channel: str) -> bool:
    """Whether a channel belongs to one side of the face; eyeLookOutLeft, jawLeft, mouthLeft are directions."""
    directed = channel.startswith(("eyeLook", "jaw")) or channel in ("mouthLeft", "mouthRight")
    return channel.endswith(("Left", "Right")) and not directed


def _both(targets: Mapping[str, float]) -> dict[str, float]:
    full: dict[str, float] = {}
    for name, value in targets.items():
        full.update({name: value} if name in CHANNEL else {name + "Left": value, name + "Right": value})
    return full


def _expand(pattern: str) -> list[str]:
    choices = []
    for word in pattern.split():
        options = word.strip("()").split("|")
        choices.append([*options, ""] if word.startswith("(") else options)
    return [" ".join(filter(None, words)) for words in product(*choices)]


def _said(name: str, patterns: str) -> tuple[str, ...]:
    phrases = [name] + [phrase for pattern in patterns.split(",") if pattern.strip() for phrase in _expand(pattern)]
    return tuple(dict.fromkeys(phrases))


def _face(name: str, patterns: str, normal: float = 0.75, side: str = "both", **targets: float) -> LexiconEntry:
    return LexiconEntry(name, (Beat(_both(targets)),), _said(name, patterns), normal, side)


def _move(
    name: str,
    patterns: str,
    *beats: Beat,
    normal: float = 0.75,
    side: str = "both",
    period: float | None = None,
    times: int = 1,
) -> LexiconEntry:
    full = tuple(Beat(_both(b.targets), b.start, b.attack, b.hold, b.release) for b in beats)
    length = max(b.start + b.attack + b.hold + b.release for b in beats)
    return LexiconEntry(name, full, _said(name, patterns), normal, side, True, period or length + REST, times)


SWING = 0.28
"""Seconds between two turning points of a nod or a shake."""


def _swing(channel: str, *heights: float, beat: float = SWING) -> tuple[Beat, ...]:
    """A swing through the given heights of one channel, each reached as the one before falls."""
    return tuple(Beat({channel: h}, i * beat, beat, 0.0, beat) for i, h in enumerate(heights))


EMOTIONS = (
    _face(
        "happy", "glad|joyful|cheerful|delighted|pleased|joy|happiness|friendly|content",
        mouthSmile=0.9, cheekSquint=0.6, eyeSquint=0.25, browOuterUp=0.15,
    ),
    _face(
        "sad", "unhappy|sorrowful|sorry|sadness|upset|depressed|gloomy|miserable|heartbroken",
        mouthFrown=0.95, browInnerUp=1.0, mouthShrugLower=0.4, eyeSquint=0.2, mouthPress=0.2,
    ),
    _face(
        "angry", "mad|furious|anger|annoyed|irritated|rage|cross|grumpy|fierce",
        browDown=1.0, noseSneer=0.5, eyeSquint=0.5, mouthPress=0.5, mouthFrown=0.35,
    ),
    _face(
        "surprised", "surprise|astonished|amazed|shocked|stunned|startled|awe|gasp|wow|amazement|shock|impressed",
        browInnerUp=1.0, browOuterUp=1.0, eyeWide=1.0, jawOpen=0.6, mouthFunnel=0.15,
    ),
    _face(
        "disgusted", "disgust|grossed|revolted|repulsed|yuck|ew|gross|nauseated",
        noseSneer=1.0, mouthUpperUp=0.6, browDown=0.5, mouthFrown=0.45, eyeSquint=0.5, mouthShrugUpper=0.3,
    ),
    _face(
        "afraid", "scared|fearful|fear|frightened|terrified|horrified|panicked|horror",
        browInnerUp=1.0, browOuterUp=0.4, eyeWide=1.0, mouthStretch=0.8, jawOpen=0.25,
    ),
    _face(
        "sceptical", "skeptical|doubtful|suspicious|unconvinced|dubious|doubt|incredulous|quizzical",
        browOuterUpLeft=1.0, browDownRight=0.7, eyeSquintRight=0.4, mouthPress=0.35, mouthLeft=0.25,
    ),
    _face(
        "contemptuous", "contempt|scornful|disdainful|smug|arrogant",
        mouthDimpleLeft=0.9, mouthSmileLeft=0.3, noseSneerLeft=0.4, eyeSquint=0.35, mouthUpperUpLeft=0.2,
    ),
    _face(
        "confused", "puzzled|perplexed|baffled|bewildered|confusion|lost",
        browDownLeft=0.6, browInnerUp=0.5, browOuterUpRight=0.5, mouthFrown=0.3, mouthPress=0.2, eyeSquint=0.3,
    ),
    _face(
        "thoughtful", "think|pensive|ponder|contemplate|wonder|consider",
        eyeLookUp=0.5, eyeLookOutLeft=0.45, eyeLookInRight=0.45, mouthPress=0.35, mouthLeft=0.3, browDown=0.25,
    ),
    _face("bored", "boredom|unimpressed|indifferent|deadpan", eyeBlink=0.4, mouthFrown=0.3, mouthPress=0.2),
    _face("sleepy", "tired|drowsy|exhausted|weary", eyeBlink=0.65, browInnerUp=0.35, mouthFrown=0.15, jawOpen=0.06),
    _face(
        "excited", "thrilled|ecstatic|enthusiastic|overjoyed|elated",
        mouthSmile=1.0, eyeWide=0.5, browInnerUp=0.5, browOuterUp=0.6, jawOpen=0.35, cheekSquint=0.4,
    ),
    _face("shy", "bashful|embarrassed|coy", mouthSmile=0.5, mouthPress=0.3, eyeLookDown=0.7, browInnerUp=0.4),
    _face(
        "worried", "anxious|nervous|concerned|worry|uneasy|distressed",
        browInnerUp=1.0, mouthPress=0.4, mouthFrown=0.45, mouthStretch=0.3, eyeSquint=0.15,
    ),
    _face("serious", "determined|stern|focused|concentrated|concentrate", browDown=0.5, mouthPress=0.55, eyeSquint=0.3),
    _face(
        "in pain", "pain|wince|ouch|hurting|agony",
        eyeSquint=1.0, eyeBlink=0.6, browDown=0.9, noseSneer=0.6, mouthStretch=0.7, cheekSquint=0.9, mouthUpperUp=0.3,
    ),
)  # fmt: skip

FACES = (
    _face("smile", "smiley", mouthSmile=1.0, cheekSquint=0.5, mouthDimple=0.15),
    _face(
        "grin", "beam,show teeth,bare teeth,toothy smile,smile teeth",
        mouthSmile=1.0, mouthUpperUp=0.4, mouthLowerDown=0.35, cheekSquint=0.6, jawOpen=0.08,
    ),
    _face(
        "smirk", "half smile,crooked smile,lopsided smile", side="left",
        mouthSmile=0.9, mouthDimple=0.4, cheekSquint=0.3,
    ),
    _face("frown", "scowl,mouth corner down,glower", mouthFrown=0.9, browDown=0.7),
    _face(
        "pout", "sulk,stick lower lip out,pouty lip",
        mouthShrugLower=0.9, mouthPucker=0.45, mouthFrown=0.4, browInnerUp=0.3,
    ),
    _face(
        "grimace", "cringe,stretch mouth,clench teeth,grit teeth,pull|silly|funny|ugly face",
        mouthStretch=1.0, mouthLowerDown=0.6, mouthUpperUp=0.45, eyeSquint=0.4, browDown=0.3,
    ),
    _face(
        "scream", "shout,yell,roar,howl", normal=0.9,
        jawOpen=1.0, mouthStretch=0.4, mouthUpperUp=0.5, mouthLowerDown=0.5, eyeSquint=0.6, browDown=0.6, noseSneer=0.4,
    ),
    _face(
        "cry", "weep,sob",
        browInnerUp=1.0, eyeSquint=0.8, eyeBlink=0.5, mouthFrown=1.0, mouthStretch=0.4, jawOpen=0.15,
    ),
    _face("whistle", "", mouthPucker=1.0, mouthFunnel=0.35),
    _face("duck face", "pucker (lip),purse lip,duck lip,fish face,pursed lip", normal=0.9, mouthPucker=1.0),
    _face("puff your cheeks", "puff|blow|inflate (out) cheek,cheek out,puff", 0.9, cheekPuff=1.0),
    _face("stick your tongue out", "(stick|put|poke) tongue (out),show tongue", 0.95, tongueOut=1.0, jawOpen=0.4),
    _face("open your mouth", "open mouth,mouth agape,(open|drop) jaw,jaw down,say aah|ah,mouth wide", 0.7, jawOpen=1.0),
    _face("close your mouth", "close mouth,close lip,close jaw", 1.0, jawOpen=0.0),
    _face("bite your lip", "bite (lower) lip", 0.9, mouthRollLower=1.0, mouthUpperUp=0.35, jawOpen=0.1),
    _face(
        "press your lips", "press lip (together),tight lip,tighten lip",
        mouthPress=1.0, mouthRollLower=0.3, mouthRollUpper=0.3,
    ),
    _face("roll your lips in", "roll lip (in),tuck lip (in),hide lip", mouthRollLower=1.0, mouthRollUpper=1.0),
    _face("show your upper teeth", "raise|lift upper lip,show upper teeth,snarl", mouthUpperUp=1.0, noseSneer=0.5),
    _face("show your lower teeth", "lower|drop lower lip,show lower|bottom teeth", mouthLowerDown=1.0),
    _face("dimples", "dimple,show dimple", mouthDimple=1.0),
    _face("mouth left", "(move) mouth|lip left", mouthLeft=1.0),
    _face("mouth right", "(move) mouth|lip right", mouthRight=1.0),
    _face("jaw left", "(move|slide|shift) jaw|chin left", jawLeft=1.0),
    _face("jaw right", "(move|slide|shift) jaw|chin right", jawRight=1.0),
    _face("jaw forward", "(jut|push|stick) jaw|chin forward|out,underbite", jawForward=1.0),
    _face("raise your brows", "raise|lift|arch brow,brow up|high|raised", 0.8, browInnerUp=0.8, browOuterUp=1.0),
    _face("raise your inner brows", "raise|lift inner brow,inner brow up", 0.9, browInnerUp=1.0),
    _face("lower your brows", "lower|furrow|knit|wrinkle|scrunch brow,brow down|together,furrow", 0.85, browDown=1.0),
    _face("sneer", "wrinkle|scrunch|crinkle nose,nose wrinkle|up", noseSneer=1.0, mouthUpperUp=0.3, cheekSquint=0.3),
    _face("squint", "narrow eye,squinty eye,eye narrow", 0.85, eyeSquint=1.0, browDown=0.25, cheekSquint=0.3),
    _face("wide eyes", "widen|wide eye,eye wide (open),open eye wide,bulge eye", 0.9, eyeWide=1.0),
    _face("raise your cheeks", "raise|lift cheek,cheek up", 0.9, cheekSquint=1.0),
    _face("close your eyes", "close eye,sleep,asleep", 1.0, eyeBlink=1.0),
    _face("open your eyes", "open eye,wake up", 1.0, eyeBlink=0.0),
    _face("cross your eyes", "cross|crossed eye,cross eyed", 0.9, eyeLookIn=1.0),
)  # fmt: skip

DIRECTIONS = (
    _face("look left", "eye|gaze left,peek left", 0.8, eyeLookOutLeft=1.0, eyeLookInRight=1.0),
    _face("look right", "eye|gaze right,peek right", 0.8, eyeLookInLeft=1.0, eyeLookOutRight=1.0),
    _face("look up", "eye|gaze up,look upward", 0.8, eyeLookUp=1.0),
    _face("look down", "eye|gaze down,look downward", 0.8, eyeLookDown=1.0),
    _face(
        "look ahead", "look forward|straight|here|center,look straight ahead,look (at|into) me|camera|viewer",
        1.0, eyeLookUp=0.0,
    ),
    _face("turn left", "turn|rotate (head) left,head left,head turn left,face left", headYaw=YAW),
    _face("turn right", "turn|rotate (head) right,head right,face right", headYaw=-YAW),
    _face("chin up", "head up,raise|lift head|chin,turn|tilt (head) up,tilt|lean head back", headPitch=-PITCH),
    _face("chin down", "head down,lower|bow|drop|hang head|chin,bow,turn|tilt (head) down|forward", headPitch=PITCH),
    _face("tilt left", "tilt|cock|incline (head) left,lean head left,ear left", headRoll=-ROLL),
    _face("tilt right", "tilt|cock|incline (head) right,lean head right", headRoll=ROLL),
    _face("tilt your head", "tilt|cock|incline (head)", headRoll=-ROLL),
    _face(
        "face forward", "face front|camera|straight,head straight|center", 1.0,
        headYaw=0.0, headPitch=0.0, headRoll=0.0,
    ),
    _face("lean left", "move left,move head left", headX=SHIFT),
    _face("lean right", "move right,move head right", headX=-SHIFT),
    _face("lean forward", "lean in,move|come forward|closer|close,lean closer", headZ=DEPTH),
    _face("lean back", "move|go back|away,lean backward|away,back off", headZ=-DEPTH),
)  # fmt: skip

_ROLLING = (
    ("eyeLookOutRight", "eyeLookInLeft"),
    ("eyeLookUpLeft", "eyeLookUpRight"),
    ("eyeLookOutLeft", "eyeLookInRight"),
)

_AROUND = (_ROLLING[2], _ROLLING[0], ("eyeLookUpLeft", "eyeLookUpRight", "eyeLookOutLeft", "eyeLookInRight"))

GESTURES = (
    _move(
        "wink", "",
        Beat({"eyeBlink": 1.0, "cheekSquint": 0.5}, 0, 0.12, 0.22, 0.22),
        Beat({"mouthSmile": 0.35}, 0, 0.2, 0.3, 0.35),
        normal=1.0, side="left",
    ),
    _move("blink", "bat eyelash,flutter eye", Beat({"eyeBlink": 1.0}, 0, 0.12, 0.05, 0.22), normal=1.0),
    _move(
        "kiss", "blow kiss,(give) kiss,smooch,air kiss",
        Beat({"mouthPucker": 1.0, "mouthFunnel": 0.1}, 0, 0.3, 0.35, 0.35), normal=0.95,
    ),
    _move(
        "nod", "nod head,say yes,agree,yes",
        *_swing("headPitch", 0.75 * PITCH, -0.25 * PITCH), period=2 * SWING, times=2,
    ),
    _move(
        "shake your head", "shake (head),say no,disagree,move head side side",
        *_swing("headYaw", 0.7 * YAW, -0.7 * YAW), normal=0.7, period=2 * SWING, times=2,
    ),
    _move(
        "sway", "rock,rock head,bobble head,wobble head",
        *_swing("headRoll", 0.7 * ROLL, -0.7 * ROLL, beat=0.4), period=0.8, times=2,
    ),
    _move(
        "yawn", "",
        Beat({"jawOpen": 1.0, "mouthStretch": 0.2}, 0, 0.9, 0.9, 0.8),
        Beat({"eyeBlink": 1.0, "browInnerUp": 0.5, "noseSneer": 0.3, "eyeSquint": 0.5}, 0.2, 0.7, 0.9, 0.9),
        Beat({"headPitch": -0.4 * PITCH}, 0.1, 0.9, 0.8, 0.9), normal=0.95,
    ),
    _move(
        "laugh", "giggle,chuckle,crack up,lol,haha,laughter",
        Beat({"mouthSmile": 1.0, "mouthUpperUp": 0.3, "jawOpen": 0.2}, 0, 0.3, 1.2, 0.5),
        Beat({"cheekSquint": 0.8, "eyeSquint": 0.7}, 0, 0.3, 1.2, 0.5),
        *(Beat({"jawOpen": 0.4}, 0.15 + 0.28 * i, 0.12, 0.02, 0.14) for i in range(5)), normal=0.85,
    ),
    _move(
        "roll your eyes", "roll eye,eye roll",
        *(Beat(dict.fromkeys(names, 1.0), 0.28 * i, 0.28, 0.04, 0.28) for i, names in enumerate(_ROLLING)), normal=0.9,
    ),
    _move(
        "look around", "look everywhere",
        *(Beat(dict.fromkeys(names, 0.8), 0.9 * i, 0.25, 0.65, 0.25) for i, names in enumerate(_AROUND)),
    ),
    _move(
        "shrug", "dunno,don know",
        Beat({"mouthShrugLower": 0.8, "mouthFrown": 0.6, "browInnerUp": 0.6, "browOuterUp": 0.8}, 0, 0.3, 0.6, 0.45),
        Beat({"headRoll": 0.4 * ROLL, "headY": 0.08}, 0, 0.3, 0.6, 0.45), normal=0.85,
    ),
    _move(
        "chew", "munch,eat",
        *(Beat({"jawOpen": 0.3, "jawLeft": 0.3 * (i % 2)}, 0.5 * i, 0.22, 0.02, 0.25) for i in range(3)),
    ),
    _move(
        "speak", "talk,chat,chatter,babble,move lip|mouth,blah",
        *(
            Beat(targets, 0.17 * i, 0.1, 0.06, 0.12)
            for i, targets in enumerate((
                {"jawOpen": 0.45, "mouthLowerDown": 0.3}, {"jawOpen": 0.15, "mouthStretch": 0.3},
                {"jawOpen": 0.3, "mouthFunnel": 0.5}, {"mouthPress": 0.5}, {"jawOpen": 0.5, "mouthUpperUp": 0.2},
                {"jawOpen": 0.15, "mouthPucker": 0.5}, {"jawOpen": 0.3, "mouthStretch": 0.25}, {"mouthRollLower": 0.4},
            ))
        ), normal=0.9,
    ),
)  # fmt: skip

WAIT = LexiconEntry("wait", (), ("wait", "pause", "hold on", "delay"))
RELEASE = LexiconEntry(
    "relax",
    (),
    _said("relax", "neutral|stop|reset|normal|rest|cancel|release|blank|relaxed|nothing,calm down"),
)
"""What was asked for before ends, and the head goes back to whoever else drives it."""

_GAZE: dict[str, Any] = {f"eyeLook{way}": 1.0 for way in ("Up", "Down", "In", "Out")}
_BROWS: dict[str, Any] = {"browDown": 1.0, "browInnerUp": 1.0, "browOuterUp": 1.0}
_HEAD: dict[str, Any] = dict.fromkeys(HEAD, 1.0)
_JAW: dict[str, Any] = {"jawOpen": 1.0, "jawForward": 1.0, "jawLeft": 1.0, "jawRight": 1.0}
FORBIDDABLE = tuple(
    replace(entry, own_accord=True)
    for entry in (
        _face("show your teeth", "(show|bare|see) teeth", mouthUpperUp=1.0, mouthLowerDown=1.0, jawOpen=1.0),
        _face("move your head", "(move|turn|shake) head,move around", **_HEAD),
        _face("move your eyes", "move eye,look away", **_GAZE),
        _face("move your mouth", "move mouth|lip|jaw,mouth,lip", mouthSmile=1.0, mouthFrown=1.0, **_JAW),
        _face("move your brows", "(move) brow", **_BROWS),
        _face("blink", "blink", eyeBlink=1.0),
        _face("move", "move,move face", **_HEAD, **_GAZE, **_BROWS),
    )
)
"""What may be forbidden as a whole, though nobody can be asked to do it, or not like that."""

STILL = LexiconEntry("still", (Beat({}, hold=5.0),), ())
"""Nothing but what is forbidden."""

VOCABULARY: tuple[LexiconEntry, ...] = (*EMOTIONS, *FACES, *DIRECTIONS, *GESTURES, WAIT, RELEASE)
