"""The whole path on photos, paintings and a sculpture: picture → bank → bundle → frame, with an untrained prior."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.bake import bake_alone
from offline.joker import cli
from offline.joker.distill import task
from offline.joker.distill.presets import PRESETS, STUDIO
from offline.tri2plane.presets import PRESETS as SIZES
from runtime.avatar.loaded import LoadedAvatar
from runtime.contract.drive import BANK, DriveState
from tests.joker.distill.test_reference import NAMES, portrait
from tests.tri2plane.tiny import TINY

QUICK = replace(
    STUDIO, name="quick", size=32, azimuths=2, elevations=2, levels=4, single=2, iterations=2, after=4, views=2,
    resolutions=((0, 32),), patch=32, autocast=False, batch=4,
)  # fmt: skip
LIST = """
expressions:
  - {name: neutral, prompt: a face}
  - {name: tongue out, prompt: a face with the tongue out, coefficients: {jawOpen: 0.55}, drive: tongueOut}
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_portrait_becomes_an_avatar(
    name: str, tiny_prior_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "lite", TINY)
    monkeypatch.setitem(PRESETS, "quick", QUICK)
    monkeypatch.setattr(task, "PICTURE", TINY.picture)
    (tmp_path / "list.yaml").write_text(LIST)
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    words = ["--reference", str(portrait(name)), "--expressions", str(tmp_path / "list.yaml"), "-o",
             str(tmp_path / "bank"), "--prior", str(tiny_prior_folder), "--device", "cpu",
             "--subject", "Somebody", "--consent", "painted, carved or given"]  # fmt: skip
    cli.run(parser.parse_args(words))
    bake_alone(tmp_path / "bank", tmp_path / "one.mien", "One")
    avatar = LoadedAvatar.load(tmp_path / "one.mien", "onnxruntime")
    session = avatar.new_renderer()
    played = np.eye(1, BANK, dtype=np.float32)[0]
    frames = [session.render(DriveState(bank=bank)).rgba.astype(int) for bank in (0 * played, played)]
    assert frames[0].shape == (TINY.picture, TINY.picture, 4)
    middle, rest = (slice(TINY.picture // 3, 2 * TINY.picture // 3),) * 2, frames[0][..., 3]
    assert rest[middle].mean() > 2 * rest.mean() > 0  # somebody is in the middle
    assert np.abs(frames[1] - frames[0]).max() > 0  # and does what is asked
