"""Settings from the command line and from JSON."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from offline.config import (
    Count,
    Fixed,
    OneOf,
    Share,
    add_setting_arguments,
    checked,
    field_meanings,
    from_mapping,
    help_settings,
    setting_text,
    setting_values,
    with_settings,
)
from offline.tri2plane.config import TrainConfig
from offline.tri2plane.presets import PRESETS
from runtime.errors import BadInput


@dataclass(frozen=True)
class Sizes:
    """Of something."""

    name: Annotated[str, Fixed]
    width: Count = 4
    """Channels."""
    share: Share = 0.5
    exact: bool = False
    mode: Annotated[str, OneOf(("near", "far"))] = "near"
    steps: tuple[tuple[int, int], ...] = ((0, 64),)
    """(from, size) of each
    part."""

    def __post_init__(self) -> None:
        checked(self)


BASE = Sizes("some")


def test_texts_become_values_of_their_types() -> None:
    given = ["width=8", "share=1e-1", "exact=yes", "mode=far", "steps=0:64, 9:128", "width=9"]
    values = setting_values(given, BASE)
    assert values == {"width": 9, "share": 0.1, "exact": True, "mode": "far", "steps": ((0, 64), (9, 128))}
    assert with_settings(BASE, values | {"learning_rate": 1.0}) == Sizes(
        "some", 9, 0.1, True, "far", ((0, 64), (9, 128))
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("widht=8", r"unknown setting 'widht'; did you mean 'width'\?"),
        ("name=other", "unknown setting 'name'"),
        ("width", "wants KEY=VALUE, got 'width'"),
        ("width=wide", "--set width: 'wide' is not a value; it takes whole number, at least 1"),
        ("width=1.5", "--set width"),
        ("exact=perhaps", "it takes yes or no"),
        ("steps=0:64:2", "it takes whole numbers, as A:B"),
        ("width=0", "'width' must be at least 1, got 0"),
        ("share=1.1", "'share' must be 0 to 1, got 1.1"),
        ("share=nan", "'share' must be 0 to 1, got nan"),
        ("mode=nea", r"unknown value of 'mode' 'nea'; did you mean 'near'\?"),
    ],
)
def test_what_is_no_setting_or_no_value_of_it_is_refused(given: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        with_settings(BASE, setting_values([given], BASE))


def test_a_mapping_is_checked_at_every_depth() -> None:
    made = from_mapping(Sizes, {"name": "some", "share": 1, "steps": [[0, 64], [5, 128]]})
    assert made == Sizes("some", share=1.0, steps=((0, 64), (5, 128)))
    wrong: list[dict[str, Any]] = [{"width": True}, {"steps": [[0, "a"]]}, {"steps": [[0]]}, {"width": 0}, {"mode": 1}]
    for values in wrong:
        with pytest.raises(BadInput, match=next(iter(values))):
            from_mapping(Sizes, {"name": "some"} | values)


def test_the_help_lists_name_value_type_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("must", nargs=1)
    add_setting_arguments(parser, lambda args: [Sizes("some", args.width)])
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--width", "7", "--help-settings"])
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Of something."
    assert "  width=7  (whole number, at least 1)" in lines and "      Channels." in lines
    assert "  steps=0:64  (whole numbers, as A:B,…)" in lines and "      (from, size) of each part." in lines
    assert not any("name" in line for line in lines)


@pytest.mark.parametrize("base", [TrainConfig(), *PRESETS.values()], ids=lambda base: getattr(base, "name", "train"))
def test_every_setting_has_a_meaning_and_its_listed_value_can_be_given_back(base: Any) -> None:
    shown = re.findall(r"^  (\S.*)  \(", help_settings(base), re.MULTILINE)
    assert with_settings(base, setting_values(shown, base)) == base
    meanings = field_meanings(type(base))
    assert all(meanings[text.split("=")[0]] for text in shown)


def test_settings_of_training_and_networks_have_names_of_their_own() -> None:
    assert not set(field_meanings(TrainConfig)) & set(field_meanings(type(PRESETS["lite"])))
    assert setting_text(1e-4) == "0.0001"
