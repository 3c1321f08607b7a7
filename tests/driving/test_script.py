"""Script files: what they say, and what is said about those that cannot be used."""

from __future__ import annotations

import json
import math
import random
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml

from runtime.driving.channels import CHANNEL
from runtime.driving.script import MAX_BYTES, MAX_EVENTS, Script, dump_script, load_script, parse_script
from runtime.driving.timeline import Segment, Timeline
from runtime.errors import BadInput
from runtime.naming import LONGEST, shown

EXAMPLE = Path(str(files("runtime.driving"))) / "examples" / "greeting.yaml"


def _event(event: str) -> str:
    return f"version: 1\nevents:\n  - {event}\n"


def test_says_what_it_says() -> None:
    script = parse_script(
        _event(
            "{at: 1.0, set: {jawOpen: 0.6}, head: {yaw: 10, z: 0.5}, "
            "gaze: {pitch: -10}, attack: 0.2, hold: 1, groups: [brows]}"
        )
    )
    assert script.timeline.sample(0.9).weights.max() == 0
    held = script.timeline.sample(1.5)
    expected = {"jawOpen": 0.6, "headYaw": math.radians(10), "headZ": 0.5, "eyeLookUpLeft": math.radians(10) / 0.44}
    for name, value in expected.items():
        assert held.values[CHANNEL[name]] == pytest.approx(value), name
    assert held.weights[CHANNEL["browInnerUp"]] == 1 and held.weights[CHANNEL["headPitch"]] == 0


def test_coefficients_are_spelled_as_other_programs_do() -> None:
    text = _event("{at: 0, hold: 1, set: {JawOpen: 0.6, eyeBlink_L: 0.5, mouth_smile_right: 0.4, _neutral: 1}}")
    held = parse_script(text).timeline.sample(1.0).values
    expected = {"jawOpen": 0.6, "eyeBlinkLeft": 0.5, "mouthSmileRight": 0.4}
    assert {name: held[CHANNEL[name]] for name in expected} == pytest.approx(expected)


def test_json_is_yaml_too() -> None:
    text = '{"version": 1, "title": "x", "loop": true, "events": [{"at": 0, "prompt": "smile"}]}'
    script = parse_script(text)
    assert script.loop and script.title == "x"
    assert script.timeline.sample(1.0).values[CHANNEL["mouthSmileLeft"]] == pytest.approx(0.75)


def test_keys_are_passed_through() -> None:
    event = "{at: 2, attack: 0.5, keys: [{at: 0, set: {jawOpen: 0.2}}, {at: 1, set: {jawOpen: 0.8}}, {at: 2}]}"
    timeline = parse_script(_event(event)).timeline
    jaw = [timeline.sample(t).values[CHANNEL["jawOpen"]] for t in (2.5, 3.0, 3.5, 4.5)]
    assert jaw == pytest.approx([0.2, 0.5, 0.8, 0.0], abs=1e-6)


def test_the_example_plays() -> None:
    script = load_script(EXAMPLE)
    assert script.title == "Greeting" and 5 < script.timeline.duration < 10


def test_what_is_written_reads_back_the_same() -> None:
    rng = np.random.default_rng(2)
    names = ["jawOpen", "browInnerUp", "headYaw", "headRoll", "headX", "eyeLookUpLeft"]
    segments = [Segment({}, 1.0, groups=frozenset({"mouth"}))]
    for _ in range(20):
        targets = {str(name): float(rng.uniform(0, 0.3)) for name in rng.choice(names, 2)}
        start, attack, hold, release = rng.uniform(0.1, 2, 4)
        segments.append(Segment(targets, start, attack, hold, release, "smoother"))
    timeline = parse_script(dump_script(Script(Timeline(segments), "again", True))).timeline
    assert timeline.duration == pytest.approx(Timeline(segments).duration)
    for t in np.arange(0, 6, 0.1):
        ours, theirs = Timeline(segments).sample(float(t)), timeline.sample(float(t))
        assert theirs.values == pytest.approx(ours.values, abs=1e-6)
        assert theirs.weights == pytest.approx(ours.weights, abs=1e-6)


