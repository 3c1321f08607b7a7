"""The bank on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from offline.joker.bank.expressions import DistilledExpression
from offline.joker.bank.folder import (
    BankInfo,
    Base,
    Planes,
    base_path,
    head_path,
    is_finished,
    load_tensors,
    read_base,
    read_head,
    read_info,
    write_base,
    write_head,
    write_info,
)
from offline.tri2plane.presets import LITE
from runtime.errors import BadInput

NEUTRAL, SMILE = (
    DistilledExpression("neutral", "a face"),
    DistilledExpression("big smile", "a smile", {"mouthSmileLeft": 0.5}),
)
ALONE = BankInfo("alone", "Anna", "given", "prior/", "", "studio", (NEUTRAL, SMILE))


def planes() -> Planes:
    return Planes(torch.randn(3, 2, 4, 4), torch.randn(3, 2, 8, 8))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_info(tmp_path, ALONE)
    assert read_info(tmp_path) == ALONE and ALONE.played == (SMILE,)
    head = planes()
    assert not is_finished(tmp_path, SMILE)
    write_head(tmp_path, SMILE, head, {"seconds": 3.0})
    assert is_finished(tmp_path, SMILE) and head_path(tmp_path, SMILE).name == "big-smile.safetensors"
    for level, back in zip(head, read_head(tmp_path, SMILE), strict=True):
        torch.testing.assert_close(back, level.half().float(), rtol=0, atol=0)
    assert load_tensors(head_path(tmp_path, SMILE))[1]["notes"] == {"seconds": 3.0}
    assert not list(tmp_path.rglob(".*"))  # no temporary file is left


def test_a_base_is_read_back(tmp_path: Path) -> None:
    networks = {"decoder.a": torch.randn(3), "super_resolution.b": torch.randn(2)}
    write_base(tmp_path, NEUTRAL, Base(LITE, torch.rand(2, 3), networks, planes()), {})
    assert is_finished(tmp_path, NEUTRAL)
    base = read_base(tmp_path)
    assert base.preset == LITE and base.box.shape == (2, 3) and set(base.networks) == set(networks)
    assert base.neutral.fine.shape == (3, 2, 8, 8)


def test_a_head_of_other_words_or_of_another_base_is_not_this_one(tmp_path: Path) -> None:
    write_head(tmp_path, SMILE, planes(), {})
    assert is_finished(tmp_path, replace(SMILE, hold=9.0, drive="mouthSmileLeft"))  # how it is played
    assert not is_finished(tmp_path, replace(SMILE, prompt="a grin"))
    assert not is_finished(tmp_path, replace(SMILE, coefficients={"mouthSmileLeft": 0.6}))
    networks = {"decoder.a": torch.randn(3), "super_resolution.b": torch.randn(2)}
    for _ in range(2):
        write_base(tmp_path, NEUTRAL, Base(LITE, torch.rand(2, 3), networks, planes()), {})
        assert not is_finished(tmp_path, SMILE)
        with pytest.raises(BadInput, match="not distilled yet"):
            read_head(tmp_path, SMILE)
        write_head(tmp_path, SMILE, planes(), {})
        assert is_finished(tmp_path, SMILE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "avatr"}, "did you mean 'avatar'?"),
        ({"kind": "avatar", "avatar": "run", "fingerprint": "0"}, "has a neutral face already"),
        ({"expressions": (SMILE, NEUTRAL)}, "put it first"),
        ({"expressions": (SMILE,)}, "put it first"),
        ({"avatar": "run"}, "if, and only if"),
        ({"avatar": "run", "fingerprint": "0"}, "if, and only if"),
        ({"kind": "avatar", "avatar": "run", "expressions": (SMILE,)}, "if, and only if"),
    ],
)
def test_a_bank_that_does_not_fit_itself(change: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says.replace("?", r"\?")):
        replace(ALONE, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "x"}, "does not describe a bank"),
        ({"version": 9}, "of version 9"),
        ({"consnt": ""}, "did you mean 'consent'?"),
        ({"prior": 3}, "must have the texts"),
        ({"expressions": [{"name": "a"}]}, "needs the text 'prompt'"),
    ],
)
def test_a_description_that_was_changed(tmp_path: Path, change: dict[str, object], says: str) -> None:
    (tmp_path / "bank.json").write_text(json.dumps(ALONE.as_dict() | change))
    with pytest.raises(BadInput) as refused:
        read_info(tmp_path)
    assert says in str(refused.value) and "bank.json" in str(refused.value)


def test_what_is_not_there_or_cut(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="mien distill"):
        read_info(tmp_path)
    with pytest.raises(BadInput, match="not distilled yet"):
        read_head(tmp_path, SMILE)
    with pytest.raises(BadInput, match="no neutral head yet"):
        read_base(tmp_path)
    write_head(tmp_path, SMILE, planes(), {})
    path = head_path(tmp_path, SMILE)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match="cannot be read"):
        read_head(tmp_path, SMILE)
    bad = planes()
    bad.fine[0, 0, 0, 0] = torch.nan
    write_head(tmp_path, SMILE, bad, {})
    with pytest.raises(BadInput, match="finite planes 'fine'"):
        read_head(tmp_path, SMILE)
    write_base(tmp_path, NEUTRAL, Base(LITE, torch.rand(2, 3), {"decoder.a": torch.zeros(1)}, planes()), {})
    with pytest.raises(BadInput, match="lacks the networks"):
        read_base(tmp_path)
    assert base_path(tmp_path).is_file()


@pytest.mark.parametrize("written", ["", "[" * 100_000, " " * (256 * 1024 + 1), "\ufeff\0"])
def test_a_description_that_cannot_be_read_is_refused(tmp_path: Path, written: str) -> None:
    (tmp_path / "bank.json").write_text(written)
    with pytest.raises(BadInput, match=r"bank\.json' is not valid JSON .*; distil again into another folder"):
        read_info(tmp_path)
