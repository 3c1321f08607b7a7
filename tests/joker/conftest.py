"""A prior that is small enough to run in a test, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from offline.joker.networks import JokerPrior
from offline.joker.small import small_prior


@pytest.fixture(scope="session")
def tiny_prior() -> JokerPrior:
    prior = small_prior(size=32, widths=(16, 32))
    # An untrained ControlNet begins and ends in zeros: give it something to say.
    ends = [*prior.driving.controlnet_down_blocks, prior.driving.controlnet_cond_embedding.conv_out]
    for layer in ends:
        torch.nn.init.normal_(layer.weight, std=0.1)
    return prior


@pytest.fixture(scope="session")
def tiny_prior_folder(tiny_prior: JokerPrior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior")
    tiny_prior.save_pretrained(folder)
    return folder
