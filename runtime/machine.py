"""What machine this is, for reports."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("mien", "numpy", "openvino", "onnxruntime", "mediapipe", "opencv-contrib-python", "av", "aiortc", "aiohttp")
HALF_FLAGS = ("avx512_bf16", "amx_bf16", "avx512_vnni", "avx2")


def machine() -> dict[str, object]:
    """Processor, cores, memory (GB), Python and the flags that decide the engines' speed."""
    info = _cpu_info()
    flags = set(info.get("flags", "").split())
    return {
        "processor": info.get("model name", platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "flags": [flag for flag in HALF_FLAGS if flag in flags],
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def about(values: Mapping[str, Any]) -> str:
    """What `machine` says, in one line."""
    flags = f" ({', '.join(values['flags'])})" if values["flags"] else ""
    return (
        f"{values['processor']}{flags}, {values['cores']} cores, {values['memory_gb']} GB, "
        f"{values['system']}, Python {values['python']}"
    )


def versions() -> dict[str, str | None]:
    """Installed versions of the packages that serving uses; None where one is missing."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def peak_memory_mb() -> float:
    """The most memory this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu_info() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
