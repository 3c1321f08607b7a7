"""A prior that is small enough to run in a test, with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from offline.joker.prior.networks import JokerPrior
from offline.joker.prior.small import small_prior


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing by more threads, and lose much to waiting where others use the cores too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_prior() -> JokerPrior:
    return small_prior(size=32, widths=(16, 32))


@pytest.fixture(scope="session")
def tiny_prior_folder(tiny_prior: JokerPrior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior")
    tiny_prior.save_pretrained(folder)
    return folder
