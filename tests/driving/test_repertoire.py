"""Expressions that only one avatar has: by prompt, by script, by a coefficient, and with all else that drives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.contract.bank import BankExpression
from runtime.contract.drive import BANK, DETAIL, INDEX, DriveState, coefficients
from runtime.driving.channels import CHANNEL, channels_of, with_channels
from runtime.driving.easing import STEEPEST
from runtime.driving.language.prompts import parse
from runtime.driving.mixer import FADE, Mixer
from runtime.driving.repertoire import ATTACK, Repertoire
from runtime.driving.script import Script, dump_script, parse_script
from runtime.driving.sources import Player, Stream
from runtime.driving.timeline import Segment, Timeline
from runtime.errors import BadInput

TONGUE = BankExpression("tongue out", "a tongue", {"jawOpen": 0.5}, "tongueOut")
PUFF = BankExpression("left cheek puffed", "a cheek", {"mouthPucker": 0.2, "eyeLookUpLeft": 0.5})
CRY = BankExpression("about to cry", "nearly crying", {"browInnerUp": 1.0}, hold=3.0)
ODD = BankExpression("mad and happy", "both at once", {"mouthSmileLeft": 1.0})
OWN = Repertoire((TONGUE, PUFF, CRY, ODD))
STEP = 1 / 30
JAW, SMILE, OUT = INDEX["jawOpen"], INDEX["mouthSmileLeft"], INDEX["tongueOut"]


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("tongue out", ["tongue out"]),
        ("Tongue  OUT", ["tongue out"]),
        ("tounge out for 3 seconds", ["tongue out (3 s)"]),
        ("tongue out slightly, then smile", ["tongue out (30%)", "smile"]),
        ("slowly puff your left cheek", ["left cheek puffed (slower)"]),
        ("left cheek puffed twice", ["left cheek puffed (2 times)"]),
        ("look about to cry and raise your chin", ["about to cry", "chin up"]),
        ("mad and happy", ["mad and happy"]),
        ("stick your tongue out", ["stick your tongue out"]),
    ],
)
def test_a_prompt_names_them_like_any_other(text: str, understood: list[str]) -> None:
    prompt = parse(text, OWN.lexicon)
    assert list(prompt.understood) == understood and not prompt.unknown


def test_other_avatars_do_not_know_them() -> None:
    assert parse("left cheek puffed").understood != ("left cheek puffed",)
    assert parse("mad and happy").understood == ("angry", "happy")


def test_an_unknown_phrase_is_answered_with_their_names_too() -> None:
    unknown = parse("zigzag", Repertoire((BankExpression("zigzag mouth", "lips"),)).lexicon).unknown
    assert "zigzag mouth" in unknown[0].nearest
    assert "mad and happy" in OWN.lexicon.nearest("happy mad")


def test_a_prompt_plays_the_weight_and_what_goes_with_it() -> None:
    sampled = parse("tongue out at 50% for 2 seconds", OWN.lexicon).timeline.sample(1.0)
    expected = {"own0": 0.5, "jawOpen": 0.25, "mouthSmileLeft": 0.0}
    for name, value in expected.items():
        assert sampled.values[CHANNEL[name]] == pytest.approx(value) and sampled.weights[CHANNEL[name]] == 1, name
    assert not sampled.weights[[CHANNEL[n] for n in ("eyeLookUpLeft", "headYaw", "browInnerUp", "eyeBlinkLeft")]].any()
    gaze = parse("left cheek puffed", OWN.lexicon).timeline.sample(1.0)
    assert gaze.weights[CHANNEL["own1"]] == 1 and gaze.weights[CHANNEL["eyeLookUpLeft"]] == 0
    held = parse("about to cry", OWN.lexicon).timeline
    assert held.sample(ATTACK + 2.9).values[CHANNEL["own2"]] == pytest.approx(1.0)


def test_who_takes_the_mouth_ends_them_and_who_takes_the_brows_does_not() -> None:
    state = with_channels(DriveState(), channels_of(DriveState(bank=np.eye(BANK, dtype=np.float32)[0])))
    assert state.bank[0] == 1
    assert Timeline([Segment({"mouthSmileLeft": 1.0})]).sample(1.0).over(state).bank[0] == 0
    assert Timeline([Segment({"browInnerUp": 1.0})]).sample(1.0).over(state).bank[0] == 1


def test_a_drive_plays_its_expression_and_is_not_given_to_the_generator() -> None:
    """Half a tongue over a mouth at 0.1 that smiles: jaw 0.5 * 0.1 + 0.5 * 0.5, smile halved, brows kept."""
    face = coefficients({"tongueOut": 0.5, "jawOpen": 0.1, "mouthSmileLeft": 0.8, "browInnerUp": 0.7})
    detail = np.ones(DETAIL, np.float32)
    driven = OWN.driven(DriveState(face, detail))
    assert driven.bank[:2] == pytest.approx([0.5, 0.0])
    shown = {name: driven.expression[INDEX[name]] for name in ("tongueOut", "jawOpen", "mouthSmileLeft", "browInnerUp")}
    assert shown == pytest.approx({"tongueOut": 0.0, "jawOpen": 0.3, "mouthSmileLeft": 0.4, "browInnerUp": 0.7})
    assert driven.detail == pytest.approx(0.5 * detail)
    assert face[OUT] == 0.5, "what was given is not written to"


def test_a_drive_adds_to_what_plays_only_what_is_missing() -> None:
    """A prompt at 0.6 has eased the jaw to 0.3 + 0.4 * 0.1; a drive of 0.8 halves what is left of the way to 0.5."""
    bank = np.zeros(BANK, np.float32)
    bank[0] = 0.6
    driven = OWN.driven(DriveState(coefficients({"tongueOut": 0.8, "jawOpen": 0.34}), bank=bank))
    assert driven.bank[0] == pytest.approx(0.8) and driven.expression[JAW] == pytest.approx(0.42)
    less = OWN.driven(DriveState(coefficients({"tongueOut": 0.2, "jawOpen": 0.34}), bank=bank))
    assert less.bank[0] == pytest.approx(0.6) and less.expression[JAW] == pytest.approx(0.34)
    whole = OWN.driven(DriveState(coefficients({"tongueOut": 1.0}), bank=np.eye(BANK, dtype=np.float32)[0]))
    assert whole.bank[0] == 1 and np.isfinite(whole.expression).all()


def test_an_avatar_without_a_bank_keeps_its_states() -> None:
    state = DriveState(coefficients({"tongueOut": 1.0}))
    assert Repertoire().driven(state) is state


class Still:
    def sample(self, now: float) -> DriveState:
        return DriveState(timestamp=now)


def _mixer() -> tuple[Mixer, Stream, Stream, Player, Player]:
    camera, app, script, prompt = Stream("camera"), Stream("coefficients"), Player("script"), Player("prompt")
    return Mixer(Still(), (camera, app), (script, prompt), repertoire=OWN), camera, app, script, prompt


def test_the_head_and_the_gaze_stay_live_while_one_plays() -> None:
    mixer, camera, _, _, prompt = _mixer()
    prompt.play(parse("tongue out for 5 seconds", OWN.lexicon).timeline, 0.0)
    for k in range(60):
        now = k * STEP
        camera.push(DriveState(coefficients({"jawOpen": 0.9}), timestamp=now).looking(0.2 * math.sin(now), 0.0), now)
        shown = mixer.sample(now).state
    assert shown.bank[0] == pytest.approx(1.0) and shown.expression[JAW] == pytest.approx(0.5)
    assert shown.gaze[0] == pytest.approx(0.2 * math.sin(59 * STEP), abs=1e-5)


def test_a_lost_app_eases_its_tongue_away() -> None:
    mixer, _, app, *_ = _mixer()
    app.push(DriveState(coefficients({"tongueOut": 1.0})), 0.0)
    assert mixer.sample(0.0).state.bank[0] == 1
    app.end()
    weights = [mixer.sample(t).state.bank[0] for t in (0.01, 0.01 + FADE / 2, 0.01 + FADE)]
    assert weights == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_weights_never_jump(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixer, camera, app, script, prompt = _mixer()
    texts, shown = ("tongue out", "left cheek puffed", "smile", "about to cry", "stop"), []
    for k in range(900):
        now = k * STEP
        camera.push(DriveState(coefficients({"jawOpen": 0.4})), now)
        out = 0.5 - 0.5 * math.cos(2 * math.pi * 0.3 * now)
        if rng.random() < 0.9:
            app.push(DriveState(coefficients({"tongueOut": out})), now)
        elif rng.random() < 0.3:
            app.end()
        if rng.random() < 0.04:
            prompt.play(parse(str(rng.choice(texts)), OWN.lexicon).timeline, now)
        if rng.random() < 0.03:
            script.play(Timeline([Segment({"own1": 1.0}, attack=0.3, hold=0.4, release=0.3)]), now)
        shown.append(mixer.sample(now).state.bank)
    # A fade over the whole range, the app's own speed, and the ramps of a prompt and of a script.
    most = STEEPEST["smoother"] / FADE + 0.3 * math.pi + STEEPEST["smooth"] * (1 / ATTACK + 1 / 0.3)
    assert np.abs(np.diff(shown, axis=0)).max() <= most * STEP
    assert np.max(shown, axis=0)[:3].min() > 0.9


def test_a_script_names_them() -> None:
    event = "version: 1\nevents:\n  - {at: 0, own: {tongue out: 0.8}, set: {mouthSmileLeft: 0.3}}\n"
    script = parse_script(event, repertoire=OWN)
    values = script.timeline.sample(1.0).values
    assert [values[CHANNEL[n]] for n in ("own0", "jawOpen", "mouthSmileLeft")] == pytest.approx([0.8, 0.4, 0.3])
    again = parse_script(dump_script(Script(script.timeline), OWN), repertoire=OWN)
    assert again.timeline.sample(1.0).values == pytest.approx(values)
    prompted = parse_script("version: 1\nevents:\n  - {at: 0, prompt: tongue out}\n", repertoire=OWN)
    assert prompted.timeline.sample(1.0).values[CHANNEL["own0"]] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("{tongue ot: 1}", "did you mean 'tongue out'"),
        ("{tongue out: 2}", "from 0 to 1"),
        ("[tongue out]", "must be a list of 'key: value' pairs"),
    ],
)
def test_a_script_that_names_them_wrongly(own: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_script(f"version: 1\nevents:\n  - {{at: 0, own: {own}}}\n", repertoire=OWN)
    with pytest.raises(BadInput, match="not a known expression of this avatar"):
        parse_script("version: 1\nevents:\n  - {at: 0, own: {tongue out: 1}}\n")


def test_what_an_expression_brings_of_a_drive_sets_off_no_other() -> None:
    # Both cheeks follow cheekPuff, the left one brings it. Played by name at 0.5, over a face that puffs 0.7 in all.
    both = BankExpression("both cheeks", "two", {"cheekPuff": 1.0}, "cheekPuff")
    left = BankExpression("left cheek", "one", {"cheekPuff": 1.0})
    repertoire = Repertoire((both, left))
    bank = np.zeros(BANK, np.float32)
    bank[1] = 0.5
    for live, wanted in ((0.5, 0.0), (0.7, 0.2)):
        made = repertoire.driven(DriveState(coefficients({"cheekPuff": live}), bank=bank))
        assert made.bank[:2] == pytest.approx([wanted, 0.5], abs=1e-6)
        assert made.expression[INDEX["cheekPuff"]] == pytest.approx(0.5, abs=1e-6)


def test_one_drive_does_not_set_off_another() -> None:
    # The first lays jawOpen over the face, which plays the second where the face itself asks for it.
    first = BankExpression("first", "a", {"jawOpen": 1.0}, "tongueOut")
    second = BankExpression("second", "b", {"mouthFunnel": 1.0}, "jawOpen")
    made = Repertoire((first, second)).driven(DriveState(coefficients({"tongueOut": 1.0})))
    assert made.bank[:2].tolist() == [1.0, 0.0]
    assert made.expression[INDEX["jawOpen"]] == 1.0
