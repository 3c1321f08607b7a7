"""Checkpoint files."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from offline.tensors import as_system_errors, read_about, read_tensors, write_tensors
from runtime.errors import BadInput


def test_tensors_and_their_description_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.safetensors"
    weight = torch.arange(6.0).reshape(2, 3).T.requires_grad_()
    write_tensors(path, {"weight": weight}, {"step": 3, "names": ["ä"]})
    tensors, about = read_tensors(path)
    assert torch.equal(tensors["weight"], weight) and about == read_about(path) == {"step": 3, "names": ["ä"]}
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("about", [None, {"mien": "no JSON"}, {"mien": "[1]"}])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path: Path, about: dict[str, str] | None) -> None:
    path = tmp_path / "a.safetensors"
    if about is None:
        path.write_bytes(b"\x80\x04 no safetensors")
    else:
        save_file({"weight": torch.zeros(1)}, path, metadata=about)
    for read in (read_tensors, read_about):
        with pytest.raises(BadInput, match=r"a\.safetensors' cannot be read .*; train again"):
            read(path, "train again")


def test_a_full_disk_is_the_systems_error_whoever_tells_of_it() -> None:
    with pytest.raises(OSError) as raised, as_system_errors():
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert raised.value.errno == errno.ENOSPC
    with pytest.raises(SafetensorError), as_system_errors():
        raise SafetensorError("header too large")
