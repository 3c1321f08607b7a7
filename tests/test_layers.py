"""Who may import whom (docs/architecture.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("offline", "export", "runtime", "clients")
HEAVY = {"torch", "diffusers", "openvino", "onnxruntime", "onnx", "tensorrt"}

BASE = ("runtime.documents", "runtime.errors", "runtime.naming", "runtime.telemetry")
"""What every room may use."""
DRIVING_BASE = ("runtime.driving.channels", "runtime.driving.easing", "runtime.driving.timeline")
"""What the language and its users share."""
TRACKED = ("runtime.contract", "runtime.tracking")
JOKER = tuple(f"offline.joker.{room}" for room in ("captures", "world", "prior", "bank", "distill"))
SHARED_OFFLINE = (
    "offline.clip", "offline.config", "offline.files", "offline.landmarks", "offline.metrics", "offline.pages",
    "offline.perceptual", "offline.pictures", "offline.pool", "offline.precision", "offline.tensors",
    "offline.training", "offline.warp",
)  # fmt: skip
"""Offline's ground floor."""

ALLOWED = {
    "offline": ("offline", *TRACKED, "runtime.machine", "runtime.media"),
    "offline/training": ("offline.training", "offline.config", "offline.files", "offline.tensors"),
    "offline/pages": ("offline.pages", "offline.files", "runtime.contract"),
    "offline/head_model": ("offline.head_model", "offline.track", "offline.clip", "offline.files", *TRACKED),
    "offline/studio": (
        "offline.studio",
        *SHARED_OFFLINE,
        "offline.track",
        *TRACKED,
        "runtime.machine",
        "runtime.media",
    ),
    "offline/people": (
        "offline.people",
        *SHARED_OFFLINE,
        "offline.head_model",
        *TRACKED,
        "runtime.machine",
        "runtime.media",
    ),
    "offline/tracker": (
        "offline.tracker",
        *SHARED_OFFLINE,
        "offline.people",
        "offline.track",
        "offline.head_model",
        *TRACKED,
        "runtime.media",
    ),
    "offline/track": ("offline.track", *SHARED_OFFLINE, *TRACKED, "runtime.machine", "runtime.media"),
    "offline/warp": ("offline.warp", "offline.head_model", "offline.precision", "runtime.contract"),
    "offline/tri2plane": (
        "offline.tri2plane",
        "offline.track",
        "offline.head_model",
        *SHARED_OFFLINE,
        *TRACKED,
        "runtime.machine",
    ),
    "offline/joker": (
        "offline.joker",
        "offline.track",
        "offline.tri2plane",
        "offline.studio",
        *SHARED_OFFLINE,
        *TRACKED,
    ),
    "offline/joker/captures": (*JOKER[:1], "offline.track", *SHARED_OFFLINE, *TRACKED, "runtime.media"),
    "offline/joker/world": (*JOKER[:2], "offline.studio", *SHARED_OFFLINE, *TRACKED),
    "offline/joker/prior": (*JOKER[:3], "offline.studio", *SHARED_OFFLINE, *TRACKED),
    "offline/joker/bank": (JOKER[3], "offline.tri2plane", *SHARED_OFFLINE, *TRACKED),
    "offline/joker/distill": (
        *JOKER,
        *SHARED_OFFLINE,
        "offline.track",
        "offline.tri2plane",
        *TRACKED,
        "runtime.machine",
    ),
    "offline/evaluate": ("offline", "runtime"),
    "export": ("export", "offline", "runtime.contract", "runtime.engines", "runtime.avatar"),
    "runtime/contract": ("runtime.contract",),
    "runtime/engines": ("runtime.engines", "runtime.contract"),
    "runtime/avatar": ("runtime.avatar", "runtime.engines", "runtime.contract"),
    "runtime/media": ("runtime.media", "runtime.contract"),
    "runtime/tracking": ("runtime.tracking", "runtime.contract"),
    "runtime/driving": ("runtime.driving", "runtime.contract"),
    "runtime/driving/language": ("runtime.driving.language", *DRIVING_BASE, "runtime.contract"),
    "runtime/live": ("runtime.live", "runtime.driving", "runtime.media", "runtime.contract"),
    "runtime/streaming": (
        "runtime.streaming",
        "runtime.live",
        "runtime.media",
        "runtime.contract",
        "runtime.memory",
    ),
    "runtime": ("runtime",),
    "clients": ("clients", "mien_client"),
}
"""Each room by its folder, and what it may import beside `BASE`; the longest fitting entry counts."""
HEAVY_ALLOWED = {
    "offline": {"torch", "diffusers"},
    "export": {"torch", "onnx"},
    "runtime/engines/openvino.py": {"openvino"},
    "runtime/engines/onnxruntime.py": {"onnxruntime"},
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rule(path: str, table: Mapping[str, Collection[str]]) -> Collection[str]:
    """The entry with the longest prefix of `path`."""
    fitting = [prefix for prefix in table if path == prefix or path.startswith(prefix + "/")]
    return table[max(fitting, key=len)] if fitting else ()


FILES = sorted(p for folder in OURS for p in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_keep_the_table(path: Path) -> None:
    where = str(path.relative_to(ROOT))
    allowed = (*rule(where, ALLOWED), *BASE)
    heavy = rule(where, HEAVY_ALLOWED)
    for name in imports(path):
        if name.split(".")[0] in OURS:
            assert any(name == a or name.startswith(a + ".") for a in allowed), f"{where} imports {name}"
        if name.split(".")[0] in HEAVY:
            assert name.split(".")[0] in heavy, f"{where} imports {name}"


def test_the_contract_needs_numpy_alone() -> None:
    standard = set(sys.stdlib_module_names)
    for path in (ROOT / "runtime" / "contract").rglob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] in standard | {"numpy", "runtime"}, f"{path.name} imports {name}"


def test_the_runtime_loads_without_torch_and_fast_things_stay_lazy() -> None:
    code = (
        "import sys, runtime.core;"
        "from runtime.commands import main, serve_cli, render, bench;"
        "bad = {'torch', 'openvino', 'onnxruntime', 'mediapipe'} & set(sys.modules);"
        "sys.exit(f'loaded: {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
