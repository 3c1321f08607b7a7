"""Who is shown, and that nothing ever jumps, whoever comes and goes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from runtime.contract.axes import angles_from_rotation, quaternion_from_rotation, rotation_from_angles
from runtime.contract.axes import rotation_from_quaternion as rotation_of
from runtime.contract.drive import INDEX, DriveState, coefficients
from runtime.driving.easing import STEEPEST
from runtime.driving.language.prompts import parse
from runtime.driving.mixer import FADE, Mixed, Mixer
from runtime.driving.performance import Performance
from runtime.driving.quaternions import angle_between
from runtime.driving.sources import SILENCE, Player, Stream
from runtime.driving.timeline import Segment, Timeline

STEP = 1 / 30
JAW, SMILE = INDEX["jawOpen"], INDEX["mouthSmileLeft"]


class Still:
    """An idle that does not move, so that every motion in these tests is the mixer's."""

    def sample(self, now: float) -> DriveState:
        return DriveState(timestamp=now)


def _mixer() -> tuple[Mixer, Stream, Stream, Player, Player]:
    camera, app, script, prompt = Stream("camera"), Stream("coefficients"), Player("script"), Player("prompt")
    return Mixer(Still(), (camera, app), (script, prompt)), camera, app, script, prompt


def _state(jaw: float, yaw: float = 0.0, timestamp: float = 0.0) -> DriveState:
    rotation = quaternion_from_rotation(rotation_from_angles(yaw, 0.0, 0.0))
    return DriveState(coefficients({"jawOpen": jaw}), rotation=rotation, timestamp=timestamp)


def _yaw(mixed: Mixed) -> float:
    return angles_from_rotation(rotation_of(mixed.state.rotation))[0]


def test_the_camera_takes_over_by_half_in_half_the_fade() -> None:
    mixer, camera, *_ = _mixer()
    assert mixer.sample(0.0).source == "idle"
    shown = []
    for now in (1.0, 1.0 + FADE / 2, 1.0 + FADE):
        camera.push(_state(0.8, yaw=0.4, timestamp=now - 0.04), now)
        shown.append(mixer.sample(now))
    assert [m.state.expression[JAW] for m in shown] == pytest.approx([0, 0.4, 0.8], abs=1e-6)
    assert [_yaw(m) for m in shown] == pytest.approx([0, 0.2, 0.4], abs=1e-5)
    assert [(m.source, m.captured, m.sequence) for m in shown] == [
        ("camera", pytest.approx(now - 0.04), k + 1) for k, now in enumerate((1.0, 1.0 + FADE / 2, 1.0 + FADE))
    ]
    assert shown[-1].state.timestamp == shown[-1].captured


def test_a_lost_face_is_held_and_then_eased_to_idle() -> None:
    mixer, camera, *_ = _mixer()
    camera.push(_state(0.8), 0.0)
    mixer.sample(0.0)
    held = mixer.sample(SILENCE)
    assert (held.source, held.state.expression[JAW]) == ("camera", pytest.approx(0.8))
    after = [mixer.sample(SILENCE + 0.01 + t) for t in (0.0, FADE / 2, FADE)]
    assert [m.state.expression[JAW] for m in after] == pytest.approx([0.8, 0.4, 0.0], abs=1e-6)
    assert {(m.source, m.captured, m.sequence) for m in after} == {("idle", None, None)}


def test_an_app_outranks_the_camera_and_a_prompt_both() -> None:
    mixer, camera, app, script, prompt = _mixer()
    camera.push(_state(0.1, timestamp=1.0), 0.0)
    assert mixer.sample(0.0).source == "camera"
    app.push(_state(0.2, timestamp=2.0), 0.0)
    assert mixer.sample(0.1).source == "coefficients"
    script.play(Timeline([Segment({"browInnerUp": 1.0})]), 0.1)
    prompt.play(Timeline([Segment({"mouthSmileLeft": 1.0})]), 0.1)
    both = mixer.sample(0.2)
    assert (both.source, both.base, both.captured) == ("prompt", "coefficients", 2.0)


def test_a_prompt_takes_the_mouth_while_the_head_follows_the_camera() -> None:
    mixer, camera, _, _, prompt = _mixer()
    prompt.play(Timeline([Segment({"mouthSmileLeft": 0.7}, attack=0.2, hold=5)]), 0.0)
    for k in range(60):
        now = k * STEP
        camera.push(_state(0.9, yaw=0.3 * math.sin(now)), now)
        shown = mixer.sample(now)
    assert shown.state.expression[[SMILE, JAW]] == pytest.approx([0.7, 0.0], abs=1e-6)
    assert _yaw(shown) == pytest.approx(0.3 * math.sin(59 * STEP), abs=1e-4)


