"""Where bfloat16 is used."""

from __future__ import annotations

import pytest
import torch

from offline.training.devices import bfloat16

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capability", "wanted", "used"),
    [("AVX2", True, False), ("DEFAULT", True, False), ("AVX512", True, True), ("AVX512", False, False)],
)
def test_bfloat16_is_used_where_it_is_wanted_and_quick(
    capability: str, wanted: bool, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    with bfloat16(CPU, wanted):
        made = torch.nn.functional.linear(torch.ones(2, 4), torch.ones(3, 4))
    assert made.dtype == (torch.bfloat16 if used else torch.float32)
