"""Mien contacts nobody: what its dependencies would report to their makers is off before they are imported."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: events to Microsoft and an identifier in the home folder
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, diffusers, transformers
    "DO_NOT_TRACK": "1",  # whoever follows donottrack.sh
}
"""Environment variables; processes that are started inherit them."""

WITHOUT = "openvino_telemetry"
"""OpenVINO sends an event to Google at import and has no switch for it but a file in the home folder. It works without
this package of its own, and so it does not find it."""


def switch_off(environment: MutableMapping[str, str] = os.environ) -> None:
    """Call before the dependencies are imported; a package that was imported before stays as it is."""
    environment.update(SWITCHES)
    sys.modules.setdefault(WITHOUT, None)  # type: ignore[arg-type]  # None makes its import fail