def test_the_camera_does_not_stop_for_a_prompt_that_begins() -> None:
    mixer, camera, _, _, prompt = _mixer()
    for k in range(60):
        now = k * STEP
        if k > 30 and k % 6 == 0:
            prompt.play(Timeline([Segment({"mouthSmileLeft": 0.7})]), now)
        camera.push(_state(0.0, yaw=0.008 * k), now)
        shown = mixer.sample(now)
        if k > 30:
            assert _yaw(shown) == pytest.approx(0.008 * k, abs=1e-5)


def test_idle_fills_what_a_stream_does_not_speak_for() -> None:
    performance = Performance(seed=4)
    lids = []
    for k in range(300):
        now = k * STEP
        performance.coefficients.push(_state(0.6), now, groups=["mouth"])
        shown = performance.sample(now)
        lids.append(shown.state.expression[INDEX["eyeBlinkLeft"]])
    assert max(lids) > 0.9
    assert shown.state.expression[JAW] == pytest.approx(0.6)
    assert shown.state.expression[SMILE] == 0


def test_a_blink_is_not_disturbed_by_a_prompt_that_begins() -> None:
    plain, prompted = Performance(seed=3), Performance(seed=3)
    for k in range(240):
        now = k / 60
        if k % 7 == 0:
            prompted.prompt.play(parse("smile").timeline, now)
        a, b = plain.sample(now).state.expression, prompted.sample(now).state.expression
        assert b[INDEX["eyeBlinkLeft"]] == pytest.approx(a[INDEX["eyeBlinkLeft"]], abs=1e-5)


def _jitter(seed: int) -> list[Mixed]:
    """A minute in which sources come and go at random, switches in the middle of fades included."""
    rng = np.random.default_rng(seed)
    mixer, camera, app, script, prompt = _mixer()
    phases = rng.uniform(0, 6, 2)
    speaking = [True, False]
    shown = []
    for k in range(1800):
        now = 100 + k * STEP
        speaking = [on != (rng.random() < 0.05) for on in speaking]
        for stream, on, phase in zip((camera, app), speaking, phases, strict=True):
            if on:
                swing = math.sin(2 * math.pi * 0.3 * now + phase)
                stream.push(_state(0.5 + 0.5 * swing, yaw=0.5 * swing), now)
            elif rng.random() < 0.1:
                stream.end()
        for player in (script, prompt):
            if rng.random() < 0.04:
                player.play(Timeline([Segment({"jawOpen": 1.0, "headYaw": -0.5}, 0, 0.3, 0.4, 0.3)]), now)
            elif rng.random() < 0.02:
                player.stop()
        shown.append(mixer.sample(now))
    return shown


@pytest.mark.parametrize("seed", range(6))
def test_never_jumps_through_arbitrary_switches(seed: int) -> None:
    shown = _jitter(seed)
    jaws = np.array([m.state.expression[JAW] for m in shown])
    fade = STEEPEST["smoother"] / FADE * STEP
    # What may add up in one step: the streams' own speed, two players' ramps, and the fade over the whole range.
    own = 2 * math.pi * 0.3 * 0.5 * STEP
    ramps = 2 * STEEPEST["smooth"] / 0.3 * STEP
    assert np.abs(np.diff(jaws)).max() <= own + ramps + fade
    turns = [angle_between(a.state.rotation, b.state.rotation) for a, b in itertools.pairwise(shown)]
    assert max(turns) <= own + ramps * 1.0 + fade * 1.0
    assert {m.source for m in shown} == {"idle", "camera", "coefficients", "script", "prompt"}


def test_switches_alone_move_no_more_than_the_fade() -> None:
    rng = np.random.default_rng(1)
    mixer, camera, app, *_ = _mixer()
    jaws = []
    for k in range(1800):
        now = k * STEP
        camera.push(_state(1.0), now)
        if rng.random() < 0.2:
            app.end()
        elif rng.random() < 0.2:
            app.push(_state(0.0), now)
        jaws.append(mixer.sample(now).state.expression[JAW])
    assert np.abs(np.diff(jaws)).max() <= STEEPEST["smoother"] / FADE * STEP * (1 + 1e-5)
    assert min(jaws) < 0.1 and max(jaws) > 0.9


def test_every_source_is_kept_within_the_reach_of_the_avatar() -> None:
    mixer, camera, *_ = _mixer()
    for k in range(60):
        camera.push(_state(0.0, yaw=1.4), k * STEP)
        shown = mixer.sample(k * STEP)
    assert math.radians(35) < _yaw(shown) <= math.radians(40)
