"""The prepared GPU script, end to end on the processor with tiny presets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from offline.tri2plane.on_gpu import main
from runtime.errors import BadInput
from tests.tri2plane.tiny import TINY, tiny_clip
from tests.tri2plane.variants import TINY_LIVE, TINY_PAPER

SMALL = {
    "lite": replace(TINY, name="lite"),
    "live": replace(TINY_LIVE, name="live"),
    "paper": replace(TINY_PAPER, name="paper"),
}


@pytest.mark.slow  # four trainings
def test_the_script_goes_on_where_it_stopped_and_writes_its_figures(tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip")
    common = [str(clip.folder), "-o", str(tmp_path / "out"), "--device", "cpu", "--minutes", "0.05", "--paper-steps",
              "3", "--frames", "2"]  # fmt: skip

    def figures() -> dict[str, dict[str, float]]:
        return json.loads((tmp_path / "out" / "figures.json").read_text())["presets"]

    main([*common, "--stage", "live", "--call-minutes", "0.02"], SMALL)
    begun = figures()["live"]
    assert not begun["finished"] and begun["minutes"] < 0.05
    main(common, SMALL)
    done = figures()
    assert set(done) == set(SMALL) and done["live"]["steps"] > begun["steps"]
    for name, values in done.items():
        assert values["finished"] and values["step_s"] > 0 and values["memory_mb"] > 0 and values["picture_s"] > 0
        assert 3 < values["psnr"] < 60, name
    assert done["paper"]["steps"] == 3 and done["live"]["psnr_64_samples"] > 3
    steps = done["live"]["steps"]
    main(common, SMALL)  # all is done
    assert figures()["live"]["steps"] == steps


def test_an_unknown_stage_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'lives'; did you mean 'live'\?"):
        main([str(tmp_path), "-o", str(tmp_path), "--stage", "lives"])
