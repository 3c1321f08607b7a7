"""A prior that is small enough to run in a test, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.joker.prior.networks import JokerPrior
from offline.joker.prior.small import small_prior


@pytest.fixture(scope="session")
def tiny_prior() -> JokerPrior:
    return small_prior(size=32, widths=(16, 32))


@pytest.fixture(scope="session")
def tiny_prior_folder(tiny_prior: JokerPrior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior")
    tiny_prior.save_pretrained(folder)
    return folder
