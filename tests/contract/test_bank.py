"""The list of an avatar's own expressions, in a manifest and in a drive state."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.contract.bank import BankExpression, checked_bank
from runtime.contract.bundle import BANK_FILE, read_bundle, write_bundle
from runtime.contract.drive import BANK, DriveState, checked
from runtime.errors import BundleError
from tests.contract.test_bundle import contents, manifest, rewritten

TONGUE = BankExpression("tongue out", "a tongue, stuck out", {"jawOpen": 0.5, "tongueOut": 1.0}, "tongueOut")
SCREAM = BankExpression("scream", "a person screaming", {"jawOpen": 0.9, "eyeLookUpLeft": 0.3}, hold=1.0)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "a.mien"
    write_bundle(path, replace(manifest(), bank=(TONGUE, SCREAM)), contents() | {BANK_FILE: b"planes"})
    return path


def test_a_bank_is_read_as_written(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert read.manifest.bank == (TONGUE, SCREAM) and read.files[BANK_FILE] == b"planes"


def test_a_bundle_without_a_bank_says_nothing_of_one(tmp_path: Path) -> None:
    """So that it is read by versions that know of none, and theirs by this one."""
    path = tmp_path / "a.mien"
    write_bundle(path, manifest(), contents())
    with zipfile.ZipFile(path) as archive:
        assert "bank" not in json.loads(archive.read("manifest.json")) and BANK_FILE not in archive.namelist()
    assert read_bundle(path).manifest.bank == ()


def test_members_and_list_belong_together(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(ValueError, match=r"bank\.npz"):
        write_bundle(tmp_path / "b.mien", replace(manifest(), bank=(TONGUE,)), contents())
    with pytest.raises(BundleError, match=r"lacks bank\.npz"):
        read_bundle(rewritten(bundle, {BANK_FILE: None}))
    with pytest.raises(BundleError, match=r"bank\.npz .*was altered"):
        read_bundle(rewritten(bundle, {BANK_FILE: b"other"}))


GOOD = {"name": "grin", "prompt": "a grin"}


@pytest.mark.parametrize(
    ("bank", "message"),
    [
        ("tongue", "at most 16"),
        ([GOOD | {"name": f"face {k}"} for k in range(BANK + 1)], "at most 16"),
        ([{"name": "grin"}], "has name and prompt"),
        ([GOOD | {"strength": 1}], "has name and prompt"),
        ([GOOD | {"name": "<b>"}], "is no name"),
        ([GOOD | {"name": 7}], "is no name"),
        ([GOOD | {"name": "a" * 33}], "is no name"),
        ([GOOD | {"prompt": ""}], "1 to 300"),
        ([GOOD | {"prompt": "a" * 301}], "1 to 300"),
        ([GOOD | {"coefficients": [1]}], "must be a mapping"),
        ([GOOD | {"coefficients": {"jawOpn": 1}}], "unknown coefficient 'jawOpn'"),
        ([GOOD | {"coefficients": {"jawOpen": 1.5}}], "from 0 to 1"),
        ([GOOD | {"coefficients": {"jawOpen": float("nan")}}], "from 0 to 1"),
        ([GOOD | {"coefficients": {"jawOpen": True}}], "from 0 to 1"),
        ([GOOD | {"drive": "tongue"}], "unknown coefficient 'tongue'"),
        ([GOOD | {"drive": ["tongueOut"]}], "unknown coefficient"),
        ([GOOD | {"hold": 0}], "more than 0"),
        ([GOOD | {"hold": 61}], "at most 60"),
        ([GOOD, GOOD | {"name": "Grin"}], "same name"),
        ([GOOD | {"drive": "tongueOut"}, GOOD | {"name": "b", "drive": "tongueOut"}], "same drive"),
    ],
)
def test_a_list_that_cannot_be_is_refused(bundle: Path, bank: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_bank(bank)
    with zipfile.ZipFile(bundle) as archive:
        values = json.loads(archive.read("manifest.json"))
    with pytest.raises(BundleError, match="has a bank that cannot be"):
        read_bundle(rewritten(bundle, {"manifest.json": json.dumps(values | {"bank": bank}).encode()}))


def test_what_is_given_and_what_is_laid_over() -> None:
    """The drive is what plays it, not part of the face below; the gaze stays the live one."""
    assert TONGUE.given == TONGUE.overlaid == {"jawOpen": 0.5}
    assert SCREAM.given == {"jawOpen": 0.9, "eyeLookUpLeft": 0.3} and SCREAM.overlaid == {"jawOpen": 0.9}
    only_gaze = BankExpression("look up", "looking up", {"eyeLookUpLeft": 0.8})
    assert only_gaze.overlaid == {"eyeLookUpLeft": 0.8}


def test_a_drive_state_has_weights_of_the_bank() -> None:
    assert DriveState().bank.tolist() == [0.0] * BANK
    weights = np.linspace(-1, 2, BANK, dtype=np.float32)
    assert checked(DriveState(bank=weights)).bank.tolist() == np.clip(weights, 0, 1).tolist()
    with pytest.raises(ValueError, match="'bank' must have 16 values"):
        checked(DriveState(bank=np.zeros(3, np.float32)))
    with pytest.raises(ValueError, match="'bank' holds a value that is not finite"):
        checked(DriveState(bank=np.full(BANK, np.nan, np.float32)))
