"""Performances as files, YAML or JSON: the same timeline that a prompt becomes, written out.

    version: 1                # of this format
    title: Greeting           # optional
    loop: false               # optional; start over at the end
    events:
      - at: 0.5               # seconds from the start
        prompt: smile slightly for 2 seconds
      - at: 3.0
        set: {jawOpen: 0.4, mouthSmileLeft: 0.8}    # ARKit names, 0..1, the subject's left and right
        head: {yaw: 10, pitch: -5, roll: 0}         # degrees; x, y, z in decimetres
        gaze: {yaw: -15, pitch: 5}                  # degrees in head space
        own: {tongue out: 0.8}                      # expressions that only this avatar has, 0..1
        attack: 0.3           # seconds to rise; these four are optional
        hold: 1.0             # seconds held
        release: 0.4          # seconds to fall
        ease: smooth          # linear, smooth, smoother, accelerate, decelerate
        groups: [mouth]       # optional: also hold the rest of these groups at zero
      - at: 5.0
        keys:                 # values passed through one after the other
          - {at: 0.0, set: {jawOpen: 0.1}}
          - {at: 0.4, set: {jawOpen: 0.7}, head: {pitch: -4}}
          - {at: 0.9}

Angles have the signs of `runtime.contract.axes`: positive yaw is to the subject's left, positive pitch down. Whatever a
script does not speak for is left to the camera or to idle. Unknown keys are errors that name the nearest known one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from rapidfuzz import process

from runtime.contract.drive import EXPRESSIONS, GAZE_PITCH, GAZE_YAW, gaze_coefficients
from runtime.contract.names import coefficient
from runtime.documents import TooLarge, read_bounded, read_document
from runtime.driving.channels import GROUPS
from runtime.driving.easing import EASINGS
from runtime.driving.language.prompts import parse
from runtime.driving.reach import Reach
from runtime.driving.repertoire import Repertoire
from runtime.driving.timeline import Segment, Timeline, delayed, through
from runtime.errors import BadInput
from runtime.naming import shown

VERSION = 1
MAX_BYTES = 256 * 1024
MAX_EVENTS = 500
MAX_KEYS = 2000
MAX_SECONDS = 600.0
MAX_RAMP = 60.0

_POSE = {"set", "head", "gaze", "own"}
_TIMING = {"attack", "hold", "release", "ease", "groups"}
_DEGREES = {"yaw": "headYaw", "pitch": "headPitch", "roll": "headRoll"}
_SHIFTS = {"x": "headX", "y": "headY", "z": "headZ"}
COMMON = Repertoire()
"""That of an avatar without expressions of its own."""


@dataclass(frozen=True)
class Script:
    """A performance from a file."""

    timeline: Timeline
    title: str = ""
    loop: bool = False


def load_script(path: Path, repertoire: Repertoire = COMMON) -> Script:
    """Read a script file for an avatar with this repertoire.

    Raises BadInput, naming file and place, where it cannot be used.
    """
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"Cannot read the script '{path}': {error.strerror or error}.") from error
    except TooLarge:
        raise BadInput(f"The script '{path}' is larger than {MAX_BYTES // 1024} KiB; split it.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"The script '{path}' is not UTF-8 text; save it as UTF-8 YAML or JSON.") from error
    return parse_script(text, str(path), repertoire)


def parse_script(text: str, name: str = "script", repertoire: Repertoire = COMMON) -> Script:
    """Read a script from its text; `name` stands in errors. Raises BadInput where it cannot be used."""
    if len(text) > MAX_BYTES:
        raise BadInput(f"The script '{name}' is larger than {MAX_BYTES // 1024} KiB; split it.")
    document = read_document(text, name)
    top = _mapping(document, name, {"version", "title", "loop", "events"})
    if top.get("version") != VERSION or isinstance(top.get("version"), bool):
        raise BadInput(f"{name}: 'version' must be {VERSION}.")
    title, loop = top.get("title", ""), top.get("loop", False)
    if not isinstance(title, str) or not isinstance(loop, bool):
        raise BadInput(f"{name}: 'title' must be text and 'loop' true or false.")
    segments: list[Segment] = []
    for i, event in enumerate(_list(top.get("events"), f"{name}: 'events'", MAX_EVENTS), 1):
        segments += _event(event, f"{name}, event {i}", repertoire)
        if len(segments) > MAX_KEYS:
            raise BadInput(f"{name}, event {i}: the script has more than {MAX_KEYS} movements; split it.")
    timeline = Timeline(segments)
    if timeline.duration > MAX_SECONDS:
        raise BadInput(f"{name}: lasts {timeline.duration:.0f} s; a script may last at most {MAX_SECONDS:.0f} s.")
    return Script(timeline, title, loop)


def dump_script(script: Script, repertoire: Repertoire = COMMON) -> str:
    """The script as YAML that `parse_script` reads back to the same timeline."""
    events = [_dumped(segment, repertoire) for segment in script.timeline.segments]
    document = {"version": VERSION, "title": script.title, "loop": script.loop, "events": events}
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120)


def _dumped(segment: Segment, repertoire: Repertoire) -> dict[str, object]:
    event: dict[str, object] = {"at": float(segment.start)}
    named = {name: float(value) for name, value in segment.targets.items() if name in EXPRESSIONS}
    head = {key: math.degrees(segment.targets[name]) for key, name in _DEGREES.items() if name in segment.targets}
    head |= {key: float(segment.targets[name]) for key, name in _SHIFTS.items() if name in segment.targets}
    own = {name: float(segment.targets[c]) for name, c in repertoire.channels.items() if c in segment.targets}
    event |= {"set": named} if named or not (head or own) else {}
    event |= ({"head": head} if head else {}) | ({"own": own} if own else {})
    times = {"attack": segment.attack, "hold": segment.hold, "release": segment.release}
    event |= {key: float(seconds) for key, seconds in times.items()} | {"ease": segment.ease}
    return event | ({"groups": sorted(segment.groups)} if segment.groups else {})


def _event(event: object, where: str, repertoire: Repertoire) -> list[Segment]:
    fields = _mapping(event, where, {"at", "prompt", "keys"} | _POSE | _TIMING)
    start = _number(fields.get("at", 0.0), f"{where}, 'at'", 0.0, MAX_SECONDS)
    kinds = [kind for kind in ("prompt", "keys") if kind in fields]
    if len(kinds) > 1 or (kinds and _POSE & fields.keys()):
        raise BadInput(
            f"{where}: has several of 'prompt', 'keys' and 'set'/'head'/'gaze'/'own'; make an event of each."
        )
    if "prompt" in fields:
        _only(fields, {"at", "prompt"}, "prompt", where)
        return delayed(_prompted(fields["prompt"], where, repertoire), start)
    attack, hold, release = (
        _number(fields.get(key, usual), f"{where}, '{key}'", 0.0, MAX_SECONDS if key == "hold" else MAX_RAMP)
        for key, usual in (("attack", 0.35), ("hold", 1.5), ("release", 0.45))
    )
    ease = fields.get("ease", "smooth")
    if not isinstance(ease, str) or ease not in EASINGS:
        raise BadInput(f"{where}: {_unknown(ease, EASINGS, 'easing')}")
    groups = _groups(fields.get("groups", []), where)
    if "keys" in fields:
        return _keys(fields, start, attack, release, ease, groups, where, repertoire)
    if not (_POSE | {"groups"}) & fields.keys():
        raise BadInput(f"{where}: says nothing to do; give it 'prompt', 'set', 'head', 'gaze', 'own' or 'keys'.")
    return [Segment(_targets(fields, where, repertoire), start, attack, hold, release, ease, groups)]


def _keys(
    fields: Mapping[str, object],
    start: float,
    attack: float,
    release: float,
    ease: str,
    groups: frozenset[str],
    where: str,
    repertoire: Repertoire,
) -> list[Segment]:
    _only(fields, {"at", "keys", "attack", "release", "ease", "groups"}, "keys", where)
    keys: list[tuple[float, dict[str, float]]] = []
    for i, item in enumerate(_list(fields["keys"], f"{where}, 'keys'", MAX_KEYS), 1):
        here = f"{where}, key {i}"
        key = _mapping(item, here, {"at"} | _POSE)
        at = _number(key.get("at", 0.0), f"{here}, 'at'", 0.0, MAX_SECONDS)
        if keys and at <= keys[-1][0]:
            raise BadInput(f"{here}: 'at' must be later than that of the key before it.")
        keys.append((at, _targets(key, here, repertoire)))
    return delayed(through(keys, attack, release, ease, groups), start)


def _prompted(text: object, where: str, repertoire: Repertoire) -> Sequence[Segment]:
    if not isinstance(text, str):
        raise BadInput(f"{where}: 'prompt' must be text.")
    try:
        prompt = parse(text, repertoire.lexicon)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    if prompt.unknown:
        first = prompt.unknown[0]
        near = ", ".join(f"'{phrase}'" for phrase in first.nearest)
        raise BadInput(f"{where}: '{first.phrase}' is not known; nearest are {near}.")
    return prompt.timeline.segments


def _targets(fields: Mapping[str, object], where: str, repertoire: Repertoire) -> dict[str, float]:
    targets: dict[str, float] = {}
    own = _mapping(fields.get("own", {}), f"{where}, 'own'", repertoire.channels, "expression of this avatar")
    for name, value in own.items():
        weight = _number(value, f"{where}, '{name}'", 0.0, 1.0)
        targets |= {key: weight * full for key, full in repertoire.overlaid(name).items()}
        targets[repertoire.channels[name]] = weight
    for name, value in _coefficients(fields.get("set", {}), f"{where}, 'set'").items():
        targets[name] = _number(value, f"{where}, '{name}'", 0.0, 1.0)
    if "gaze" in fields:
        gaze = _mapping(fields["gaze"], f"{where}, 'gaze'", {"yaw", "pitch"})
        yaw, pitch = (
            math.radians(_number(gaze.get(key, 0.0), f"{where}, gaze '{key}'", -limit, limit))
            for key, limit in (("yaw", math.degrees(GAZE_YAW)), ("pitch", math.degrees(GAZE_PITCH)))
        )
        targets |= gaze_coefficients(yaw, pitch)
    reach = Reach()
    head = _mapping(fields.get("head", {}), f"{where}, 'head'", {**_DEGREES, **_SHIFTS})
    for (key, name), most in zip((_DEGREES | _SHIFTS).items(), reach.angles + reach.shift, strict=True):
        if key in head:
            degrees = key in _DEGREES
            limit = math.degrees(most) if degrees else most
            value = _number(head[key], f"{where}, head '{key}'", -limit, limit)
            targets[name] = math.radians(value) if degrees else value
    return targets


def _coefficients(value: object, where: str) -> dict[str, object]:
    """The pairs of 'set' by their ARKit names, which may be spelled as other programs do."""
    found: dict[str, object] = {}
    for key, number in _mapping(value, where).items():
        try:
            name = coefficient(key if isinstance(key, str) else "")
        except KeyError:
            raise BadInput(f"{where}: {_unknown(key, EXPRESSIONS, 'coefficient')}") from None
        if name in found:
            raise BadInput(f"{where}: '{name}' is there twice, once as {shown(key)}.")
        if name is not None:
            found[name] = number
    return found


def _groups(value: object, where: str) -> frozenset[str]:
    names = _list(value, f"{where}, 'groups'", len(GROUPS))
    for name in names:
        if not isinstance(name, str) or name not in GROUPS:
            raise BadInput(f"{where}: {_unknown(name, GROUPS, 'group')}")
    return frozenset(str(name) for name in names)


def _mapping(
    value: object, where: str, known: Collection[str] | None = None, kind: str = "key"
) -> dict[str, object]:  # fmt: skip
    if not isinstance(value, dict):
        raise BadInput(f"{where}: must be a list of 'key: value' pairs.")
    for key in value:
        if known is not None and key not in known:
            raise BadInput(f"{where}: {_unknown(key, known, kind)}")
    return value


def _only(fields: Mapping[str, object], allowed: set[str], beside: str, where: str) -> None:
    extra = sorted(fields.keys() - allowed)
    if extra:
        raise BadInput(f"{where}: '{extra[0]}' has no meaning beside '{beside}'; remove it.")


def _list(value: object, where: str, most: int) -> list[object]:
    if not isinstance(value, list):
        raise BadInput(f"{where} must be a list.")
    if len(value) > most:
        raise BadInput(f"{where} has {len(value)} entries; at most {most} are allowed.")
    return value


def _number(value: object, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadInput(f"{where} must be a number from {low:g} to {high:g}, not {shown(value)}.")
    return float(value)


def _unknown(name: object, known: Collection[str], kind: str) -> str:
    said = shown(name)
    found = process.extractOne(said, sorted(known)) if isinstance(name, str) else None
    return f"{said} is not a known {kind}" + (f"; did you mean '{found[0]}'?" if found else ".")
