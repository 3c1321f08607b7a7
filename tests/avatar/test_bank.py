"""What a bank adds to the planes: by hand, on bundles that do not fit, and on an avatar's own planes."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offline.studio.performance import performance
from runtime.avatar.bank import BankPlanes, BankSession, planes_of
from runtime.contract.axes import portrait_camera
from runtime.contract.bank import BankExpression
from runtime.contract.bundle import BANK_FILE, Bundle, GraphInfo, Tensor, read_bundle
from runtime.contract.drive import BANK, DriveState, coefficients
from runtime.driving.language.prompts import parse
from runtime.driving.mixer import Mixer
from runtime.driving.repertoire import ATTACK, Repertoire
from runtime.driving.sources import Player, Stream
from runtime.errors import BundleError
from tests.avatar.banked_avatar import BANKED, MADE, BankedAvatar
from tests.contract.test_bundle import manifest

FPS = 30


def weighted(*values: float) -> DriveState:
    return DriveState(bank=np.pad(np.array(values, np.float32), (0, BANK - len(values))))


@pytest.fixture
def small() -> BankPlanes:
    """Three expressions with two channels; the third has nothing in the first plane."""
    rng, sizes = np.random.default_rng(0), (("coarse", 4), ("fine", 8))
    steps = {name: rng.integers(-127, 128, (3, 3, n, 2 * n)).astype(np.int8) for name, n in sizes}
    scales = {name: rng.uniform(0.01, 0.1, (3, 3, 1, 2 * n)).astype(np.float32) for name, n in sizes}
    for level in scales.values():
        level[2, 0] = 0.0
    return BankPlanes(steps, scales, None)


def test_nothing_is_added_while_nothing_plays(small: BankPlanes) -> None:
    inputs = BankSession(small).inputs(DriveState())
    assert set(inputs) == {"bank_coarse", "bank_coarse_scale", "bank_fine", "bank_fine_scale"}
    assert inputs["bank_fine"].shape == (1, 3, 8, 16) and inputs["bank_fine_scale"].shape == (1, 3, 1, 16)
    assert not inputs["bank_fine_scale"].any() and not inputs["bank_coarse_scale"].any()


def test_one_expression_is_its_own_steps_scaled(small: BankPlanes) -> None:
    inputs = BankSession(small).inputs(weighted(0, 0.25))
    assert np.shares_memory(inputs["bank_fine"], small.steps["fine"]), "nothing is copied"
    assert np.array_equal(inputs["bank_fine"][0], small.steps["fine"][1])
    assert inputs["bank_fine_scale"][0] == pytest.approx(0.25 * small.scales["fine"][1])


@pytest.mark.parametrize("weights", [(0.3, 0.9, 0.0), (0.2, 0.5, 1.0), (0.001, 0.0, 1.0)])
def test_several_add_up(small: BankPlanes, weights: tuple[float, ...]) -> None:
    session = BankSession(small)
    inputs = session.inputs(weighted(*weights))
    for name in ("coarse", "fine"):
        floats = small.steps[name] * small.scales[name]
        wanted = np.tensordot(np.array(weights), floats, 1)
        scale = inputs[f"bank_{name}_scale"][0]
        assert (np.abs(inputs[f"bank_{name}"][0] * scale - wanted) <= 0.501 * scale + 1e-6).all()
    assert session.inputs(weighted(*weights)) is inputs, "the same weights cost nothing again"
    assert session.inputs(DriveState())["bank_fine_scale"].max() == 0


def bundle(arrays: Mapping[str, NDArray[np.generic]] | bytes) -> Bundle:
    tensors = (
        Tensor("expression", (0, 52), "float32"), Tensor("bank_coarse", (0, 3, 4, 8), "int8"),
        Tensor("bank_coarse_scale", (0, 3, 1, 8), "float32"), Tensor("bank_fine", (0, 3, 8, 16), "int8"),
        Tensor("bank_fine_scale", (0, 3, 1, 16), "float32"),
    )  # fmt: skip
    graphs = manifest().graphs | {"generator": GraphInfo(tensors, ())}
    own = (BankExpression("a", "a"), BankExpression("b", "b"), BankExpression("c", "c"))
    buffer = io.BytesIO()
    if not isinstance(arrays, bytes):
        np.savez(buffer, **arrays)
    data = arrays if isinstance(arrays, bytes) else buffer.getvalue()
    return Bundle(replace(manifest(), graphs=graphs, bank=own), {BANK_FILE: data}, "")


def stored(bank: BankPlanes) -> dict[str, NDArray[np.generic]]:
    return {**bank.steps, **{f"{name}_scale": scale for name, scale in bank.scales.items()}}


def test_the_planes_of_a_bundle_are_read(small: BankPlanes) -> None:
    read = planes_of(bundle(stored(small)))
    assert read is not None and read.follow is None and read.count == 3
    assert np.array_equal(read.steps["fine"], small.steps["fine"])
    assert planes_of(Bundle(manifest(), {}, "")) is None


def test_planes_that_do_not_fit_the_generator_are_refused(small: BankPlanes) -> None:
    good = stored(small)
    bad = good["fine_scale"].copy()
    bad[0, 0] = np.nan
    cases: list[tuple[Mapping[str, NDArray[np.generic]] | bytes, str]] = [
        ({k: v for k, v in good.items() if k != "fine"}, "not what the generator takes"),
        (good | {"fine": good["fine"][:2]}, r"'fine' .* not \(3, 3, 8, 16\)"),
        (good | {"fine": good["fine"].astype(np.float32)}, "'fine' in bank.npz is float32"),
        (good | {"fine_scale": bad}, "no scale"),
        (good | {"fine_scale": -good["fine_scale"]}, "no scale"),
        (b"PK no zip", "cannot be read"),
        (good | {"fine": np.array([{}], object)}, "cannot be read"),
    ]
    for arrays, message in cases:
        with pytest.raises(BundleError, match=message):
            planes_of(bundle(arrays))
    other = bundle({k: v for k, v in good.items() if k != "fine"})
    generator = other.manifest.graphs["generator"]
    fewer = replace(generator, inputs=tuple(t for t in generator.inputs if t.name != "bank_fine"))
    graphs = dict(other.manifest.graphs) | {"generator": fewer}
    with pytest.raises(BundleError, match="not what the generator takes"):
        planes_of(replace(other, manifest=replace(other.manifest, graphs=graphs)))


def test_a_bank_that_unpacks_too_large_is_refused(small: BankPlanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.avatar.bank.LIMIT", 100)
    with pytest.raises(BundleError, match="more than 100 bytes"):
        planes_of(bundle(stored(small)))


@pytest.fixture(scope="module")
def avatar() -> BankedAvatar:
    return BankedAvatar()


def test_a_distilled_bank_is_small() -> None:
    banked = read_bundle(BANKED)
    played = {e.name: e for e in banked.manifest.bank}
    assert len(played) >= 8 and played["tongue out"].drive == "tongueOut"
    assert len(banked.files[BANK_FILE]) / len(played) <= 2e6


def test_at_full_weight_the_head_is_the_stored_one(avatar: BankedAvatar) -> None:
    """As far as 8 bits go: half a step of each channel."""
    for k, (expression, head) in enumerate(MADE):
        weights = np.eye(BANK, dtype=np.float32)[k]
        shown = avatar.planes(DriveState(coefficients(expression.given), bank=weights))
        wanted = avatar.planes(DriveState(coefficients(head)))
        for name, level in shown.items():
            assert np.abs(level - wanted[name]).max() <= 0.51 * avatar.bank.scales[name][k].max()


def test_what_lies_between_is_a_head_and_no_double_exposure(avatar: BankedAvatar) -> None:
    """Seen from the side, a chin that opens leaves one outline. A cross-fade of the two pictures leaves two, with all
    between them half transparent."""
    side, given = portrait_camera(np.radians(60), 0.0), MADE[1][0].given

    def seen(weight: float) -> NDArray[np.uint8]:
        return avatar.render(DriveState(coefficients(given), bank=weighted(0, weight).bank), side)

    closed, half, opened = (seen(weight) for weight in (0.0, 0.5, 1.0))
    ends = max(half_transparent(closed), half_transparent(opened))
    assert half_transparent(half) <= 1.02 * ends
    assert half_transparent((closed.astype(np.float32) + opened) / 2) > 1.05 * ends


def half_transparent(picture: NDArray[Any]) -> int:
    """Pixels whose opacity is between a tenth and nine tenths."""
    alpha = picture[..., 3]
    return int(((alpha > 25) & (alpha < 230)).sum())


class Still:
    def sample(self, now: float) -> DriveState:
        return DriveState(timestamp=now)


def test_no_prompt_moves_the_picture_more_than_three_times_what_live_driving_does(avatar: BankedAvatar) -> None:
    """Mean absolute difference of frames at 30 fps. What is not shown is how often both look the same."""
    repertoire = Repertoire([expression for expression, _ in MADE])
    live = changes(avatar, performance(16, FPS, seed=3))
    for expression, _ in MADE:
        player = Player("prompt")
        mixer = Mixer(Still(), [Stream("camera")], [player], repertoire=repertoire)
        mixer.sample(0.0)
        player.play(parse(expression.name, repertoire.lexicon).timeline, 0.0)
        times = np.arange(0, ATTACK + 2 / FPS, 1 / FPS)  # it falls more slowly than it rises
        shown = changes(avatar, [mixer.sample(float(t)).state for t in times])
        assert 0.02 < shown.max() <= 3 * np.median(live)


def changes(avatar: BankedAvatar, states: list[DriveState]) -> NDArray[np.float64]:
    """Mean absolute difference of each picture to the one before, 0..255."""
    pictures = [avatar.render(state).astype(np.float64) for state in states]
    return np.array([np.abs(b - a).mean() for a, b in itertools.pairwise(pictures)])