ERRORS = [
    ("", "script: must be a list of 'key: value' pairs."),
    ("a: [", "script, line 2: not valid YAML or JSON"),
    ("\x00", "script: not valid YAML or JSON"),
    ("[" * 9000, "script, line 1: nested too deeply"),
    ("!!python/object/apply:os.system [id]", "script, line 1: not valid YAML or JSON"),
    ("{[1]: 2}", "script, line 1: not valid YAML or JSON"),
    ("events: []", "script: 'version' must be 1."),
    ("version: 2\nevents: []", "script: 'version' must be 1."),
    ("version: true\nevents: []", "script: 'version' must be 1."),
    ("version: 1\nevnts: []", "'evnts' is not a known key; did you mean 'events'?"),
    ("version: 1\nevents: 3", "script: 'events' must be a list."),
    ("version: 1\ntitle: 3\nevents: []", "'title' must be text"),
    ("version: 1\nevents: [" + "{at: 1, prompt: nod}," * (MAX_EVENTS + 1) + "]", f"at most {MAX_EVENTS} are allowed"),
    (_event("smile"), "script, event 1: must be a list of 'key: value' pairs."),
    (_event("{at: 1, promt: smile}"), "script, event 1: 'promt' is not a known key; did you mean 'prompt'?"),
    (_event("{1: 2}"), "script, event 1: '1' is not a known key"),
    (_event("{at: 1}"), "script, event 1: says nothing to do"),
    (_event("{at: -1, prompt: smile}"), "script, event 1, 'at' must be a number from 0 to 600, not -1."),
    (_event("{at: .nan, prompt: smile}"), "'at' must be a number"),
    (_event("{at: true, prompt: smile}"), "'at' must be a number"),
    (_event("{at: 1, hold: .inf, set: {jawOpen: 1}}"), "'hold' must be a number"),
    (
        _event("{at: 1, set: {mouthSmleLeft: 1}}"),
        "'mouthSmleLeft' is not a known coefficient; did you mean 'mouthSmileLeft'?",
    ),
    (
        _event("{at: 1, set: {jawOpen: 1, jaw_open: 0}}"),
        "'jawOpen' is there twice, once as 'jaw_open'.",
    ),
    (_event("{at: 1, set: {~: 1}}"), "'set': 'None' is not a known coefficient"),
    (_event("{at: 1, set: {jawOpen: 1.2}}"), "script, event 1, 'jawOpen' must be a number from 0 to 1, not 1.2."),
    (_event("{at: 1, set: {jawOpen: wide}}"), "'jawOpen' must be a number from 0 to 1, not 'wide'."),
    (_event("{at: 1, head: {yaw: 90}}"), "head 'yaw' must be a number from -40 to 40"),
    (_event("{at: 1, head: {jaw: 9}}"), "'jaw' is not a known key; did you mean 'yaw'?"),
    (_event("{at: 1, set: {jawOpen: 1}, ease: smoth}"), "'smoth' is not a known easing; did you mean 'smooth'?"),
    (_event("{at: 1, set: {jawOpen: 1}, groups: [mout]}"), "'mout' is not a known group; did you mean 'mouth'?"),
    (_event("{at: 1, set: {jawOpen: 1}, groups: [[]]}"), "is not a known group"),
    (_event("{at: 1, prompt: smile, set: {jawOpen: 1}}"), "make an event of each"),
    (_event("{at: 1, prompt: smile, hold: 3}"), "'hold' has no meaning beside 'prompt'; remove it."),
    (_event("{at: 1, prompt: 3}"), "'prompt' must be text."),
    (_event("{at: 1, prompt: flibber}"), "script, event 1: 'flibber' is not known; nearest are '"),
    (_event("{at: 1, prompt: blink 99 times}"), "script, event 1: 'blink' can be repeated at most 50 times."),
    (_event("{at: 1, keys: [{at: 1}, {at: 1}]}"), "key 2: 'at' must be later than that of the key before it."),
    (_event("{at: 1, keys: [{at: 0, prompt: nod}]}"), "event 1, key 1: 'prompt' is not a known key"),
    (_event("{at: 600, prompt: smile}"), "a script may last at most 600 s."),
    (_event("{at: 2001-99-99}"), "'at' must be a number from 0 to 600, not '2001-99-99'."),
    (_event("{at: &a [1], hold: *a}"), "script, line 3: aliases ('*a') are not read; write the values out."),
    (_event("{at: 1, set: {jawOpen: 1}, ease: [1]}"), "script, event 1: [1] is not a known easing."),
    (_event("{at: 1, set: {jawOpen: 1}, ease: 3}"), "script, event 1: 3 is not a known easing."),
    (_event("{at: !!timestamp x}"), "script, line 3: not valid YAML or JSON (tags"),
    (_event("{at: 0x" + "f" * 30 + "}"), "'at' must be a number from 0 to 600, not a number of 120 bits."),
    (_event("{at: 0x" + "f" * 5000 + "}"), "script, line 3: a text of 5002 letters; at most 2000 are read."),
    ('{"version": 1, "title": "\ud800"}', "script: not valid YAML or JSON"),
    ("version: 1\n---\nversion: 1", "script: holds several documents"),
    ("[" + "0," * 30_000 + "]", "script, line 1: more than 20000 values"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[m[:40] for _, m in ERRORS])
def test_what_cannot_be_used_is_said_in_one_sentence_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_script(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_a_small_text_that_stands_for_much_is_refused_before_it_grows() -> None:
    levels = [f"&a{n} [{','.join(['1' if n == 0 else f'*a{n - 1}'] * 9)}]" for n in range(40)]
    with pytest.raises(BadInput, match="aliases"):
        parse_script(_event(f"{{at: [{', '.join(levels)}]}}"))


def test_an_error_looks_at_no_more_of_a_value_than_it_shows() -> None:
    deep: object = 1
    for _ in range(60):
        deep = [deep] * 9  # 9 to the power of 60 numbers, were they written
    assert shown(deep).startswith("[[") and len(shown(deep)) <= LONGEST
    assert shown("x" * 10**6).startswith("'xxx") and len(shown("x" * 10**6)) <= LONGEST
    assert shown(10**5000) == "a number of 16610 bits"
    assert shown("two\nlines") == "'two\\nlines'"


def _mutated(rng: random.Random, text: str) -> str:
    """A document with a few of its pieces changed, as a careless program or a hostile one would."""
    odd = (
        "[1]", "{}", "null", "-1", ".inf", ".nan", "1e999", "'", '"', "[", "]", "{", "}", ":", "*a", "&a", "!!int x",
        "!!python/name:os.system", "true", "2001-99-99", "1:1:1", "0x" + "f" * 50, "<<", "=", "- ", "\n", "\x00",
        "\ud800", "?", "|", ">", "%TAG", "---", "...", "9" * 5000, "[" * 50, "'', ",
    )  # fmt: skip
    for _ in range(rng.randint(1, 4)):
        pieces = re.split(r"(\W)", text)
        kind, at = rng.random(), rng.randrange(len(pieces))
        if kind < 0.6:
            pieces[at] = rng.choice(odd)
        elif kind < 0.8:
            del pieces[at : at + rng.randint(1, 5)]
        else:
            pieces[at:at] = pieces[rng.randrange(len(pieces)) :][: rng.randint(1, 8)]
        text = "".join(pieces)
    return text


def test_never_raises_anything_but_bad_input() -> None:
    rng = random.Random(5)
    yaml_text = EXAMPLE.read_text()
    full = """
version: 1
loop: true
events:
  - {at: 1, set: {jawOpen: 0.6}, head: {yaw: 10, z: 0.5}, gaze: {pitch: -10}, own: {}, attack: 0.2, groups: [brows]}
  - {at: 2, ease: linear, release: 1, keys: [{at: 0, set: {jawOpen: 0.2}}, {at: 1, head: {pitch: 1}}]}
  - {at: 3, prompt: smile twice}
"""
    json_text = json.dumps(yaml.safe_load(full))
    for _ in range(1500):
        text = _mutated(rng, rng.choice((yaml_text, full, json_text)))
        try:
            timeline = parse_script(text).timeline
        except BadInput as error:
            assert len(str(error)) < 500, text
            continue
        assert math.isfinite(timeline.duration) and np.isfinite(timeline.sample(1.0).values).all()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9")
    for name, message in [
        ("none.yaml", "No such file"),
        ("big.yaml", "larger than"),
        ("latin.yaml", "UTF-8"),
        ("", "director"),
    ]:
        with pytest.raises(BadInput, match=message):
            load_script(tmp_path / name)
